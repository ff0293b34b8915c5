"""The published reference model of Spinodal: a convolutional network, arXiv:2107.00656 after arXiv:1906.06562.

This module imports torch; it is imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from pd4ml.models.images import ImageModel, image_inputs
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["SpinodalCNN", "network"]


@register("spinodal_cnn")
class SpinodalCNN(ImageModel):
    """Three convolutions, a dense layer of 10 and the head; see ``network``."""

    made_for: ClassVar[ModelInputs | None] = image_inputs(20)
    made_for_dataset: ClassVar[str] = "Spinodal"

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.4) -> None:
        super().__init__(inputs)
        *trunk, last = network(dropout, n_outputs=inputs.n_outputs)
        self.layers = nn.Sequential(*trunk)
        self.add_head(10, last)


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
