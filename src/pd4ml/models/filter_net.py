"""FilterNet: residual blocks of filters over neighbours and of what all nodes know, for graphs and for grids.

This package's own, of parts that are known: ``docs/models.md`` has the reasons and what was measured.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.domains import GRID_DIMENSIONS, GraphDomain, GridDomain, View
from pd4ml.models.layers import average_nodes, dense, keep_mask, spread_nodes
from pd4ml.models.registry import ModelInputs, register

__all__ = ["FilterNet"]


@register("filter_net")
class FilterNet(Model):
    """Residual blocks on nodes: each sees itself, its neighbours through filters and the average of all nodes.

    A filter is a number for a pair of neighbours and a head. On a graph it is learned from the features of both
    nodes (continuous filters, arXiv:1706.08566), once for all blocks. On a grid it is learned for each of the nine
    directions and channel (a depthwise convolution, arXiv:1704.04861), there are embeddings of the position, and
    grids of more than 128 nodes are first joined to overlapping patches (arXiv:2010.11929). What all nodes know
    comes back to each in every block, as in arXiv:2301.08128. Blocks normalise first (arXiv:2002.04745). The event
    is the average over the nodes, averages weighted by attention (arXiv:1802.04712), and on a grid one weighted by
    position, on a graph the number of nodes.

    Invariant under permutations of a graph's nodes; a grid has an order, which is used.
    """

    permutation_invariant: ClassVar[bool] = True
    has_nodes = True

    def __init__(
        self, inputs: ModelInputs, *, width: int = 64, depth: int = 3, heads: int = 8, dropout: float = 0.1
    ) -> None:
        super().__init__(inputs)
        if min(width, depth, heads) < 1 or width % heads:
            raise ValueError(f"expected width as a multiple of heads, depth >= 1; found {width}, {heads}, {depth}")
        on_grid = inputs.grid is not None and len(inputs.grid) in GRID_DIMENSIONS
        self.needs_edges = not on_grid
        domain = GridDomain(inputs, width, depth) if on_grid else GraphDomain(inputs, width, depth, heads)
        if isinstance(domain, GridDomain) and domain.shape != inputs.grid:
            if inputs.per_node:
                raise ValueError(f"it joins the grid {inputs.grid} to patches and has no output per node")
            self.has_nodes = False
        self.domain = domain
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.by_position: nn.Parameter | None = None
        if inputs.per_node:
            self.add_head(width)
            return
        self.attention = dense(width, heads)
        n_pooled = 2 * width + 1
        if isinstance(domain, GridDomain):
            self.by_position = nn.Parameter(0.5 * torch.randn_like(domain.position))
            n_pooled = 3 * width
        self.event = nn.Sequential(dense(n_pooled, 2 * width), nn.ReLU(inplace=True), nn.Dropout(dropout))
        self.add_head(2 * width)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 2 width), of a model with outputs per node (B, width)."""
        x, batch = self._blocks(batch)
        if self.inputs.per_node:
            return average_nodes(x, batch)
        result: Tensor = self.event(self._pooled(x, batch))
        return result

    def nodes(self, batch: GraphBatch) -> Tensor | None:
        """(sum P, width); None where a grid is joined to patches."""
        return self._blocks(batch)[0] if self.has_nodes else None

    def _blocks(self, batch: GraphBatch) -> tuple[Tensor, GraphBatch]:
        """The nodes or patches after all blocks, and their graphs."""
        x, batch, views = self.domain(batch)
        for block, view in zip(self.blocks, views, strict=True):
            x = block(x, batch, view)
        return self.norm(x), batch

    def _pooled(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """(B, n_pooled)."""
        shares = attention_shares(self.attention(x), batch)
        heads = shares.shape[1]
        attended = (x.view(len(x), heads, x.shape[1] // heads) * shares[:, :, None]).view(x.shape)
        if self.by_position is None:
            third = torch.log1p(batch.sizes.to(x.dtype))[:, None]
        else:
            third = average_nodes(
                (x.view(len(batch), *self.by_position.shape) * self.by_position).view(x.shape), batch
            )
        return torch.cat([average_nodes(x, batch), average_nodes(attended, batch), third], 1)


class Block(nn.Module):
    """x + W2 dropout(ReLU(W1 y + V view(y) + U average(y))) with y the layer-normalised x."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(width)
        self.itself, self.around, self.all_nodes = (
            nn.Linear(width, 2 * width, bias=bias) for bias in (True, False, False)
        )
        self.last = dense(2 * width, width)

    def forward(self, x: Tensor, batch: GraphBatch, view: View) -> Tensor:
        """(sum P, width) to the same."""
        y = self.norm(x)
        hidden = self.itself(y) + self.around(view(y))
        hidden = hidden + spread_nodes(self.all_nodes(average_nodes(y, batch)), batch)
        hidden = functional.relu(hidden, inplace=True)
        if self.training and self.dropout:
            hidden = hidden * keep_mask(hidden, self.dropout)
        result: Tensor = x + self.last(hidden)
        return result


def attention_shares(scores: Tensor, batch: GraphBatch) -> Tensor:
    """(sum P, H): the softmax of ``scores`` (sum P, H) over the nodes of each graph, times their number."""
    index = batch.graph_index[:, None].expand_as(scores)
    largest = (
        scores.detach()
        .new_zeros(len(batch), scores.shape[1])
        .scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    )
    shares = (scores - largest[batch.graph_index]).exp()
    return shares / spread_nodes(average_nodes(shares, batch), batch)
