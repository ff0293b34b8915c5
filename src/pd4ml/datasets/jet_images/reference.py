"""The networks of arXiv:1511.05190, a convolutional one and one of maxout units, as re-implemented by others.

Sizes are those of github.com/deepjets/deepjets and github.com/hep-lbdl/adversarial-jets, whose authors are partly
the paper's; where these leave something open the docstrings say what was chosen. This module imports torch; it is
imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from pd4ml.models.images import ImageModel, image_inputs
from pd4ml.models.layers import BatchNorm
from pd4ml.models.registry import ModelInputs, register

__all__ = ["JetImagesCNN", "JetImagesMaxout", "Maxout"]

_SIDE = 25


class _OfJets(ImageModel):
    made_for: ClassVar[ModelInputs | None] = image_inputs(_SIDE)
    made_for_dataset: ClassVar[str] = "JetImages"


@register("jet_images_cnn")
class JetImagesCNN(_OfJets):
    """Three convolutions of 32 filters, a dense layer of 64 and the head.

    Filters are 11 x 11, 3 x 3 and 3 x 3, with ReLU, then the maximum over 2 x 2, 3 x 3 and 3 x 3 pixels; dropout
    comes before each convolution and after the dense layer. Chosen here: zeros around the image keep its size,
    weights start he-normal, batch norm is the normalisation before the dense layer.
    """

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.2) -> None:
        super().__init__(inputs)
        blocks: list[nn.Module] = []
        for n_in, size, pool in ((1, 11, 2), (32, 3, 3), (32, 3, 3)):
            convolution = nn.Conv2d(n_in, 32, size, padding=size // 2)
            blocks += [nn.Dropout(dropout), _started(convolution), nn.ReLU(), nn.MaxPool2d(pool)]
        last = [nn.Flatten(), BatchNorm(32), _started(nn.Linear(32, 64)), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*blocks, *last)
        self.add_head(64, nn.Linear(64, inputs.n_outputs))


@register("jet_images_maxout")
class JetImagesMaxout(_OfJets):
    """Maxout layers of 256 and 128 units with five pieces each, dense layers of 64 and 25, and the head.

    Maxout is arXiv:1302.4389: of each unit's pieces, which are linear, the largest counts. Dropout, whose places
    are not known, comes after each maxout layer.
    """

    def __init__(self, inputs: ModelInputs, *, dropout: float = 0.2) -> None:
        super().__init__(inputs)
        self.layers = nn.Sequential(
            nn.Flatten(),
            *(Maxout(_SIDE**2, 256), nn.Dropout(dropout), Maxout(256, 128), nn.Dropout(dropout)),
            *(_started(nn.Linear(128, 64)), nn.ReLU(), _started(nn.Linear(64, 25)), nn.ReLU()),
        )
        self.add_head(25, nn.Linear(25, inputs.n_outputs))


class Maxout(nn.Module):
    """The largest of ``pieces`` linear functions for each of ``n_out`` units; weights start he-uniform."""

    def __init__(self, n_in: int, n_out: int, pieces: int = 5) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out * pieces)
        self.pieces = pieces
        nn.init.kaiming_uniform_(self.linear.weight, nonlinearity="relu")
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in) to (B, n_out)."""
        pieces: Tensor = self.linear(x)
        return pieces.view(len(x), -1, self.pieces).amax(dim=-1)


def _started(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
