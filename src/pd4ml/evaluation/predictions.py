"""Predictions: what a model says about each event, kept as an .npz or .csv file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.metrics.classification import sigmoid
from pd4ml.storage.atomic import write_atomically
from pd4ml.storage.npz import open_npz, read_npz

__all__ = ["Predictions"]

_OUTPUT = {"classification": "logit", "regression": "value", "segmentation": "logit"}
_SHAPES = {
    "classification": "(N,), or (N, K) of K > 1 classes",
    "regression": "(N,), or (N, D) of D components",
    "segmentation": "(M, K) of K > 1 classes",
}
_SPREADS = ("spread", "lower", "upper")
# Rows of a CSV file that are text at the same time.
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Predictions:
    """Outputs of a model, for any events: those of a split or such that have no truth.

    Parameters
    ----------
    task : Task
        ``classification``, ``regression`` or ``segmentation``.
    event_id : NDArray[np.int64]
        (N,), the event's place in its split, or whatever it is called; (M,) of a segmentation, that of each node.
    output : NDArray[np.float32]
        Logits, (N,) for two classes and (N, K) for K; values in the target's unit, (N,) or (N, D) for vectors; of
        a segmentation logits (M, K), a row for each node of all events.
    node : NDArray[np.int64], optional
        (M,), the node's place in its event; of a segmentation only.
    spread : NDArray[np.float32], optional
        (N,), the standard deviation that is predicted for the value, above 0, in the target's unit; of a
        regression of one value only.
    lower, upper : NDArray[np.float32], optional
        (N,), the quantiles that are predicted below and above the value; as ``spread``, and both or none.

    Raises
    ------
    DataError
        For shapes that do not fit together, and for spreads and quantiles that cannot be.
    """

    task: Task
    event_id: NDArray[np.int64]
    output: NDArray[np.float32]
    node: NDArray[np.int64] | None = None
    spread: NDArray[np.float32] | None = None
    lower: NDArray[np.float32] | None = None
    upper: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        _output_name(self.task)
        n, shape = len(self.event_id), self.output.shape
        least = 1 if self.task == "regression" else 2
        flat = len(shape) == 1 and self.task != "segmentation"
        if self.event_id.ndim != 1 or self.event_id.dtype.kind not in "iu":
            found = f"{self.event_id.dtype} {self.event_id.shape}"
            raise DataError(f"event_id must be whole numbers (N,), found {found}")
        if shape[:1] != (n,) or not (flat or (len(shape) == 2 and shape[1] >= least)):
            raise DataError(f"outputs of a {self.task} must be {_SHAPES[self.task]}, of {n:,} rows, found {shape}")
        nodes = None if self.node is None else (self.node.shape, self.node.dtype.kind in "iu")
        if nodes != (((n,), True) if self.task == "segmentation" else None):
            wanted = f"whole numbers ({n},)" if self.task == "segmentation" else "left out"
            raise DataError(f"node of a {self.task} must be {wanted}, found {nodes and nodes[0]}")
        self._check_spreads()

    def _check_spreads(self) -> None:
        for name, values in self.spreads.items():
            if self.task != "regression" or self.output.ndim != 1:
                raise DataError(f"{name} is for regressions of one value, found outputs {self.output.shape}")
            if values.shape != self.output.shape or not np.isfinite(values).all():
                raise DataError(f"{name} must be finite numbers {self.output.shape}, found {values.shape}, or NaN")
        if self.spread is not None and not (self.spread > 0).all():
            raise DataError(f"spread must be above 0, found {self.spread.min()}")
        if (self.lower is None) != (self.upper is None):
            raise DataError("lower and upper belong together, found one of them")
        if self.lower is not None and self.upper is not None and (self.lower > self.upper).any():
            place = int(np.argmax(self.lower > self.upper))
            found = f"{self.lower[place]} and {self.upper[place]} in place {place}"
            raise DataError(f"lower must not be above upper, found {found}")

    def __len__(self) -> int:
        """Number of rows: events or, of a segmentation, nodes."""
        return len(self.event_id)

    def __repr__(self) -> str:
        output = f"{_output_name(self.task)} {self.output.shape}"
        return f"<predictions of a {self.task}: {self.n_events:,} events, {output}>"

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self) if self.node is None else len(np.unique(self.event_id))

    @property
    def spreads(self) -> dict[str, NDArray[np.float32]]:
        """Those of ``spread``, ``lower`` and ``upper`` that are there, by name."""
        every = {name: getattr(self, name) for name in _SPREADS}
        return {name: values for name, values in every.items() if values is not None}

    @property
    def score(self) -> NDArray[np.float64]:
        """Probability of class 1, the sigmoid of the logits, (N,); of each class, their softmax, (N, K).

        Raises DataError for a regression, which has none.
        """
        if self.task == "regression":
            raise DataError("values of a regression are no scores: use output")
        logit = self.output.astype(np.float64)
        if logit.ndim == 2:
            return np.asarray(np.exp(logit - np.logaddexp.reduce(logit, axis=1, keepdims=True)))
        return sigmoid(logit)

    def write(self, file: str | Path, *, compress: bool = False) -> None:
        """Write an .npz without pickles, or a .csv, by the name of ``file``.

        Columns are ``event_id`` (and ``node``), and ``logit`` and ``score``, or ``value``, with ``spread``,
        ``lower`` and ``upper`` where they are known. A CSV file has a column for each class or component
        (``logit_0``, ``value_0``), and ``score`` of two classes. ``compress`` makes a small .npz file and leaves
        ``score`` out, which follows from ``logit``.
        """
        file = as_path(file, "file")
        if file.suffix.lower() not in (".npz", ".csv"):
            raise DataError(f"expected a file that ends in .npz or .csv, found {file.name!r}")
        arrays: dict[str, NDArray[Any]] = {"event_id": self.event_id}
        arrays |= {} if self.node is None else {"node": self.node}
        arrays |= {_output_name(self.task): self.output, **self.spreads}
        csv = file.suffix.lower() == ".csv"
        if self.task != "regression" and not compress and not (csv and self.output.ndim == 2):
            arrays["score"] = self.score
        with write_atomically(file) as stream:
            if csv:
                stream.writelines(text.encode() for text in _csv_text(arrays))
            else:
                (np.savez_compressed if compress else np.savez)(stream, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, file: str | Path, task: Task) -> Predictions:
        """Read an .npz that `write` wrote; DataError if the file is missing, damaged or of another task."""
        file, name = as_path(file, "file"), _output_name(task)
        names = ["event_id", name, *(["node"] if task == "segmentation" else [])]
        try:
            there = open_npz(file)
            if task == "classification" and "node" in there:
                raise DataError("its logits are those of nodes")
            spreads = [of for of in _SPREADS if task == "regression" and of in there]
            dtypes = {**dict.fromkeys(names, np.int64), **dict.fromkeys((name, *spreads), np.float32)}
            arrays = read_npz(file, *names, *spreads, dtypes=dtypes)
            known = {of: arrays[of] for of in spreads}
            return cls(task, arrays["event_id"], arrays[name], arrays.get("node"), **known)
        except DataError as error:
            raise DataError(f"predictions {file} cannot be read ({error}): evaluate or train again") from error


def _output_name(task: Task) -> str:
    """What outputs are called in a file; DataError for a task without."""
    if task not in _OUTPUT:
        raise DataError(f"expected a task with predictions, {', '.join(_OUTPUT)}; found {task!r}")
    return _OUTPUT[task]


def _csv_text(arrays: dict[str, NDArray[Any]]) -> Iterator[str]:
    """Lines of a CSV file, all digits kept, some thousand at a time."""
    columns: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.ndim == 1:
            columns[name] = array
        else:
            columns |= {f"{name}_{k}": column for k, column in enumerate(array.T)}
    yield ",".join(columns) + "\n"
    # Nine digits bring back every float32; scores follow from logits and need no more.
    row = ",".join("%d" if column.dtype.kind in "iu" else "%.9g" for column in columns.values()) + "\n"
    for low in range(0, len(arrays["event_id"]), _ROWS_AT_ONCE):
        here = (column[low : low + _ROWS_AT_ONCE].tolist() for column in columns.values())
        yield "".join(row % cells for cells in zip(*here, strict=True))
