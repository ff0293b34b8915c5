"""What a task is: how a model's output meets the truth, in training, in files and in numbers."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Measurement
from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Task", "as_labels", "check_labels"]


@dataclass(frozen=True)
class Task(abc.ABC):
    """A kind of task; its instances know how many numbers a model gives.

    ``name`` is what cards and records call it. ``per_node`` says whether there is an output for each node rather
    than for each event.
    """

    name: ClassVar[TaskName]
    per_node: ClassVar[bool] = False
    #: Whether the spread of the training target is taken out of what the network has to give.
    scaled: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def n_outputs(self) -> int:
        """Numbers that a model gives for each event, or for each node."""

    @abc.abstractmethod
    def check(self, target: NDArray[Any]) -> None:
        """Raise DataError, in one line, for a ``target`` (N, ...) that is none of this task."""

    @abc.abstractmethod
    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """The target of some events as the loss takes it."""

    @abc.abstractmethod
    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """Mean loss of a batch; ``weight`` (B,) is that of each event, whose mean over all events is 1.

        ``balance`` is what `class_balance` gave.
        """

    def metrics(
        self,
        output: NDArray[Any],
        truth: NDArray[Any],
        *,
        group: NDArray[Any] | None = None,
        weight: NDArray[Any] | None = None,
    ) -> dict[str, Measurement]:
        """The task's metrics with bootstrap errors; see `pd4ml.evaluation.metrics`."""
        from pd4ml.metrics.by_task import metrics

        weights: dict[str, Any] = {} if weight is None else {"weight": weight}
        return metrics(self.name, output, truth, group=group, **weights)

    def class_balance(self, target: NDArray[Any], weight: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """Factors by which all classes of the training ``target`` weigh the same; DataError if it has none."""
        raise DataError(f"balance_classes is for classes, and this is a {self.name}")


def as_labels(target: NDArray[Any]) -> NDArray[np.int64]:
    """Labels as whole numbers; DataError for what is no whole number."""
    labels = np.asarray(target)
    if labels.dtype.kind not in "iub":
        raise DataError(f"labels must be whole numbers, found {labels.dtype}")
    return labels.astype(np.int64)


def check_labels(labels: NDArray[np.int64], n_classes: int) -> None:
    """DataError for labels that are not 0 to ``n_classes`` - 1."""
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        place = int(np.flatnonzero(wrong.reshape(len(labels), -1).any(axis=1))[0])
        found = labels[wrong][0]
        raise DataError(f"labels must be 0 to {n_classes - 1}, found {found} in event {place}")
