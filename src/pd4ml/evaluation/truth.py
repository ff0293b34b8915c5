"""The truth that predictions are held against: a dataset's split, or a file of labels or values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.card import Card, Measurement, Task
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, one_line
from pd4ml.evaluation.columns import UNNAMED, read_columns
from pd4ml.evaluation.names import OTHER, Names, choose, quoted, tell
from pd4ml.evaluation.order import event_ids, zero_and_one
from pd4ml.evaluation.predictions import Predictions
from pd4ml.metrics.by_task import checked_weight, metrics
from pd4ml.storage.casting import cast
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import Manifest
from pd4ml.storage.store import Events

__all__ = ["Truth", "dataset_truth", "event_groups", "event_weights", "events_truth", "file_truth"]

_COLUMNS = re.compile(r"event_id|node|weight|truth|label|target(_\d{1,3})?|y")
_ALIASES = {
    **dict.fromkeys(("labels", "class", "issignal", "issignalnew"), "label"),
    "ytrue": "y",
    "targets": "target",
}
# More are a regression's values.
_MAX_CLASSES = 1000
# So few different whole numbers may be labels of another kind as well as values.
_FEW_VALUES = 20


@dataclass(frozen=True)
class Truth:
    """What is true of each event.

    values: (N,), labels 0 to ``n_classes`` - 1 or values in the target's unit; (N, D) of vectors. event_id: (N,)
    int64, different; in a dataset the places 0 to N - 1. ``name`` says in messages what this is the truth of;
    ``other_splits`` are the numbers of events of splits that predictions may be of by mistake. ``group``, (N,),
    says which events belong together, so that errors know of it; ``weight``, (N,), what each counts. ``classes``
    are the names of the classes, empty where nobody told.

    Of a segmentation all arrays are of the M nodes that have a label, (M,): ``event_id`` is that of the node's
    event, ``node`` the node's place in it. ``group`` is there then: the event, or what it belongs to.
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
    weight: NDArray[Any] | None = None
    node: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows: events or, of a segmentation, nodes."""
        return len(self.values)

    def __repr__(self) -> str:
        return f"<truth of {one_line(self.name)}: {self.task}, {len(self):,} {self.rows}>"

    @property
    def rows(self) -> str:
        """What a row is: an event or a node."""
        return "events" if self.node is None else "nodes"

    @property
    def fingerprint(self) -> str:
        """That of the dataset; empty for a file."""
        return self.manifest.fingerprint if self.manifest else ""

    def metrics(
        self, predictions: Predictions, *, n_resamples: int = 100, seed: int = 0
    ) -> dict[str, Measurement]:
        """Metrics of ``predictions`` of all these events, in any order; see `pd4ml.metrics.by_task`."""
        places = self.places(predictions.event_id, len(predictions), predictions.node)
        return metrics(
            self.task,
            predictions.output[places],
            self.values,
            group=self.group,
            weight=self.weight,
            n_resamples=n_resamples,
            seed=seed,
            **{name: values[places] for name, values in predictions.spreads.items()},
        )

    def places(
        self, event_id: NDArray[Any] | None, n_predictions: int, node: NDArray[Any] | None = None
    ) -> NDArray[np.int64]:
        """Which prediction belongs to each event (of a segmentation: to each node): (N,) indices into them.

        Without ``event_id`` predictions are in the order of the truth. DataError for ids that are missing,
        twice there or unknown.
        """
        rows = self.rows
        if event_id is None:
            if n_predictions != len(self):
                names = "event_id" if self.node is None else "event_id and node"
                advice = f"give one for each {rows[:-1]}, in order, or name them with {names}"
                raise DataError(
                    f"{n_predictions:,} predictions for the {len(self):,} {rows} of {self.name}"
                    f"{self._hint(n_predictions)}: {advice}"
                )
            if node is not None and self.node is not None and not np.array_equal(node, self.node):
                raise DataError(
                    f"node is not that of {self.name}, row by row: name the nodes with event_id as well"
                )
            return np.arange(len(self))
        event_id = _whole(event_id, "event_id", n_predictions)
        if self.node is not None:
            event_id = self._node_ids(event_id, node, n_predictions)
        wanted = self.event_id if self.node is None else self._node_keys(self.event_id, self.node)
        order = np.argsort(event_id, kind="stable")
        ids = event_id[order]
        if len(twice := ids[1:][ids[1:] == ids[:-1]]):
            example = self._id(twice[0])
            raise DataError(f"{len(twice):,} {self._ids} are there more than once, for example {example}")
        unknown = ids[~np.isin(ids, wanted)]
        if len(unknown):
            raise DataError(
                f"{len(unknown):,} {self._ids} are not those of {self.name}, for example {self._id(unknown[0])}"
                f"{self._hint(n_predictions)}"
            )
        missing = wanted[~np.isin(wanted, ids)]
        if len(missing):
            raise DataError(
                f"{len(missing):,} of the {len(self):,} {rows} of {self.name} have no prediction, for example "
                f"{self._id(missing[0])}{self._hint(n_predictions)}"
            )
        return order[np.searchsorted(ids, wanted)]

    def _node_ids(
        self, event_id: NDArray[np.int64], node: NDArray[Any] | None, n_predictions: int
    ) -> NDArray[np.int64]:
        """One number for each node of predictions; DataError for events and places that cannot be."""
        if node is None:
            raise DataError(f"{self.name} has labels of nodes: name them with event_id and node")
        node = _whole(node, "node", n_predictions)
        for name, found, known in (
            ("event ids", event_id, self.event_id),
            ("nodes", node, np.arange(self._most_nodes)),
        ):
            unknown = found[~np.isin(found, known)]
            if len(unknown):
                message = f"{len(unknown):,} {name} are not those of {self.name}, for example {unknown[0]}"
                raise DataError(f"{message}{self._hint(n_predictions)}")
        return self._node_keys(event_id, node)

    @property
    def _most_nodes(self) -> int:
        return 1 if self.node is None else int(self.node.max()) + 1

    @property
    def _ids(self) -> str:
        return "event ids" if self.node is None else "nodes"

    def _node_keys(self, event_id: NDArray[np.int64], node: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for each node, from its event's rank among those known."""
        return np.searchsorted(np.unique(self.event_id), event_id) * self._most_nodes + node

    def _id(self, key: np.int64) -> str:
        """How a row is called in messages."""
        if self.node is None:
            return str(key)
        event, node = divmod(int(key), self._most_nodes)
        return f"node {node} of event {np.unique(self.event_id)[event]}"

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
    """The truth of a dataset's split; StoreError if its files are not those of the manifest."""
    events = dataset.open(split, path, source=source, variant=variant)
    manifest = events.manifest
    entry = manifest.arrays[split][manifest.target]
    truth = events_truth(dataset.card, events)
    name = f"split {split} of {dataset.name} ({source}{'' if source == 'published' else ' ' + variant})"
    return replace(truth, name=name, sha256=entry.sha256)


