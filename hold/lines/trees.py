"""Folders of two runs of one line, compared bit for bit, but for what may differ: here is said what that is."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

__all__ = ["difference", "tree"]

# Moments, durations, and hashes of files that hold some. Keys and signatures of a collaboration are drawn anew.
MAY_DIFFER = {
    *(
        "created",
        "time",
        "timing",
        "seconds",
        "retrieved",
        "mtime_ns",
        "machine",
        "train_seconds",
        "predict_seconds",
    ),
    *("signature", "previous", "public", "authors", "coordinator", "log_sha256", "port"),
}
_SECRET = (
    "key",
    "signing.key",
    ".pem",
    ".crt",
    ".key",
    ".csr",
    "order.npy",
    "inputs.npz",
    "site.log",
)  # drawn anew by each run; a log has times
_OWN = (".verified.json", ".lock")  # inodes and times; locks, which say nothing


def tree(folder: Path) -> dict[str, str]:
    """What is in a folder: for each file a hash of what must be the same, for each folder nothing."""
    found: dict[str, str] = {}
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        found |= {f"{(here / name).relative_to(folder)}/": "" for name in folders}
        for name in files:
            if not name.endswith(_OWN):
                found[str((here / name).relative_to(folder))] = _digest(here / name)
    return found


def difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """The first thing that is not as it should be; nothing if all is."""
    if left := sorted(found.keys() - wanted.keys()):
        return f"left behind: {', '.join(left[:3])}"
    if missing := sorted(wanted.keys() - found.keys()):
        return f"missing: {', '.join(missing[:3])}"
    if other := sorted(name for name in wanted if found[name] != wanted[name]):
        return f"other content: {', '.join(other[:3])}"
    return ""


def _digest(file: Path) -> str:
    if file.name.endswith(_SECRET):
        return "secret"
    content = file.read_bytes()
    if file.suffix in (".json", ".jsonl"):
        content = b"\n".join(
            _plain(line) for line in ([content] if file.suffix == ".json" else content.split(b"\n"))
        )
    elif file.name == "history.csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        content = json.dumps([{k: v for k, v in row.items() if k != "seconds"} for row in rows]).encode()
    elif file.suffix == ".html":
        content = re.sub(rb"\d[\d.,]*( |&nbsp;)?(ms|s|min)\b", b"", content)
    return hashlib.sha256(content).hexdigest()


def _plain(content: bytes) -> bytes:
    """JSON without what may differ; what is none stays as it is."""
    try:
        return json.dumps(_without(json.loads(content)), sort_keys=True).encode()
    except ValueError:
        return content


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in MAY_DIFFER}
    return [_without(item) for item in value] if isinstance(value, list) else value
