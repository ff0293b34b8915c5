"""The point cloud transformer (PCT) and the simple PCT (SPCT) of arXiv:2102.05073."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.attention import PaddedGroup, groups_by_size, nearest_neighbours, offset_attention
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import count, use_kernels
from pd4ml.models.kernels.neighbours import at_once
from pd4ml.models.layers import BatchNorm, NodeInput, average_nodes, dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["PCT", "SPCT"]


@register("spct")
class SPCT(Model):
    """Two dense layers per node, two of offset attention, both joined, the average, a dense layer per event.

    As published, with the sizes of the authors' code (github.com/ViniciusMikuni/PCT_HEP): 128 and 64 channels with
    batch norm, attention of 64, a dense layer of 128 without batch norm, one of 64 per event with batch norm and
    dropout 0.5, ReLU throughout. Edges are not used.

    Different here: padding takes no part in anything (published, it counts in batch statistics and in the
    average), one logit replaces two classes, and kinds of nodes are looked up in the first layer.
    """

    permutation_invariant: ClassVar[bool] = True
    needs_edges = False
    has_nodes = True

    def __init__(self, inputs: ModelInputs, *, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__(inputs)
        self.first = _without_bias(NodeInput(inputs.n_features, inputs.n_tokens, 2 * width))
        self.first_norm = BatchNorm(2 * width)
        self.second = NormalisedDense(2 * width, width)
        self.attention = nn.ModuleList(OffsetAttention(width) for _ in range(2))
        self.join = dense(2 * width, 2 * width)
        self.event, n_features = event_layers(2 * width, width, dropout, skip=inputs.per_node)
        self.add_head(n_features)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width), of a model with outputs per node (B, 2 width)."""
        result: Tensor = self.event(average_nodes(self.nodes(batch), batch))
        return result

    def nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, 2 width)."""
        groups = list(groups_by_size(batch))
        x = functional.relu(self.first_norm(self.first(batch)), inplace=True)
        x = self.second(x)
        seen = []
        for layer in self.attention:
            x = layer(x, groups)
            seen.append(x)
        return functional.relu(self.join(torch.cat(seen, 1)), inplace=True)


@register("pct")
class PCT(Model):
    """Two EdgeConv layers, three layers of offset attention, all joined, the average, a dense layer per event.

    As published, with the sizes of the authors' code (github.com/ViniciusMikuni/PCT_HEP): EdgeConv
    (arXiv:1801.07829) of 128 and 64 channels, each two dense layers with batch norm on (x_i, x_j - x_i), averaged
    over 20 neighbours; attention of 64; dense layers of 256 per node and 128 per event, batch norm, dropout 0.5,
    ReLU throughout.

    Different here: the first EdgeConv takes the neighbours of the dataset's graph and the node itself, where the
    published one looks for 20 in (eta, phi), since not all datasets have coordinates; the second looks for 20 in
    what the first has found, as published. A node of a small graph has fewer neighbours, which are averaged;
    published, padding fills them up. Padding takes no part in anything; there is one logit, and kinds of nodes are
    looked up in the first layer.
    """

    permutation_invariant: ClassVar[bool] = True
    has_nodes = True

    def __init__(
        self, inputs: ModelInputs, *, width: int = 64, neighbours: int = 20, dropout: float = 0.5
    ) -> None:
        super().__init__(inputs)
        if neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {neighbours}")
        self.neighbours = neighbours
        # The first layer of an EdgeConv is linear in x_i and x_j - x_i: it is done per node and summed on edges.
        self.first_centre = _without_bias(NodeInput(inputs.n_features, inputs.n_tokens, 2 * width))
        self.first_offset = _without_bias(NodeInput(inputs.n_features, inputs.n_tokens, 2 * width))
        self.first_edges = EdgeLayers(2 * width)
        self.second_centre = nn.Linear(2 * width, width, bias=False)
        self.second_offset = nn.Linear(2 * width, width, bias=False)
        self.second_edges = EdgeLayers(width)
        self.attention = nn.ModuleList(OffsetAttention(width) for _ in range(3))
        self.join = NormalisedDense(4 * width, 4 * width)
        self.event, n_features = event_layers(4 * width, 2 * width, dropout, skip=inputs.per_node)
        self.add_head(n_features)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 2 width), of a model with outputs per node (B, 4 width)."""
        result: Tensor = self.event(average_nodes(self.nodes(batch), batch))
        return result

    def nodes(self, batch: GraphBatch) -> Tensor:
        """(sum P, 4 width)."""
        groups = list(groups_by_size(batch))
        source, target = _with_self_loops(batch)
        x = self.first_edges(self.first_centre(batch), self.first_offset(batch), source, target)
        if use_kernels(x):
            numbers, found = nearest_neighbours(x, self.neighbours, groups)
            target = torch.arange(len(x), device=x.device)[:, None].expand_as(numbers)[found]
            source = numbers[found]
        else:
            near = at_once(x, batch, self.neighbours, itself=True)
            source, target = near.source, near.target
        x = self.second_edges(self.second_centre(x), self.second_offset(x), source, target)
        seen = [x]
        for layer in self.attention:
            x = layer(x, groups)
            seen.append(x)
        joined: Tensor = self.join(torch.cat(seen, 1))
        return joined


