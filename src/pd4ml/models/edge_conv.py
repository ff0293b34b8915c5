"""The edge convolution of ParticleNet (arXiv:1902.08570, after arXiv:1801.07829), on packed nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.kernels.edge_network import mean_of_edges
from pd4ml.models.layers import BatchNorm
from pd4ml.models.neighbours import Neighbours

__all__ = ["EdgeConv"]


class EdgeConv(nn.Module):
    """ReLU(shortcut(x_i) + mean over neighbours j of network(x_i, x_j - x_i)).

    ``channels`` are the widths of the network's dense layers, each without bias and with batch norm and ReLU; the
    shortcut is a dense layer without bias and batch norm. A node without neighbours has the shortcut alone. Batch
    statistics are those of the edges there are.
    """

    def __init__(self, n_in: int, channels: Sequence[int]) -> None:
        super().__init__()
        widths = [2 * n_in, *channels]
        self.layers = nn.ModuleList(_linear(a, b) for a, b in zip(widths, channels, strict=False))
        self.norms = nn.ModuleList(BatchNorm(width) for width in channels)
        self.shortcut, self.shortcut_norm = _linear(n_in, channels[-1]), BatchNorm(channels[-1])

    def forward(self, x: Tensor, edges: Neighbours) -> Tensor:
        """(N, n_in) to (N, channels[-1])."""
        layers: Any = self.layers
        first, *weights = (layer.weight for layer in layers)
        # The first layer is linear: W (x_i, x_j - x_i) = (W_1 - W_2) x_i + W_2 x_j, two products per node.
        of_node, of_neighbour = first.chunk(2, dim=1)
        centre, other = functional.linear(x, of_node - of_neighbour), functional.linear(x, of_neighbour)
        mean = mean_of_edges(edges, centre.to(first.dtype), other.to(first.dtype), weights, list(self.norms))
        return functional.relu(self.shortcut_norm(self.shortcut(x)) + mean)


def _linear(n_in: int, n_out: int) -> nn.Linear:
    layer = nn.Linear(n_in, n_out, bias=False)
    nn.init.xavier_normal_(layer.weight)
    return layer
