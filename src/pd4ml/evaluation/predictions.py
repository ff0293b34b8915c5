"""Predictions: what a model says about each event of a split, kept as an .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.storage.atomic import write_atomically
from pd4ml.storage.npz import read_npz

__all__ = ["Predictions"]

_OUTPUT = {"classification": "logit", "regression": "value"}


@dataclass(frozen=True)
class Predictions:
    """Outputs of a model.

    event_id: (N,) int64, the event's place in its split.
    output: float32, logits (classification; (N,) for two classes, (N, K) for K) or values in the target's unit
    (regression, (N,)).
    """

    task: Task
    event_id: NDArray[np.int64]
    output: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.event_id)

    @property
    def score(self) -> NDArray[np.float64]:
        """Probability of class 1, the sigmoid of the logits, (N,); of each class, their softmax, (N, K)."""
        logit = self.output.astype(np.float64)
        if logit.ndim == 2:
            return np.asarray(np.exp(logit - np.logaddexp.reduce(logit, axis=1, keepdims=True)))
        return 1 / (1 + np.exp(-np.clip(logit, -700, 700)))

    def write(self, file: Path, *, compress: bool = False) -> None:
        """Write an .npz without pickles: ``event_id`` with ``logit`` and ``score``, or with ``value``.

        ``compress`` makes a small file and leaves ``score`` out, which follows from ``logit``.
        """
        arrays: dict[str, NDArray[Any]] = {"event_id": self.event_id, _OUTPUT[self.task]: self.output}
        if self.task == "classification" and not compress:
            arrays["score"] = self.score
        with write_atomically(file) as stream:
            (np.savez_compressed if compress else np.savez)(stream, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, file: Path, task: Task) -> Predictions:
        """Read what `write` wrote; DataError if the file is missing, damaged or of another task."""
        name = _OUTPUT[task]
        try:
            arrays = read_npz(file, "event_id", name, dtypes={"event_id": np.int64, name: np.float32})
        except DataError as error:
            raise DataError(f"predictions {file} cannot be read ({error}): evaluate or train again") from error
        if arrays["event_id"].ndim != 1 or arrays[name].shape[:1] != arrays["event_id"].shape:
            raise DataError(f"predictions {file}: event_id and {name} have different lengths")
        return cls(task, arrays["event_id"], arrays[name])
