"""Files that were hashed before and have not changed since: each is looked at once, and again when it changes.

What was found is kept as ``.verified.json`` in the folder, by inode, size and time of change, so that a copy is
looked at, too. Where the folder cannot be written, it is known to this process only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pd4ml.errors import StoreError
from pd4ml.progress import progress
from pd4ml.storage.atomic import write_text
from pd4ml.storage.disk import refused
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.small import read_json

__all__ = ["VERIFIED_NAME", "verify_files", "verify_once"]

VERIFIED_NAME = ".verified.json"
_known: dict[Path, list[Any]] = {}  # what this process has seen


def verify_files(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Hash ``files`` (name and SHA-256) in ``folder``; StoreError names the first that is another."""
    with _readable(folder):
        total = sum((folder / name).stat().st_size for name, _ in files)
        with progress(f"verifying {folder}", total, "bytes") as bar:
            for name, sha256 in files:
                if sha256_of(folder / name, bar) != sha256:
                    raise StoreError(
                        f"{folder / name} has another SHA-256 than its manifest says: "
                        "delete the folder and make the dataset again"
                    )


def verify_once(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """As `verify_files`, for those that are not known to be what they should."""
    kept = _read(folder / VERIFIED_NAME)
    with _readable(folder):
        now = {name: _state(folder / name, sha256) for name, sha256 in files}
    unknown = [
        (name, sha256)
        for name, sha256 in files
        if now[name] not in (kept.get(name), _known.get((folder / name).absolute()))
    ]
    if not unknown:
        return
    verify_files(folder, unknown)
    _known.update({(folder / name).absolute(): now[name] for name, _ in unknown})
    try:
        write_text(folder / VERIFIED_NAME, json.dumps(kept | now))
    except OSError:  # somebody else's folder, or a full disk: it is hashed again by the next process
        return


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or folder} cannot be read: {refused(error)}") from error


def _state(file: Path, sha256: str) -> list[Any]:
    found = file.stat()
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, sha256]


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = read_json(file)
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
