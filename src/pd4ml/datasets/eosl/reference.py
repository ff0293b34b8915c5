"""The published reference model of EOSL: a convolutional network, arXiv:2107.00656 after arXiv:1612.04262.

This module imports torch; it is imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from pd4ml.models.images import ImageModel, image_inputs
from pd4ml.models.layers import BatchNorm
from pd4ml.models.registry import ModelInputs, register

__all__ = ["EOSLCNN", "network"]


@register("eosl_cnn")
class EOSLCNN(ImageModel):
    """Three convolutions, a dense layer of 128 and the head; see ``network``."""

    made_for: ClassVar[ModelInputs | None] = image_inputs(24)
    made_for_dataset: ClassVar[str] = "EOSL"

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.2, last_dropout: float = 0.5) -> None:
        super().__init__(inputs)
        *trunk, last = network(dropout, last_dropout, n_outputs=inputs.n_outputs)
        self.layers = nn.Sequential(*trunk)
        self.add_head(128, last)


def network(dropout: float = 0.2, last_dropout: float = 0.5, *, n_outputs: int = 1) -> nn.Sequential:
    """The layers, from standardised spectra (B, 1, 24, 24) to logits (B, n_outputs).

    As published, images are padded with zeros so that they keep their size (in azimuth, too, which is a circle),
    and pooling comes before batch norm. The weights start he-normal, slopes of PReLU at 0; there is one slope per
    channel, where the published code has one per pixel. Layers have no bias where batch norm follows, which would
    take it away again.
    """
    last = nn.Linear(128, n_outputs)
    nn.init.zeros_(last.bias)
    layers = nn.Sequential(
        *(_convolution(1, 16, 8), nn.BatchNorm2d(16, eps=1e-3), nn.PReLU(16, 0.0), nn.Dropout(dropout)),
        *(_convolution(16, 16, 7), nn.AvgPool2d(2)),
        *(nn.BatchNorm2d(16, eps=1e-3), nn.PReLU(16, 0.0), nn.Dropout(dropout)),
        *(_convolution(16, 32, 6), nn.AvgPool2d(2)),
        *(nn.BatchNorm2d(32, eps=1e-3), nn.PReLU(32, 0.0), nn.Dropout(dropout), nn.Flatten()),
        *(nn.Linear(32 * 6 * 6, 128, bias=False), BatchNorm(128), nn.PReLU(128, 0.0), nn.Dropout(last_dropout)),
        last,
    )
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layers


def _convolution(n_in: int, n_out: int, size: int) -> nn.Sequential:
    """A convolution that keeps the size of the image; an even kernel has one more pixel of padding at the end."""
    before, after = (size - 1) // 2, size // 2
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(n_in, n_out, size, bias=False))