class NormalisedDense(nn.Module):
    """A dense layer, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_in, n_out, bias=False)
        nn.init.xavier_uniform_(self.dense.weight)
        self.norm = BatchNorm(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in) to (N, n_out)."""
        return functional.relu(self.norm(self.dense(x)), inplace=True)


class OffsetAttention(nn.Module):
    """x + ReLU(norm(W (x - attention(x)))) (arXiv:2012.09688); queries and keys have a quarter of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sizes = [max(width // 4, 1), max(width // 4, 1), width]
        self.dense = nn.Linear(width, sum(self.sizes), bias=False)
        nn.init.xavier_uniform_(self.dense.weight)
        self.norm = BatchNorm(sum(self.sizes))
        self.last = NormalisedDense(width, width)

    def forward(self, x: Tensor, groups: list[PaddedGroup]) -> Tensor:
        """(sum P, width) to the same."""
        query, key, value = self.norm(self.dense(x)).split(self.sizes, 1)
        result: Tensor = x + self.last(x - offset_attention(query, key, value, groups))
        return result


class EdgeLayers(nn.Module):
    """What an EdgeConv does on edges: batch norm, ReLU, a dense layer with both again, the average per target."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = BatchNorm(width)
        self.second = NormalisedDense(width, width)

    def forward(self, centre: Tensor, offset: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """(sum P, width) from the linear parts in x_i and x_j - x_i of that shape; every node is a target."""
        on_edges = (centre - offset)[target] + offset[source]
        messages = self.second(functional.relu(self.norm(on_edges), inplace=True))
        counts = count(target, len(centre)).to(messages.dtype)
        total: Tensor = messages.new_zeros(centre.shape).index_add(0, target, messages)
        return total / counts[:, None]


def event_layers(n_in: int, width: int, dropout: float, *, skip: bool) -> tuple[nn.Module, int]:
    """A dense layer with batch norm, ReLU and dropout, or with ``skip`` nothing; the width that comes out."""
    if skip:
        return nn.Identity(), n_in
    return nn.Sequential(NormalisedDense(n_in, width), nn.Dropout(dropout)), width


def _without_bias(first: NodeInput) -> NodeInput:
    """``first`` without the bias, which batch norm takes out again."""
    first.features.register_parameter("bias", None)
    return first


def _with_self_loops(batch: GraphBatch) -> Tensor:
    """(2, E + sum P), the edges and one from every node to itself."""
    nodes = torch.arange(len(batch.nodes), device=batch.nodes.device)
    return torch.cat([batch.edge_index, nodes.expand(2, -1)], 1)
