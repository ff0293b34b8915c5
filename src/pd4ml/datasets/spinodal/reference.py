"""The published reference model of Spinodal: a convolutional network, arXiv:2107.00656 after arXiv:1906.06562.

This module imports torch; it is imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor, nn

from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["SpinodalCNN", "network"]

_SIDE = 20


@register("spinodal_cnn")
class SpinodalCNN(Model):
    """Three convolutions, a dense layer of 10 and the head; see ``network``."""

    permutation_invariant: ClassVar[bool] = False
    needs_edges = False
    made_for: ClassVar[ModelInputs | None] = ModelInputs(1, _SIDE**2, "classification")
    made_for_dataset: ClassVar[str] = "Spinodal"

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.4) -> None:
        super().__init__(inputs)
        *trunk, last = network(dropout, n_outputs=inputs.n_outputs)
        self.layers = nn.Sequential(*trunk)
        self.add_head(10, last)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 10)."""
        return self.images(batch.to_dense())

    def images(self, features: Tensor) -> Tensor:
        """(B, 10) of all pixels, (B, 400, 1)."""
        result: Tensor = self.layers(features.view(-1, 1, _SIDE, _SIDE))
        return result

    def dense_form(self) -> DenseForm:
        """On the pixels of images."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, 10)."""
        return cast("SpinodalCNN", self.model).images(features)


def network(dropout: float = 0.4, *, n_outputs: int = 1) -> nn.Sequential:
    """The layers, from images (B, 1, 20, 20) over a common scale to logits (B, n_outputs).

    As published, convolutions are 3x3, padded with zeros so that images keep their size, and followed by ReLU; the
    weights start Glorot-uniform, biases at zero. The published code gave the sigmoid of the output to a loss that
    expects logits; here it is given the logits. The images are divided by one number, there they were as they are.
    """
    return nn.Sequential(
        *(_convolution(1, 15), nn.ReLU(), nn.MaxPool2d(2)),
        *(_convolution(15, 15), nn.ReLU(), nn.MaxPool2d(2)),
        *(_convolution(15, 25), nn.ReLU(), nn.Dropout(dropout), nn.Flatten()),
        *(dense(25 * 5 * 5, 10), nn.ReLU(), dense(10, n_outputs)),
    )


def _convolution(n_in: int, n_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(n_in, n_out, 3, padding=1)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
