"""K classes, told apart by K logits."""

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

__all__ = ["Multiclass", "class_factors"]


@dataclass(frozen=True)
class Multiclass(Task):
    """A logit for each of ``n_classes`` classes; cross-entropy of their softmax."""

    name: ClassVar[TaskName] = "classification"
    n_classes: int

    @property
    def n_outputs(self) -> int:
        """As many as classes."""
        return self.n_classes

    def check(self, target: NDArray[Any]) -> None:
        """Labels must be 0 to K - 1."""
        check_labels(as_labels(target), self.n_classes)

    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """(B,) int64."""
        import torch

        return torch.from_numpy(np.asarray(target, np.int64).reshape(len(target)))

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """Cross-entropy of logits (B, K); ``balance`` (K,) are the classes' factors."""
        from torch.nn import functional

        each = functional.cross_entropy(output, target, reduction="none")
        if balance is not None:
            each = each * balance[target]
        return (each if weight is None else each * weight).mean()

    def class_balance(self, target: NDArray[Any], weight: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """(K,) the mean weight of a class over that of each."""
        return class_factors(np.asarray(target), self.n_classes, weight)


def class_factors(
    labels: NDArray[np.integer], n_classes: int, weight: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """(K,) factors by which each of the classes of ``labels`` (N,) weighs the same; DataError if one has none."""
    sums = np.bincount(labels, weight, n_classes)
    if not (sums > 0).all():
        missing = int(np.flatnonzero(sums <= 0)[0])
        raise DataError(f"balance_classes needs events of all {n_classes} classes, found none of class {missing}")
    return np.asarray(sums.sum() / (n_classes * sums), np.float32)
