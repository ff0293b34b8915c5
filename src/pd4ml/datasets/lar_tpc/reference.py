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
from pd4ml.datasets.lar_tpc.images import Images, Layer, Sites, Whole
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import use_kernels
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["LArCNN", "images", "mirrored"]

_PLANES, _SIDE = 3, 128


@register("lar_cnn")
class LArCNN(Model):
    """Convolutions that are the same for each plane, then dense layers that see all three together.

    Planes share the direction of the drift and little else, so that they meet only where places no longer matter
    (late fusion, as in arXiv:2006.15052). The first layers see the image at full resolution; on a CPU only pixels
    with charge are computed, which are one in a hundred (`Sites`). Sums and maxima at every resolution go on: how
    many pixels there are, and how clustered, tells tracks from showers. With ``mirrored``, training turns half of
    the images around in the drift and exchanges the two slanted planes of half of them, which is up against down.
    """

    permutation_invariant: ClassVar[bool] = True
    needs_edges = False
    made_for: ClassVar[ModelInputs | None] = ModelInputs(len(FEATURES), MAX_NODES, "classification", n_outputs=3)
    made_for_dataset: ClassVar[str] = "LArTPC"

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        widths: tuple[int, ...] = (16, 32, 32, 48, 48),
        dropout: float = 0.2,
        mirrored: bool = True,
    ) -> None:
        super().__init__(inputs)
        self.levels = nn.ModuleList(
            nn.Sequential(Layer(n_in, n_out, 2 if level else 3), Layer(n_out, n_out, 3, residual=True))
            for level, (n_in, n_out) in enumerate(pairwise((2, *widths)))
        )
        self.mirrored = mirrored
        self.joined = nn.Sequential(
            nn.Dropout(dropout), dense(2 * _PLANES * sum(widths), 64), nn.ReLU(), nn.Dropout(dropout)
        )
        self.add_head(64)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 64)."""
        return self.of_images(images(batch.nodes, batch.graph_index, len(batch)))

    def of_images(self, image: Tensor) -> Tensor:
        """(B, 64) of images (B, 3, 128, 128)."""
        if self.training and self.mirrored:
            image = mirrored(image)
        planes = image.flatten(0, 1)
        x: Images = Sites.of(planes) if use_kernels(planes) else Whole.of(planes)
        pooled = []
        for level in self.levels:
            x = level(x)
            pooled.append(x.pooled())
        result: Tensor = self.joined(torch.cat(pooled, dim=1).view(len(image), -1))
        return result

    def dense_form(self) -> DenseForm:
        """On padded pixels, whose charge is nothing."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, W)."""
        graph = torch.arange(features.shape[0], device=features.device).repeat_interleave(features.shape[1])
        image = images(features.flatten(0, 1), graph, features.shape[0])
        return cast("LArCNN", self.model).of_images(image)


def mirrored(image: Tensor) -> Tensor:
    """Each image (3, 128, 128) with the drift turned around, or with its slanted planes exchanged, by chance."""
    turned, exchanged = torch.rand(2, len(image), 1, 1, 1, device=image.device) < 0.5
    image = torch.where(turned, image.flip(3), image)
    return torch.where(exchanged, torch.cat([image[:, :2].flip(1), image[:, 2:]], dim=1), image)


def images(nodes: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
    """The images (B, 3, 128, 128) of pixels ``nodes`` (sum P, 5); ``graph`` (sum P,) says of which event."""
    plane = (nodes[:, 0] / PLANE_DISTANCE + 1).round().long().clamp(0, _PLANES - 1)
    row, column = ((nodes[:, i] * HALF + CENTRE).round().long().clamp(0, _SIDE - 1) for i in (1, 2))
    place = ((graph * _PLANES + plane) * _SIDE + row) * _SIDE + column
    flat = nodes.new_zeros(n_graphs * _PLANES * _SIDE * _SIDE)
    return flat.index_add(0, place, nodes[:, 3]).view(n_graphs, _PLANES, _SIDE, _SIDE)
