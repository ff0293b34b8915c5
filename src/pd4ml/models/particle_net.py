"""ParticleNet (arXiv:1902.08570), on any nodes that have coordinates among their features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.edge_conv import EdgeConv
from pd4ml.models.layers import BatchNorm, average_nodes, dense
from pd4ml.models.neighbours import nearest
from pd4ml.models.registry import ModelInputs, register

__all__ = ["ParticleNet"]

_KIND_WIDTH = 8


@register("particle_net")
class ParticleNet(Model):
    """Edge convolutions, each on the nearest neighbours in what the one before it gave; average; dense layers.

    As published: batch norm of the features; blocks of edge convolutions, whose neighbours are the ``k`` nearest
    nodes, in the features numbered ``coordinates`` for the first block and in all its inputs for the others; the
    average over the nodes; a dense layer of ``width`` with ReLU and dropout; one output, where the published
    network has a softmax of two. Distances are Euclidean, also in angles. The nodes' edges are not used.

    The published code pads to 100 constituents, and padding takes part: it is in the statistics of batch norm, it
    stands in for neighbours that small jets do not have, and the average divides by 100. Here only real nodes take
    part; a node with fewer neighbours than ``k`` has those there are, and the average is over real nodes.
    Where nodes are of kinds, a trained vector of 8 numbers for each kind is joined to the features.
    """

    permutation_invariant: ClassVar[bool] = True
    needs_edges = False
    has_nodes = True

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        coordinates: Sequence[int] = (0, 1),
        k: int = 16,
        channels: Sequence[Sequence[int]] = ((64, 64, 64), (128, 128, 128), (256, 256, 256)),
        width: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs)
        if not coordinates or not all(0 <= c < inputs.n_features for c in coordinates):
            raise ValueError(f"coordinates must be among the {inputs.n_features} features, found {coordinates}")
        if k < 1 or not channels or not all(channels):
            raise ValueError(f"it needs neighbours and layers in every block, found k={k}, channels={channels}")
        self.coordinates, self.k = list(coordinates), k
        self.feature_norm = BatchNorm(inputs.n_features)
        self.kinds = nn.Parameter(torch.randn(inputs.n_tokens, _KIND_WIDTH)) if inputs.n_tokens else None
        widths = [inputs.n_features + (_KIND_WIDTH if inputs.n_tokens else 0), *(block[-1] for block in channels)]
        self.blocks = nn.ModuleList(EdgeConv(n, block) for n, block in zip(widths, channels, strict=False))
        self.dropout = nn.Dropout(dropout)
        self.dense = None if inputs.per_node else dense(widths[-1], width)
        self.add_head(widths[-1] if inputs.per_node else width)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        x = average_nodes(self.nodes(batch), batch)
        return x if self.dense is None else self.dropout(functional.relu(self.dense(x)))

    def nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, width of the last block)."""
        points = batch.nodes.detach()[:, self.coordinates]
        x: Tensor = self.feature_norm(batch.nodes)
        if self.kinds is not None and batch.tokens is not None:
            x = torch.cat([x, functional.embedding(batch.tokens, self.kinds)], dim=1)
        for block in self.blocks:
            x = block(x, nearest(points, batch, self.k))
            points = x.detach()
        return x