def events_truth(card: Card, events: Events) -> Truth:
    """The truth of ``events`` of the dataset of ``card``; StoreError if their files are not the manifest's.

    A target that has a place for each node, (P,), holds its padding value (or, without one, -1) where no node is:
    those places do not count.
    """
    manifest = events.manifest
    events.verify()
    if card.task == "unlabelled":
        raise DataError(f"{card.name} has no target that predictions could be held against")
    values, event_id = np.array(events.y), events.places
    group, weight, node = event_groups(card, events), event_weights(card, events), None
    if card.task == "segmentation":
        padding = -1 if card.target.padding is None else card.target.padding
        if values.ndim != 2:
            raise DataError(f"{card.target.name} must hold a label for each node, (N, P), found {values.shape}")
        row, node = np.nonzero(values != padding)
        values, event_id = values[row, node], event_id[row]
        group = event_id if group is None else group[row]
        weight = None if weight is None else weight[row]
    n_classes = 0
    if card.task != "regression":
        n_classes = max(len(card.classes), 2)
        if card.task == "segmentation" and not card.classes:
            n_classes = int(values.max(initial=1)) + 1
    return Truth(
        card.task,
        values,
        event_id,
        repr(events),
        manifest.arrays[events.split][manifest.target].sha256,
        n_classes,
        events.split,
        {name: manifest.n_events(name) for name in manifest.arrays if name != events.split}
        if node is None
        else {},
        manifest,
        group,
        weight,
        node,
        card.classes,
    )


def event_groups(card: Card, events: Events) -> NDArray[Any] | None:
    """(N,) which events belong together; None if each is alone or, as of published events, nobody told."""
    groups = dict(events.items()).get(card.group)
    return None if groups is None else np.array(groups)


def event_weights(card: Card, events: Events) -> NDArray[np.float64] | None:
    """(N,) what each event counts; None if all count the same. DataError for what is no weight."""
    weights = dict(events.items()).get(card.weight)
    return None if weights is None else checked_weight(np.array(weights), len(events))


