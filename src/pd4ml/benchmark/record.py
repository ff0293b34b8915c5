"""The record: what one run leaves, so that its numbers can be recomputed and compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_path
from pd4ml.benchmark.schema import check_schema
from pd4ml.errors import DataError, one_line
from pd4ml.metrics.measurement import Measurement
from pd4ml.storage.atomic import write_text
from pd4ml.storage.small import read_json
from pd4ml.text import html_facts

__all__ = [
    "FORMAT",
    "RECORD_NAME",
    "Record",
    "find_records",
    "graphics_card",
    "now",
    "read_record",
    "versions",
]

FORMAT = 2
RECORD_NAME = "record.json"
_SCHEMA = ("pd4ml.benchmark", "record.schema.json")
_PACKAGES = ("pd4ml-physics", "numpy", "numba", "torch", "lightning", "scikit-learn")


@dataclass(frozen=True)
class Record:
    """One run, as in ``record.schema.json``, which says what every field holds.

    Records of format 1 are read as if they said the little that is known of ``method``, ``parents``, ``samples``
    and ``artifacts``, which they had not. Of ``external`` records a key is absent from ``model``, ``events``,
    ``epochs``, ``timing``, ``versions``, ``machine`` and ``code`` where nobody told.

    Parameters
    ----------
    dataset : dict[str, Any]
        The events: name, card_version, task, unit of the target, source, variant, fingerprint, provenance.
    model : dict[str, Any]
        Name, and number of trained parameters.
    recipe : dict[str, Any]
        The whole recipe.
    seed : int or None
        Of the weights and of the order of events; None: unknown.
    events : dict[str, int]
        Number of events of train, valid and test.
    epochs : dict[str, int]
        How many were trained, and the best, from 1, whose weights were kept.
    metrics : dict[str, Measurement]
        Of the test split, with bootstrap errors, in the target's unit (``mse`` in its square).
    timing : dict[str, float]
        Wall times (s), and events per second, of training and prediction.
    predictions : dict[str, str]
        File and SHA-256.
    versions : dict[str, str]
        Of Python and of the packages that numbers depend on.
    machine : dict[str, Any]
        Processor, cores, platform, GPU; threads of the training, and whether their number was measured.
    created : str
        When, in UTC.
    kind : str
        ``run``, or ``external`` for predictions of another tool.
    code : dict[str, Any]
        Version of this package, and of a checkout the commit and whether files were changed since.
    method : dict[str, Any]
        The recipe's table.
    parents : list[str]
        Hashes of the records that the run builds on.
    samples : dict[str, str]
        Fingerprints of what was trained, validated and tested on, by role.
    artifacts : dict[str, str]
        SHA-256 of the files that the run left.
    format : int
        Of the schema; what is read becomes 2.
    folder : Path, optional
        Where the record was found; not written.
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
    method: dict[str, Any] = field(default_factory=lambda: {"kind": "supervised"})
    parents: list[str] = field(default_factory=list)
    samples: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT
    folder: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<record of {self.summary}>"

    def _repr_html_(self) -> str:
        """Two classes and values have seven metrics at most; of more classes the rest are in ``metrics``."""
        facts: list[tuple[str, object]] = [
            ("seed", "unknown" if self.seed is None else self.seed),
            ("events", ", ".join(f"{n:,} {role}" for role, n in self.events.items())),
            *list(self.metrics.items())[:7],
            ("folder", self.folder or "none"),
        ]
        return html_facts(f"{self.recipe['name']} on {self._events}", facts)

    @property
    def summary(self) -> str:
        """What was trained on what, and its first numbers, in one line."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        numbers = ", ".join(f"{name} {found}" for name, found in list(self.metrics.items())[:2])
        return one_line(f"{self.recipe['name']} on {self._events}{seed}: {numbers}", 200)

    @property
    def _events(self) -> str:
        facts = self.dataset
        variant = "" if facts["variant"] == "default" else f" {facts['variant']}"
        return f"{facts['name']} ({facts['source']}{variant})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; without ``folder``, which is where the record was found."""
        body = dataclasses.asdict(self)
        del body["folder"]
        return body

    @classmethod
    def from_dict(cls, body: Any) -> Record:
        """Make a record from plain values; DataError if they do not follow the schema."""
        check_schema(body, *_SCHEMA)
        measured = {name: Measurement(**values) for name, values in body["metrics"].items()}
        return cls(**{**body, "metrics": measured, "format": FORMAT})

    @property
    def part(self) -> str:
        """Fingerprint of the part of the events that was tested on; nothing if it was all of them."""
        whole: str = self.dataset["fingerprint"]
        tested = self.samples.get("test", whole)
        return "" if tested == whole else tested

    @property
    def sha256(self) -> str:
        """Hash of all that the record says: what a run that builds on it names as its parent."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def write(self, file: Path) -> None:
        """Check against the schema and write; a reader sees a whole record or none."""
        body = self.to_dict()
        check_schema(body, *_SCHEMA)
        write_text(file, json.dumps(body, indent=1, allow_nan=False) + "\n")


def read_record(file: str | Path) -> Record:
    """Read a record.

    Parameters
    ----------
    file : str or Path
        Its file, or the folder of its run.

    Returns
    -------
    Record
        With its folder.

    Raises
    ------
    DataError
        In one line, if it is missing or damaged, or does not follow the schema.
    MissingExtraError
        If what checks the schema is not installed.
    """
    file = as_path(file, "record")
    file = file / RECORD_NAME if file.is_dir() else file
    try:
        record = Record.from_dict(read_json(file))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"record {file} cannot be read: {reason}") from error
    return dataclasses.replace(record, folder=file.parent)


def find_records(runs_dir: str | Path) -> list[Path]:
    """The records below a folder of runs, one for each finished run.

    Parameters
    ----------
    runs_dir : str or Path
        The folder that holds the runs.

    Returns
    -------
    list[Path]
        Their files, sorted.
    """
    return sorted(as_path(runs_dir, "runs_dir").glob(f"*/{RECORD_NAME}"))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def graphics_card() -> dict[str, str]:
    """The name of the GPU as ``gpu``, where PyTorch uses one in this process; else nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"gpu": str(torch.cuda.get_device_name())}


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
