"""The published reference model of Spinodal: a convolutional network, arXiv:2107.00656 after arXiv:1906.06562.

This module imports torch; it is imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["SpinodalCNN", "network"]

_SIDE = 20


@register("spinodal_cnn")
class SpinodalCNN(Model):
    """Three convolutions, a dense layer of 10, one output; see ``network``."""

    permutation_invariant: ClassVar[bool] = False
    made_for: ClassVar[ModelInputs | None] = ModelInputs(1, _SIDE**2, "classification")

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.4) -> None:
        super().__init__(inputs)
        self.layers = network(dropout)

    def output(self, batch: GraphBatch) -> Tensor:
        """(B, 1)."""
        result: Tensor = self.layers(batch.to_dense().view(-1, 1, _SIDE, _SIDE))
        return result


def network(dropout: float = 0.4) -> nn.Sequential:
    """The layers, from images (B, 1, 20, 20) over a common scale to logits (B, 1).

    As published, convolutions are 3x3, padded with zeros so that images keep their size, and followed by ReLU; the
    weights start Glorot-uniform, biases at zero. The published code gave the sigmoid of the output to a loss that
    expects logits; here it is given the logits. The images are divided by one number, there they were as they are.
    """
    return nn.Sequential(
        *(_convolution(1, 15), nn.ReLU(), nn.MaxPool2d(2)),
        *(_convolution(15, 15), nn.ReLU(), nn.MaxPool2d(2)),
        *(_convolution(15, 25), nn.ReLU(), nn.Dropout(dropout), nn.Flatten()),
        *(dense(25 * 5 * 5, 10), nn.ReLU(), dense(10, 1)),
    )


def _convolution(n_in: int, n_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(n_in, n_out, 3, padding=1)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
