"""The record: what one run leaves, so that its numbers can be recomputed and compared."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from pd4ml.errors import DataError, missing_extra
from pd4ml.evaluation.metrics import Measurement
from pd4ml.storage.atomic import write_text

__all__ = ["FORMAT", "RECORD_NAME", "Record", "find_records", "machine", "now", "read_record", "versions"]

FORMAT = 1
RECORD_NAME = "record.json"
_PACKAGES = ("pd4ml-physics", "numpy", "numba", "torch", "lightning", "scikit-learn")


@dataclass(frozen=True)
class Record:
    """One run, as in ``record.schema.json``, which says what every field holds.

    ``kind`` is ``run``, or ``external`` for predictions of another tool: of those a key is absent from
    ``model``, ``events``, ``epochs``, ``timing``, ``versions``, ``machine`` and ``code`` where nobody told, and
    ``seed`` may be None.
    """

    dataset: dict[str, Any]
    model: dict[str, Any]
    recipe: dict[str, Any]
    seed: int | None
    events: dict[str, int]
    epochs: dict[str, int]
    metrics: dict[str, Measurement]
    timing: dict[str, float]
    predictions: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any]
    created: str
    kind: str = "run"
    code: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT
    folder: Path | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; without ``folder``, which is where the record was found."""
        body = dataclasses.asdict(self)
        del body["folder"]
        return body

    @classmethod
    def from_dict(cls, body: Any) -> Record:
        """Make a record from plain values; DataError if they do not follow the schema."""
        _check(body)
        measured = {name: Measurement(**values) for name, values in body["metrics"].items()}
        return cls(**{**body, "metrics": measured})

    def write(self, file: Path) -> None:
        """Check against the schema and write; a reader sees a whole record or none."""
        body = self.to_dict()
        _check(body)
        write_text(file, json.dumps(body, indent=1, allow_nan=False) + "\n")


def read_record(file: Path) -> Record:
    """Read a record, given its file or the folder of its run; DataError in one line if it is damaged."""
    file = file / RECORD_NAME if file.is_dir() else file
    try:
        record = Record.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"record {file} cannot be read: {reason}") from error
    return dataclasses.replace(record, folder=file.parent)


def find_records(runs_dir: Path) -> list[Path]:
    """The record files below ``runs_dir``, one for each finished run, by name."""
    return sorted(runs_dir.glob(f"*/{RECORD_NAME}"))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, platform; no name of the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"cpu": _cpu_name(), "cores": cores, "platform": f"{sys.platform} {platform.machine()}"}


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


@cache
def _schema() -> dict[str, Any]:
    text = resources.files("pd4ml.benchmark").joinpath("record.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _check(body: Any) -> None:
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
    except ImportError as error:
        raise missing_extra("a record", "evaluate", error) from error
    problem = best_match(Draft202012Validator(_schema()).iter_errors(body))
    if problem is not None:
        raise DataError(f"{problem.json_path}: {problem.message[:200]}")
