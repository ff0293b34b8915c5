"""The reference model of LArTPC: a small convolutional network on the three planes, this package's own.

The networks of arXiv:2209.07191 are not known here. This module imports torch; it is imported when a model is
built.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from pd4ml.datasets.lar_tpc.features import CENTRE, FEATURES, HALF, PLANE_DISTANCE
from pd4ml.datasets.lar_tpc.graph import MAX_NODES
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["LArCNN", "images"]

_PLANES, _SIDE = 3, 128


@register("lar_cnn")
class LArCNN(Model):
    """Convolutions that are the same for each plane, then dense layers that see all three together.

    Planes share the direction of the drift and little else, so that they meet only where places no longer matter.
    Each plane gives 2 x 64 numbers, means and maxima of its last layer.
    """

    permutation_invariant: ClassVar[bool] = True
    needs_edges = False
    made_for: ClassVar[ModelInputs | None] = ModelInputs(len(FEATURES), MAX_NODES, "classification", n_outputs=3)
    made_for_dataset: ClassVar[str] = "LArTPC"

    def __init__(self, inputs: ModelInputs, *, width: int = 16, dropout: float = 0.2) -> None:
        super().__init__(inputs)
        widths = (1, width, 2 * width, 4 * width, 4 * width)
        self.layers = nn.Sequential(*(_block(a, b) for a, b in pairwise(widths)))
        self.joined = nn.Sequential(dense(2 * _PLANES * widths[-1], 64), nn.ReLU(), nn.Dropout(dropout))
        self.add_head(64)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 64)."""
        return self.of_images(images(batch.nodes, batch.graph_index, len(batch)))

    def of_images(self, image: Tensor) -> Tensor:
        """(B, 64) of images (B, 3, 128, 128)."""
        x = self.layers(image.reshape(-1, 1, _SIDE, _SIDE))
        planes = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
        result: Tensor = self.joined(planes.view(len(image), -1))
        return result

    def dense_form(self) -> DenseForm:
        """On padded pixels, whose charge is nothing."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, 64)."""
        graph = torch.arange(features.shape[0], device=features.device).repeat_interleave(features.shape[1])
        image = images(features.flatten(0, 1), graph, features.shape[0])
        return cast("LArCNN", self.model).of_images(image)


def images(nodes: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
    """The images (B, 3, 128, 128) of pixels ``nodes`` (sum P, 5); ``graph`` (sum P,) says of which event."""
    plane = (nodes[:, 0] / PLANE_DISTANCE + 1).round().long().clamp(0, _PLANES - 1)
    row, column = ((nodes[:, i] * HALF + CENTRE).round().long().clamp(0, _SIDE - 1) for i in (1, 2))
    place = ((graph * _PLANES + plane) * _SIDE + row) * _SIDE + column
    flat = nodes.new_zeros(n_graphs * _PLANES * _SIDE * _SIDE)
    return flat.index_add(0, place, nodes[:, 3]).view(n_graphs, _PLANES, _SIDE, _SIDE)


def _block(n_in: int, n_out: int) -> nn.Sequential:
    """A convolution of stride 2, normalised."""
    size = 5 if n_in == 1 else 3
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, size, stride=2, padding=size // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )
