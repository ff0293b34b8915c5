"""The graph network (GraphNet) of arXiv:2107.00656."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import BatchNorm, GraphConvolution, NodeInput, PReLUDropout, average_nodes, dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["GraphNet"]


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
        self.convolutions = nn.ModuleList(GraphConvolution(width, width) for _ in range(3))
        self.node_activations = nn.ModuleList(_activation(width, dropout) for _ in range(3))
        dropouts = [dropout] * 6 + [last_dropout]
        self.event_layers = nn.ModuleList(dense(width, width) for _ in dropouts)
        self.event_activations = nn.ModuleList(_activation(width, p) for p in dropouts)
        self.last = dense(width, 1)

    def output(self, batch: GraphBatch) -> Tensor:
        """(B, 1)."""
        x = functional.relu(self.first(batch), inplace=True)
        for layer in self.node_layers:
            x = functional.relu(layer(x), inplace=True)
        for convolution, activation in zip(self.convolutions, self.node_activations, strict=True):
            x = activation(convolution(x, batch))
        x = average_nodes(x, batch)
        for layer, activation in zip(self.event_layers, self.event_activations, strict=True):
            x = activation(functional.relu(layer(x), inplace=True))
        result: Tensor = self.last(x)
        return result


def _activation(width: int, dropout: float) -> nn.Sequential:
    """Batch norm, PReLU and dropout, which follow a ReLU."""
    return nn.Sequential(BatchNorm(width), PReLUDropout(width, dropout))
