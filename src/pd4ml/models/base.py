"""What all models share: one batch in, one number per event out."""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor, nn

from pd4ml.models.batch import GraphBatch
from pd4ml.models.registry import ModelInputs

__all__ = ["Model"]


class Model(nn.Module, abc.ABC):
    """Base of the models.

    Calling a model on a `GraphBatch` of B events gives (B,): the logit of class 1 (classification), or the
    value in the target's unit (regression). The network itself always works with numbers of order one; for
    regression ``target_mean`` and ``target_scale``, taken from the training target, bring them to the unit.
    """

    permutation_invariant: ClassVar[bool]
    made_for: ClassVar[ModelInputs | None] = None  # the only inputs that it takes, if it is made for one dataset
    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__()
        if self.made_for is not None and inputs != self.made_for:
            raise ValueError(f"it is made for {self.made_for}, found {inputs}")
        self.inputs = inputs
        self.register_buffer("target_mean", torch.tensor(0.0))
        self.register_buffer("target_scale", torch.tensor(1.0))

    @abc.abstractmethod
    def output(self, batch: GraphBatch) -> Tensor:
        """(B, 1), the output of the last layer."""

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) logits, or values in the target's unit."""
        return self.output(batch).squeeze(-1) * self.target_scale + self.target_mean

    def set_target(self, mean: float, scale: float) -> None:
        """Set mean and spread of the training target (regression only)."""
        self.target_mean.fill_(mean)
        self.target_scale.fill_(scale)

    @property
    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
