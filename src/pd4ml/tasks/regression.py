"""A number of each event, or a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError
from pd4ml.tasks.base import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Regression"]


@dataclass(frozen=True)
class Regression(Task):
    """``n_values`` numbers an event in the target's unit; mean squared error.

    A vector's components are weighed by the inverse variance that each has in training, since their units and
    spreads may differ; of a single number it is the error in its unit, squared.
    """

    name: ClassVar[TaskName] = "regression"
    scaled: ClassVar[bool] = True
    n_values: int = 1

    @property
    def n_outputs(self) -> int:
        """As many as the target has."""
        return self.n_values

    def check(self, target: NDArray[Any]) -> None:
        """The target must be finite numbers, (N,) or (N, D)."""
        shape = target.shape[1:]
        if shape not in ((), (self.n_values,)) or (shape == () and self.n_values != 1):
            raise DataError(f"the target must be (N, {self.n_values}), found {target.shape}")
        if target.dtype.kind not in "fiub" or not np.isfinite(target).all():
            raise DataError("the target must be finite numbers")

    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """(B,) or (B, D) float32."""
        import torch

        shape = (len(target),) if self.n_values == 1 else (len(target), self.n_values)
        return torch.from_numpy(np.asarray(target, np.float32).reshape(shape))

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """Mean squared error; ``balance`` (D,) are the components' factors."""
        from torch.nn import functional

        if weight is None and balance is None:
            return functional.mse_loss(output, target)
        each = (output - target).square()
        if balance is not None:
            each = (each * balance).mean(dim=-1)
        return (each if weight is None else each * weight).mean()
