"""The truth that predictions are held against: a dataset's split, or a file of labels or values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card, Task
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation.columns import UNNAMED, read_columns
from pd4ml.storage.casting import cast
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import Manifest
from pd4ml.storage.store import Events

__all__ = ["Truth", "dataset_truth", "event_groups", "file_truth"]

_COLUMNS = re.compile(r"event_id|truth|label|target|y")
# More are a regression's values.
_MAX_CLASSES = 1000


@dataclass(frozen=True)
class Truth:
    """What is true of each event.

    values: (N,), labels 0 to ``n_classes`` - 1 or values in the target's unit. event_id: (N,) int64, different;
    in a dataset the places 0 to N - 1. ``name`` says in messages what this is the truth of; ``other_splits`` are
    the numbers of events of splits that predictions may be of by mistake. ``group``, (N,), says which events
    belong together, so that errors know of it.
    """

    task: Task
    values: NDArray[Any]
    event_id: NDArray[np.int64]
    name: str
    sha256: str
    n_classes: int = 0
    split: str = ""
    other_splits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    manifest: Manifest | None = None
    group: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def fingerprint(self) -> str:
        """That of the dataset; empty for a file."""
        return self.manifest.fingerprint if self.manifest else ""

    def places(self, event_id: NDArray[Any] | None, n_predictions: int) -> NDArray[np.int64]:
        """Which prediction belongs to each event: (N,) indices into the predictions.

        Without ``event_id`` predictions are in the order of the events. DataError for ids that are missing,
        twice there or unknown.
        """
        if event_id is None:
            if n_predictions != len(self):
                raise DataError(
                    f"{n_predictions:,} predictions for the {len(self):,} events of {self.name}"
                    f"{self._hint(n_predictions)}: give one for each event, in order, or name them with event_id"
                )
            return np.arange(len(self))
        if not np.issubdtype(event_id.dtype, np.integer) or event_id.shape != (n_predictions,):
            raise DataError(f"event_id must be whole numbers (N,), found {event_id.dtype} {event_id.shape}")
        event_id = cast(event_id, np.int64, "event_id")
        order = np.argsort(event_id, kind="stable")
        ids = event_id[order]
        if len(twice := ids[1:][ids[1:] == ids[:-1]]):
            raise DataError(f"{len(twice):,} event ids are there more than once, for example {twice[0]}")
        unknown = ids[~np.isin(ids, self.event_id)]
        if len(unknown):
            raise DataError(
                f"{len(unknown):,} event ids are not those of {self.name}, for example {unknown[0]}"
                f"{self._hint(n_predictions)}"
            )
        missing = self.event_id[~np.isin(self.event_id, ids)]
        if len(missing):
            raise DataError(
                f"{len(missing):,} of the {len(self):,} events of {self.name} have no prediction, for example "
                f"{missing[0]}{self._hint(n_predictions)}"
            )
        return order[np.searchsorted(ids, self.event_id)]

    def _hint(self, n_predictions: int) -> str:
        same = [split for split, n in self.other_splits.items() if n == n_predictions]
        return f" (so many events has split {same[0]}: is this the wrong split?)" if same else ""


def dataset_truth(
    dataset: type[Dataset],
    split: str = "test",
    path: str | Path = "./datasets",
    *,
    source: str = "published",
    variant: str = "default",
) -> Truth:
    """The truth of a dataset's split; DataError if its file is not the one of the manifest."""
    events = dataset.open(split, path, source=source, variant=variant)
    manifest = events.manifest
    entry = manifest.arrays[split][manifest.target]
    file = dataset.folder(path, source, variant) / entry.file
    if sha256_of(file) != entry.sha256:
        raise DataError(f"{file} has another SHA-256 than its manifest says: this is not the truth of {events!r}")
    n_classes = max(len(dataset.card.classes), 2) if dataset.card.task == "classification" else 0
    return Truth(
        dataset.card.task,
        np.array(events.y),
        np.arange(len(events)),
        f"split {split} of {dataset.name} ({source}{'' if source == 'published' else ' ' + variant})",
        entry.sha256,
        n_classes,
        split,
        {name: manifest.n_events(name) for name in manifest.arrays if name != split},
        manifest,
        event_groups(dataset.card, events),
    )


def event_groups(card: Card, events: Events) -> NDArray[Any] | None:
    """(N,) which events belong together; None if each is alone or, as of published events, nobody told."""
    groups = dict(events.items()).get(card.group)
    return None if groups is None else np.array(groups)


def file_truth(file: str | Path, sha256: str | None = None) -> Truth:
    """The truth in a file: a column ``label`` or ``target`` (``truth``, ``y``), and ``event_id`` if there is one.

    Whole numbers from 0 are labels, all else is the target of a regression. ``sha256``, if given, must be the
    hash of the file.
    """
    file = Path(file)
    columns = read_columns(file, _COLUMNS)
    found = sha256_of(file)
    if sha256 is not None and found != sha256.lower():
        raise DataError(f"truth file {file} has SHA-256 {found}, expected {sha256}: it is another truth")
    event_id = columns.pop("event_id", None)
    if len(columns) != 1:
        raise DataError(f"{file}: expected one column of labels or values, found {', '.join(columns) or 'none'}")
    ((name, values),) = columns.items()
    if values.ndim != 1 or values.dtype.kind not in "buif" or not np.isfinite(values).all() or len(values) < 2:
        raise DataError(
            f"{file}: {name or 'the truth'} must be finite numbers (N,), found {values.dtype} {values.shape}"
        )
    event_id = np.arange(len(values)) if event_id is None else event_id
    if event_id.dtype.kind not in "iu" or len(np.unique(event_id)) != len(values):
        raise DataError(f"{file}: event_id must be whole numbers, each once")
    n_classes = _n_classes(values) if name in (UNNAMED, "label", "truth", "y") else 0
    if name == "label" and not n_classes:
        raise DataError(f"{file}: labels must be whole numbers from 0, each of them there")
    task: Task = "classification" if n_classes else "regression"
    return Truth(task, values, cast(event_id, np.int64, "event_id"), str(file), found, n_classes)


def _n_classes(values: NDArray[Any]) -> int:
    """Number of classes if ``values`` are labels 0 to K - 1, all of them there; otherwise 0."""
    distinct = np.unique(values)
    n_classes = len(distinct)
    labels = 2 <= n_classes <= _MAX_CLASSES and np.array_equal(distinct, np.arange(n_classes))
    return n_classes if labels else 0
