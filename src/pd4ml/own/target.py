"""What is to be learned of one's own events: the task, the target as an array, and the names of its classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pd4ml.arguments import as_name
from pd4ml.card import ArraySpec
from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError, one_line
from pd4ml.own.layout import UNKNOWN
from pd4ml.storage.casting import cast
from pd4ml.storage.store import Array

__all__ = ["MOST_CLASSES", "Target", "class_labels", "guess_task", "require_all", "target_of"]

MOST_CLASSES = 1_000
_TASKS = ("classification", "regression", "segmentation", "unlabelled")


@dataclass(frozen=True)
class Target:
    """A target (N, ...), its place on the card, and the names of the classes."""

    task: TaskName
    array: Array
    spec: ArraySpec
    classes: tuple[str, ...] = ()


def target_of(
    y: Any, n_events: int, task: str = "", classes: Sequence[str] | Mapping[str, Any] = (), unit: str = UNKNOWN
) -> Target:
    """``y`` (N,), (N, D) or, of labels of nodes, (N, P) as a target.

    Without a ``task``, texts, yes or no and whole numbers from 0 are classes, and other numbers values.
    ``classes`` are names of the labels 0, 1, ..., or a mapping of names to a value or values of ``y``; without it
    they are the values themselves, in order. DataError for what does not go together.
    """
    if task:
        as_name("task", task, _TASKS)
    if y is None or task == "unlabelled":
        if task not in ("", "unlabelled") or y is not None:
            raise DataError(f"a task of {task or 'some kind'} needs y, and one that is unlabelled has none")
        spec = ArraySpec("label", (), "uint8", "1", "nothing is known of these events: 0")
        return Target("unlabelled", np.zeros(n_events, np.uint8), spec)
    values = np.asarray(y)
    if values.ndim == 0 or len(values) != n_events or values.dtype.kind not in "biufUSO":
        raise DataError(f"y must be numbers or texts, one for each of {n_events:,} events, found {_kind(values)}")
    task = task or ("classification" if classes else guess_task(values))
    if task == "regression":
        if values.dtype.kind not in "biuf" or values.ndim > 2:
            raise DataError(f"values of a regression are numbers (N,) or (N, D), found {_kind(values)}")
        spec = ArraySpec("target", values.shape[1:], "float32", unit, "the value to be found")
        return Target("regression", cast(values.astype(np.float64), np.float32, "y"), spec)
    if task == "segmentation":
        return _of_nodes(values, tuple(classes))
    if values.ndim != 1:
        raise DataError(f"labels are one for each event, (N,), found {_kind(values)}")
    labels, names = class_labels(values, classes)
    return Target("classification", labels, ArraySpec("label", (), str(labels.dtype), "1", "the class"), names)


def class_labels(values: Array, classes: Sequence[str] | Mapping[str, Any] = ()) -> tuple[Array, tuple[str, ...]]:
    """(N,) labels from 0, and the names of the classes; DataError for a value that belongs to none."""
    values = values.astype(str) if values.dtype.kind in "USO" else values
    if isinstance(classes, Mapping):
        of_class = [np.ravel(np.asarray(each)) for each in classes.values()]
        labels = np.full(len(values), -1)
        for i, members in enumerate(of_class):
            labels[np.isin(values, members.astype(str) if values.dtype.kind == "U" else members)] = i
        if (labels < 0).any():
            raise DataError(f"y has the value {values[labels < 0][0]!r}, which belongs to none of the classes")
        names = tuple(map(str, classes))
    else:
        names = tuple(map(str, classes))
        if names and values.dtype.kind == "U":
            classes = {name: name for name in names}
            return class_labels(values, classes)
        if names:
            labels = values.astype(np.int64)
            if (labels != values).any() or labels.min(initial=0) < 0 or labels.max(initial=0) >= len(names):
                raise DataError(f"labels must be 0 to {len(names) - 1}, one for each of the classes {list(names)}")
        else:
            distinct, labels = np.unique(values, return_inverse=True)
            names = tuple(_plain(value) for value in distinct)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(f"a classification has 2 to {MOST_CLASSES:,} classes, found {len(names)}")
    return labels.astype(np.uint8 if len(names) <= 256 else np.int64), names


def _of_nodes(values: Array, names: tuple[str, ...]) -> Target:
    """Labels of nodes, -1 where there is no node."""
    if values.dtype.kind not in "iu" or values.ndim != 2:
        raise DataError(
            f"labels of nodes are whole numbers (N, P), -1 behind the last node, found {_kind(values)}"
        )
    n_classes = max(len(names), int(values.max(initial=1)) + 1)
    if values.min(initial=0) < -1 or (names and n_classes > len(names)):
        raise DataError(f"labels of nodes must be -1 to {max(len(names), 1) - 1}")
    names = names or tuple(map(str, range(n_classes)))
    spec = ArraySpec("labels", values.shape[1:], "int64", "1", "the class of each node", padding=-1)
    return Target("segmentation", values.astype(np.int64), spec, names)


def require_all(name: str, classes: Sequence[str], labels: Collection[int], split: str) -> None:
    """DataError unless there are events of all classes in a split: a model is judged on each of them."""
    missing = sorted(set(range(len(classes))) - set(labels))
    if classes and missing:
        others = f" (and {len(missing) - 1:,} others)" if len(missing) > 1 else ""
        raise DataError(
            f"{name} has no event of class {classes[missing[0]]!r}{others} in {split}: more events are needed, or "
            "classes put together (classes = {NAME = [VALUES]})"
        )


def guess_task(values: Array) -> str:
    """The task of a target that nobody told; DataError where it might be either."""
    if values.dtype.kind in "bUSO":
        return "classification"
    if values.dtype.kind == "f" or values.ndim > 1:
        return "regression"
    distinct = np.unique(values[: 10 * MOST_CLASSES])
    if len(distinct) and distinct[0] == 0 and distinct[-1] == len(distinct) - 1:
        return "classification"
    raise DataError(
        "the target holds whole numbers that are not 0, 1, ...: say task='classification' or 'regression' (--task)"
    )


def _plain(value: Any) -> str:
    number = float(value) if isinstance(value, np.floating) else value
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(value)


def _kind(values: Array) -> str:
    return one_line(f"{values.shape} of {values.dtype}")
