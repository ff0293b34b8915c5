"""The graph network (GraphNet) of arXiv:2107.00656."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.activation import NormActivation
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
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

    def __init__(
        self, inputs: ModelInputs, *, width: int = 256, dropout: float = 0.2, last_dropout: float = 0.1
    ) -> None:
        super().__init__(inputs)
        self.first = NodeInput(inputs.n_features, inputs.n_tokens, width)
        self.node_layers = nn.ModuleList(dense(width, width) for _ in range(2))
        self.convolutions = nn.ModuleList(dense(width, width) for _ in range(3))
        self.node_activations = nn.ModuleList(NormActivation(width, dropout) for _ in range(3))
        dropouts = [dropout] * 6 + [last_dropout]
        self.event_layers = nn.ModuleList(dense(width, width) for _ in dropouts)
        self.event_activations = nn.ModuleList(NormActivation(width, p) for p in dropouts)
        self.last = dense(width, 1)

    def output(self, batch: GraphBatch) -> Tensor:
        """(B, 1)."""
        if self.training or torch.is_grad_enabled():
            x = self._graphs(batch)
        else:
            x = torch.cat([self._predicted_graphs(block) for block in batch.blocks(_BLOCK_NODES)])
        for layer, activation in zip(self.event_layers, self.event_activations, strict=True):
            x = activation(layer(x))
        result: Tensor = self.last(x)
        return result

    def _graphs(self, batch: GraphBatch) -> Tensor:
        """(B, width) the average over the nodes of each graph. Like nodes share results before the first sum."""
        nodes, expand = batch.distinct or (batch, None)
        x = self._nodes(nodes)
        for i, (convolution, activation) in enumerate(self._convolutions()):
            x = convolution(x)
            if i == 0 and expand is not None:
                x = expand(x)
            x = activation(sparse_product(batch.normalised_adjacency, x))
        return average_nodes(x, batch)

    def _predicted_graphs(self, batch: GraphBatch) -> Tensor:
        """The same without gradients and dropout: like nodes with like neighbours share one result to the end."""
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
        x = functional.relu(self.first(batch), inplace=True)
        for layer in self.node_layers:
            x = functional.relu(layer(x), inplace=True)
        return x

    def _convolutions(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        return zip(self.convolutions, self.node_activations, strict=True)
