"""Where nodes are: on a graph or on a grid. A domain embeds them and says how each sees its neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels.filters import Neighbourhood
from pd4ml.models.layers import NodeInput, dense
from pd4ml.models.registry import ModelInputs

__all__ = ["GRID_DIMENSIONS", "GraphDomain", "GridDomain", "View"]

View: TypeAlias = Callable[[Tensor], Tensor]
"""From (sum P, W) of all nodes to (sum P, W) of what each sees of its neighbours."""

_MAX_PIXELS = 128
_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}  # by the number of the grid's axes
GRID_DIMENSIONS = tuple(_CONVOLUTIONS)
_SMALL = 1e-4


class GraphDomain(nn.Module):
    """Nodes with any neighbours: a filter of a pair is learned from the features of both.

    It is a small network on both nodes' features and kinds and on the logarithms of the squared differences of
    their features; linear parts are computed per node. It is evaluated once and gives the filters of all blocks,
    by head, divided by the number of neighbours.
    """

    def __init__(self, inputs: ModelInputs, width: int, depth: int, heads: int, hidden: int = 32) -> None:
        super().__init__()
        self.depth, self.heads, self.hidden = depth, heads, hidden
        self.first = NodeInput(inputs.n_features, inputs.n_tokens, width)
        self.both = NodeInput(inputs.n_features, inputs.n_tokens, 2 * hidden)
        self.difference = dense(inputs.n_features, hidden)
        self.filters = dense(hidden, depth * heads)
        self.values = nn.ModuleList(dense(width, width) for _ in range(depth))

    def forward(self, batch: GraphBatch) -> tuple[Tensor, GraphBatch, list[View]]:
        """The embedded nodes, their graphs, and one view for each block."""
        edges = Neighbourhood(batch)
        weights = self._weights(batch, edges)
        views: list[View] = [
            partial(_on_graph, values, edges, w) for values, w in zip(self.values, weights, strict=True)
        ]
        return self.first(batch), batch, views

    def _weights(self, batch: GraphBatch, edges: Neighbourhood) -> tuple[Tensor, ...]:
        """(E, heads) for each block."""
        source, target = batch.edge_index
        as_target, as_source = self.both(batch).split(self.hidden, 1)
        difference = batch.nodes.index_select(0, source) - batch.nodes.index_select(0, target)
        pair = self.difference(torch.log(difference.square_().add_(_SMALL)))
        pair = functional.relu(pair + edges.pair_sums(as_target, as_source), inplace=True)
        weights: Tensor = self.filters(pair) * edges.inverse_degree[target, None]
        return weights.view(-1, self.depth, self.heads).unbind(1)


class GridDomain(nn.Module):
    """Nodes on a grid: a filter is learned for each direction (nine in an image) and channel, and where a node is.

    A grid of more than 128 nodes is joined to patches, two by two or four by four and so on, until it has no more.
    """

    def __init__(self, inputs: ModelInputs, width: int, depth: int) -> None:
        super().__init__()
        if inputs.grid is None or len(inputs.grid) not in GRID_DIMENSIONS:
            raise ValueError(f"a grid domain needs a grid of 1 to 3 dimensions, found {inputs.grid}")
        self.grid, self.n_tokens, self.width, self.shape = inputs.grid, inputs.n_tokens, width, inputs.grid
        convolution, stride = _CONVOLUTIONS[len(self.shape)], 1
        while math.prod(self.shape) > _MAX_PIXELS:
            stride, self.shape = 2 * stride, tuple(-(-n // 2) for n in self.shape)
        # Patches overlap: those that lie two apart are 5 x 5. A single node is embedded by itself.
        half = stride if stride > 1 else 0
        n_inputs = inputs.n_features + inputs.n_tokens
        self.first = convolution(n_inputs, width, 2 * half + 1, padding=half, stride=stride)
        self.position = nn.Parameter(0.02 * torch.randn(math.prod(self.shape), width))
        self.convolutions = nn.ModuleList(
            convolution(width, width, 3, padding=1, groups=width) for _ in range(depth)
        )

    def forward(self, batch: GraphBatch) -> tuple[Tensor, GraphBatch, list[View]]:
        """The embedded nodes or patches, their graphs (without edges), and one view for each block."""
        if batch.grid != self.grid:
            raise ValueError(f"the model is built for a grid {self.grid}, found graphs with {batch.grid}")
        nodes = batch.nodes
        if batch.tokens is not None:
            nodes = torch.cat([nodes, functional.one_hot(batch.tokens, self.n_tokens).to(nodes.dtype)], 1)
        images = _images(nodes, len(batch), self.grid)
        size = len(self.position)
        x = self.first(images).movedim(1, -1).reshape(len(batch), size, self.width) + self.position
        offsets = size * torch.arange(len(batch) + 1, device=nodes.device)
        grids = GraphBatch(x.reshape(-1, self.width), batch.edge_index[:, :0], offsets, size, grid=self.shape)
        views: list[View] = [
            partial(_on_grid, convolution, len(batch), self.shape) for convolution in self.convolutions
        ]
        return grids.nodes, grids, views


def _on_graph(values: nn.Module, edges: Neighbourhood, weights: Tensor, x: Tensor) -> Tensor:
    return edges.sums(values(x), weights)


def _on_grid(convolution: nn.Module, n_events: int, shape: tuple[int, ...], x: Tensor) -> Tensor:
    seen: Tensor = convolution(_images(x, n_events, shape))
    return seen.movedim(1, -1).reshape(x.shape)


def _images(x: Tensor, n_events: int, shape: tuple[int, ...]) -> Tensor:
    """Packed nodes as images (B, W, height, width), or of another number of axes; channels last in memory."""
    return x.view(n_events, *shape, x.shape[1]).movedim(-1, 1)
