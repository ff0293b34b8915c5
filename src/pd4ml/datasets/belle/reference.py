"""The published reference model of Belle: graph convolutions on the decay tree, arXiv:2107.00656.

This module imports torch; it is imported when a model is built.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.datasets.belle.features import CONTINUOUS, N_TOKENS
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import GraphConvolution, average_nodes, dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["BelleGraphNet"]


@register("belle_graph_net")
class BelleGraphNet(Model):
    """The token's embedding joined to the features; dense layers, graph convolutions, average, dense layers.

    Three of each, ReLU throughout. Different from the published code: only real particles are averaged over (there
    all 100 places, padding with the layers' biases included), every particle has a self-loop (there those without
    a mother have none), features are standardised, and the 182 most frequent particles have tokens of their own,
    all others one together (there 541 tokens). The embedding starts with unit variance, not within 0.05 of zero,
    so that it is seen beside the features.
    """

    permutation_invariant: ClassVar[bool] = True
    has_nodes = True
    made_for: ClassVar[ModelInputs | None] = ModelInputs(len(CONTINUOUS), 100, "classification", N_TOKENS)
    made_for_dataset: ClassVar[str] = "Belle"

    def __init__(self, inputs: ModelInputs, *, width: int = 128, embedding: int = 8) -> None:
        super().__init__(inputs)
        self.embedding = nn.Embedding(inputs.n_tokens, embedding)
        widths = [inputs.n_features + embedding, width, width]
        self.node_layers = nn.ModuleList(dense(n_in, width) for n_in in widths)
        self.convolutions = nn.ModuleList(GraphConvolution(width, width) for _ in range(3))
        self.event_layers = nn.ModuleList(dense(width, width) for _ in range(0 if inputs.per_node else 3))
        self.add_head(width)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        x = average_nodes(self.nodes(batch), batch)
        for layer in self.event_layers:
            x = functional.relu(layer(x), inplace=True)
        return x

    def nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, width) after the graph convolutions."""
        x = torch.cat([self.embedding(batch.tokens), batch.nodes], dim=1)
        for layer in self.node_layers:
            x = functional.relu(layer(x), inplace=True)
        for convolution in self.convolutions:
            x = convolution(x, batch)
        return x
