"""Predictions: what a model says about each event of a split, kept as an .npz file."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError

__all__ = ["Predictions"]

_OUTPUT = {"classification": "logit", "regression": "value"}


@dataclass(frozen=True)
class Predictions:
    """Outputs of a model.

    event_id: (N,) int64, the event's place in its split.
    output: (N,) float32, logits (classification) or values in the target's unit (regression).
    """

    task: Task
    event_id: NDArray[np.int64]
    output: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.event_id)

    @property
    def score(self) -> NDArray[np.float64]:
        """(N,) probability of class 1, the sigmoid of the logits."""
        return 1 / (1 + np.exp(-np.clip(self.output.astype(np.float64), -700, 700)))

    def write(self, file: Path) -> None:
        """Write an .npz without pickles: ``event_id`` with ``logit`` and ``score``, or with ``value``."""
        arrays: dict[str, NDArray[Any]] = {"event_id": self.event_id, _OUTPUT[self.task]: self.output}
        if self.task == "classification":
            arrays["score"] = self.score
        partial = file.with_name(file.name + ".partial")
        with partial.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)

    @classmethod
    def read(cls, file: Path, task: Task) -> Predictions:
        """Read what `write` wrote; DataError if the file is missing, damaged or of another task."""
        try:
            # Opened here: of a damaged file NumPy would leave it open.
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return cls(task, arrays["event_id"], arrays[_OUTPUT[task]])
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"predictions {file} cannot be read ({error}): evaluate or train again") from error