def file_truth(
    file: str | Path, sha256: str | None = None, columns: Mapping[str, str] = MappingProxyType({})
) -> Truth:
    """The truth in a file: a column ``label`` or ``target`` (``truth``, ``y``), and ``event_id`` if there is one.

    Of ``truth`` and ``y``, whole numbers from 0, or -1 and +1, are labels, all else is the target of a regression;
    ``target_0``, ``target_1``, ... or (N, D) that of vectors. With columns ``event_id`` and ``node`` the labels
    are those of nodes. ``weight`` is what each event (of nodes: the node's event) counts. ``sha256``, if given,
    must be the hash of the file; ``columns`` says which column is which, where the file has other names.
    """
    file = as_path(file, "file")
    names = Names(_COLUMNS, ("label", "target", "truth", "y"), _ALIASES, "a truth needs a column")
    read = read_columns(file, lambda found: choose(file, found, names, columns))
    found = sha256_of(file)
    if sha256 is not None and found != sha256.lower():
        raise DataError(f"truth file {file} has SHA-256 {found}, expected {sha256}: it is another truth")
    by_role = {wanted.role: column for wanted, column in read.items() if wanted.role != OTHER}
    event_id, node, weight = (by_role.pop(name, None) for name in ("event_id", "node", "weight"))
    name, values = _values(file, by_role)
    n = len(values)
    if event_id is None and (named := event_ids(file, read, None)):
        event_id = named[0]
        names.said.append(f"{quoted(named[1])} is read as event_id")
    if node is not None and event_id is None:
        raise DataError(f"{file}: labels of nodes need a column event_id, the event of each")
    ids = np.arange(n) if event_id is None else _whole(event_id, f"{file}: event_id", n)
    nodes = None if node is None else _whole(node, f"{file}: node", n)
    if len(np.unique(ids if nodes is None else np.stack([ids, nodes]), axis=-1).T) != n or (
        nodes is not None and nodes.min() < 0
    ):
        what = "event_id" if nodes is None else "nodes (from 0) of an event"
        raise DataError(f"{file}: {what} must be whole numbers, each once")
    values, n_classes = _labels(file, name, values, nodes is not None, names)
    task: Task = "regression"
    if n_classes:
        task = "classification" if nodes is None else "segmentation"
    tell(file, names.said)
    return Truth(
        task,
        values,
        ids,
        str(file),
        found,
        n_classes,
        group=None if nodes is None else ids,
        weight=None if weight is None else checked_weight(weight, n),
        node=nodes,
    )


def _labels(file: Path, name: str, values: NDArray[Any], of_nodes: bool, names: Names) -> tuple[NDArray[Any], int]:
    """Labels and their number of classes, or values of a regression and 0; DataError where it may be either."""
    if name not in (UNNAMED, "label", "truth", "y") or values.ndim != 1:
        if of_nodes:
            raise DataError(f"{file}: labels of nodes need a column label")
        return values, 0
    if (binary := zero_and_one(values)) is not None:
        names.said.append(f"{name or 'the truth'} is -1 and +1, read as the labels 0 and 1")
        return binary, 2
    if n_classes := _n_classes(values):
        return values, n_classes
    if name == "label" or of_nodes:
        raise DataError(f"{file}: labels must be whole numbers from 0, each of them there, or -1 and +1")
    distinct = np.unique(values)
    if len(distinct) <= _FEW_VALUES and (distinct == np.trunc(distinct)).all():
        some = ", ".join(f"{value:g}" for value in distinct[:5]) + (", ..." if len(distinct) > 5 else "")
        how = f" or say --columns target={name}" if name else ""
        raise DataError(
            f"{file}: {name or 'the truth'} ({some}) may be labels or values: number the classes from 0, or, of "
            f"values, name the column target{how}"
        )
    return values, 0


def _values(file: Path, columns: dict[str, NDArray[Any]]) -> tuple[str, NDArray[Any]]:
    """The labels or values of a file and what they are called: one column, or ``target_0``, ``target_1``, ..."""
    numbered = [f"target_{d}" for d in range(len(columns))]
    if columns and set(numbered) == set(columns):
        columns = {"target": np.stack([columns[name] for name in numbered], axis=-1)}
    if len(columns) != 1:
        raise DataError(f"{file}: expected one column of labels or values, found {', '.join(columns) or 'none'}")
    ((name, values),) = columns.items()
    shaped = values.ndim == 1 or (values.ndim == 2 and name in (UNNAMED, "target") and values.shape[1] > 0)
    if not shaped or values.dtype.kind not in "buif" or not np.isfinite(values).all() or len(values) < 2:
        raise DataError(
            f"{file}: {name or 'the truth'} must be finite numbers (N,), found {values.dtype} {values.shape}"
        )
    return name, values


def _whole(numbers: NDArray[Any], name: str, n: int) -> NDArray[np.int64]:
    """``numbers`` as int64; DataError if they are not whole numbers (n,)."""
    if numbers.dtype.kind not in "iu" or numbers.shape != (n,):
        raise DataError(f"{name} must be whole numbers (N,), found {numbers.dtype} {numbers.shape}")
    return cast(numbers, np.int64, name)


def _n_classes(values: NDArray[Any]) -> int:
    """Number of classes if ``values`` are labels 0 to K - 1, all of them there; otherwise 0."""
    distinct = np.unique(values)
    n_classes = len(distinct)
    labels = 2 <= n_classes <= _MAX_CLASSES and np.array_equal(distinct, np.arange(n_classes))
    return n_classes if labels else 0
