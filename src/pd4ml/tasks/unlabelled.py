"""Events without a target: for methods that learn from the events alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError
from pd4ml.tasks.base import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Unlabelled"]


@dataclass(frozen=True)
class Unlabelled(Task):
    """No target, so no loss, no metrics and nothing to learn for a supervised method."""

    name: ClassVar[TaskName] = "unlabelled"

    @property
    def n_outputs(self) -> int:
        """One, which nothing is held against."""
        return 1

    def check(self, target: NDArray[Any]) -> None:
        """Events without labels cannot be trained on as if they had some."""
        raise _without_target()

    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """There is none."""
        raise _without_target()

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """There is none."""
        raise _without_target()


def _without_target() -> DataError:
    return DataError("these events have no target: choose a method that needs none in the recipe's [method] table")
