"""The graph network (GraphNet) of arXiv:2107.00656."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.graphs.grid import grid_graphs
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import use_kernels
from pd4ml.models.kernels.activation import NormActivation
from pd4ml.models.layers import NodeInput, average_nodes, dense
from pd4ml.models.registry import ModelInputs, register
from pd4ml.models.sparse import sparse_product

__all__ = ["GraphNet"]

_BLOCK_NODES = 2048  # are predicted at a time: 2 MB of float32 for each layer, which stay in the caches


@register("graph_net")
class GraphNet(Model):
    """Dense layers per node, graph convolutions, the average over the nodes, dense layers per event.

    As published: three dense layers (ReLU), three graph convolutions (ReLU, batch norm, PReLU, dropout),
    global average pooling, six dense layers (ReLU, batch norm, PReLU, dropout) and one more with dropout 0.1.
    Nodes are packed, so padding takes no part in batch statistics or pooling. PReLU has one slope per channel.
    The published PReLU right after the ReLU of the first three layers is left out: there it is the identity,
    and its slopes never get a gradient.
    """

    permutation_invariant: ClassVar[bool] = True
    has_nodes = True

    def __init__(
        self, inputs: ModelInputs, *, width: int = 256, dropout: float = 0.2, last_dropout: float = 0.1
    ) -> None:
        super().__init__(inputs)
        self.first = NodeInput(inputs.n_features, inputs.n_tokens, width)
        self.node_layers = nn.ModuleList(dense(width, width) for _ in range(2))
        self.convolutions = nn.ModuleList(dense(width, width) for _ in range(3))
        self.node_activations = nn.ModuleList(NormActivation(width, dropout) for _ in range(3))
        dropouts = [] if inputs.per_node else [dropout] * 6 + [last_dropout]
        self.event_layers = nn.ModuleList(dense(width, width) for _ in dropouts)
        self.event_activations = nn.ModuleList(NormActivation(width, p) for p in dropouts)
        self.add_head(width)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        if self.training or torch.is_grad_enabled() or not use_kernels(batch.nodes):
            x = average_nodes(self.nodes(batch), batch)
        else:
            x = torch.cat([self._predicted_graphs(block) for block in batch.blocks(_BLOCK_NODES)])
        return self._event_layers(x)

    def _event_layers(self, x: Tensor) -> Tensor:
        for layer, activation in zip(self.event_layers, self.event_activations, strict=True):
            x = activation(layer(x))
        return x

    def nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, width) after the graph convolutions. Like nodes share results before the first sum."""
        nodes, expand = batch.distinct or (batch, None)
        x = self._nodes(nodes)
        for i, (convolution, activation) in enumerate(self._convolutions()):
            x = convolution(x)
            if i == 0 and expand is not None:
                x = expand(x)
            x = activation(sparse_product(batch.normalised_adjacency, x))
        return x

    def _predicted_graphs(self, batch: GraphBatch) -> Tensor:
        """(B, width) averages, without gradients: nodes with like neighbours share a result to the end."""
        nodes, expand = batch.distinct or (batch, None)
        x = self._nodes(nodes)
        for convolution, activation in self._convolutions():
            matrix = batch.normalised_adjacency
            if expand is not None:
                matrix, expand = expand.of_products(matrix)
            x = activation(matrix.times(convolution(x)))
        average, _ = batch.node_average
        return (average if expand is None else expand.columns_of(average)).times(x)

    def _nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, width) what is computed for each node alone."""
        return self._dense_layers(self.first(batch))

    def _dense_layers(self, x: Tensor) -> Tensor:
        x = functional.relu(x, inplace=True)
        for layer in self.node_layers:
            x = functional.relu(layer(x), inplace=True)
        return x

    def dense_form(self) -> DenseForm | None:
        """On a grid, where all nodes are real; its matrix is part of it."""
        return None if self.inputs.grid is None else _OnGrid(self)

    def _convolutions(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        return zip(self.convolutions, self.node_activations, strict=True)


class _OnGrid(DenseForm):
    """Sums over neighbours are products with one dense matrix (max_nodes, max_nodes)."""

    adjacency: Tensor

    def __init__(self, model: GraphNet) -> None:
        super().__init__(model)
        grid = cast("tuple[int, ...]", model.inputs.grid)
        matrix = grid_graphs(np.zeros((1, *grid, 1), np.float32)).normalised_adjacency()[0]
        self.register_buffer("adjacency", torch.from_numpy(matrix).to(model.target_mean), persistent=False)

    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, width), or (B, max_nodes, width) per node."""
        model = cast("GraphNet", self.model)
        x = model._dense_layers(model.first.rows(features, tokens))
        for convolution, activation in model._convolutions():
            x = self.adjacency @ convolution(x)
            x = activation(x.flatten(0, 1)).view(x.shape)
        return x if model.inputs.per_node else model._event_layers(x.mean(1))
