"""Two classes, told apart by one logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError
from pd4ml.tasks.base import Task, as_labels, check_labels

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Binary"]


@dataclass(frozen=True)
class Binary(Task):
    """One logit an event, that of class 1; binary cross-entropy."""

    name: ClassVar[TaskName] = "classification"

    @property
    def n_outputs(self) -> int:
        """One."""
        return 1

    def check(self, target: NDArray[Any]) -> None:
        """Labels must be 0 and 1."""
        check_labels(as_labels(target), 2)

    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """(B,) float32."""
        import torch

        return torch.from_numpy(np.asarray(target, np.float32).reshape(len(target)))

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """Binary cross-entropy of logits (B,); ``balance`` is the weight of class 1."""
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(output, target, weight, pos_weight=balance)

    def class_balance(self, target: NDArray[Any], weight: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """(1,) the weight of class 0 over that of class 1."""
        weight = np.ones(len(target)) if weight is None else weight
        ones, every = float(weight[np.asarray(target) == 1].sum()), float(weight.sum())
        if not 0 < ones < every:
            raise DataError("balance_classes needs events of both classes in the training part, found one only")
        return np.array([(every - ones) / ones], np.float32)
