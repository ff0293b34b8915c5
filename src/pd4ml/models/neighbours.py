"""Nearest neighbours of packed points in any number of dimensions, found anew in every block of a network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pd4ml.models.batch import GraphBatch
from pd4ml.models.sparse import SparseMatrix

__all__ = ["Neighbours", "nearest"]

# Points with so few coordinates are compared by their differences, others by a matrix product, which is faster and
# loses digits where points lie close together compared with their distance from zero.
_FEW = 4
_EDGES = 4096  # worked off at once on a CPU: 4 MB with 256 channels


@dataclass(frozen=True)
class Neighbours:
    """Edges from each of N packed nodes to its neighbours, target after target.

    source, target: (E,) int64, the neighbour j and the node i whose neighbour it is.
    offsets: (N + 1,) int64; node i owns the edges ``offsets[i]:offsets[i + 1]``.
    """

    source: Tensor
    target: Tensor
    offsets: Tensor

    @cached_property
    def degree(self) -> Tensor:
        """(N,) how many neighbours each node has."""
        return self.offsets.diff()

    @cached_property
    def by_source(self) -> tuple[Tensor, Tensor]:
        """(E,) the edges sorted by source, and (N + 1,) where those of each source begin."""
        counts = torch.bincount(self.source, minlength=len(self.degree))
        return self.source.argsort(stable=True), torch.nn.functional.pad(counts.cumsum(0), (1, 0))

    @cached_property
    def pieces(self) -> list[tuple[slice, slice]]:
        """Nodes and their edges in pieces of about as many edges as stay in a CPU's cache; else all at once."""
        n_edges = len(self.source)
        starts = torch.arange(0, n_edges, _EDGES if self.source.device.type == "cpu" else max(n_edges, 1))
        first = torch.searchsorted(self.offsets[1:].cpu(), starts, right=True)
        nodes = [*sorted(set(first.tolist())), len(self.degree)]
        edges = self.offsets.cpu()[nodes].tolist()
        return [(slice(*n), slice(*e)) for n, e in zip(pairwise(nodes), pairwise(edges), strict=True)]

    def join(self, x: Tensor, y: Tensor, rows: slice) -> Tensor:
        """``x`` of the node plus ``y`` of the neighbour, both (N, W), for the edges ``rows``."""
        return y.index_select(0, self.source[rows]).add_(x.index_select(0, self.target[rows]))

    def mean(self, x: Tensor, nodes: slice) -> Tensor:
        """Mean of ``x``, rows of the edges of ``nodes``, at each of these nodes; zero without edges."""
        offsets = self.offsets[nodes.start : nodes.stop + 1]
        rows = torch.arange(len(x), device=x.device)
        return _add(rows, x, offsets - offsets[0]).div_(self.degree[nodes, None].clamp(min=1))

    def sum_at_targets(self, x: Tensor) -> Tensor:
        """(N, W): for each node the sum of ``x`` (E, W) over its edges."""
        return _add(torch.arange(len(x), device=x.device), x, self.offsets)

    def sum_at_sources(self, x: Tensor) -> Tensor:
        """(N, W): for each node the sum of ``x`` (E, W) over the edges whose neighbour it is."""
        return _add(self.by_source[0], x, self.by_source[1])


def nearest(points: Tensor, batch: GraphBatch, k: int) -> Neighbours:
    """The ``k`` nearest neighbours of each node within its graph, or all others where there are fewer.

    points: (sum P, C). Distances are Euclidean. A node is no neighbour of its own.
    """
    n_places = int(batch.sizes.max()) if len(batch) else 0
    degree = (batch.sizes - 1).clamp(0, k)[batch.graph_index]
    offsets = torch.nn.functional.pad(degree.cumsum(0), (1, 0))
    k = min(k, max(n_places - 1, 0))
    row = batch.graph_index * n_places + batch.place
    dense = points.new_zeros(len(batch) * n_places, points.shape[1]).index_copy_(0, row, points)
    distance = _squared_distances(dense.view(len(batch), n_places, points.shape[1]))
    # What is no neighbour comes last: nodes that are none, and the node itself.
    real = torch.arange(n_places, device=points.device) < batch.sizes[:, None]
    distance.masked_fill_(~real[:, None], torch.inf).diagonal(dim1=1, dim2=2).fill_(torch.inf)
    places = distance.flatten(0, 1).index_select(0, row).topk(k, largest=False).indices
    found = torch.arange(k, device=points.device) < degree[:, None]
    source = (places + batch.offsets[batch.graph_index, None])[found]
    target = torch.repeat_interleave(degree, output_size=len(source))
    return Neighbours(source, target, offsets)


def _squared_distances(x: Tensor) -> Tensor:
    """(B, P, P) squared distances between the points of ``x`` (B, P, C), finite whatever the points are."""
    if x.shape[2] <= _FEW:
        distance = x.new_zeros(*x.shape[:2], x.shape[1])
        for c in x.unbind(2):
            distance += (c[:, :, None] - c[:, None]).square_()
    else:
        length = x.square().sum(2)
        distance = torch.baddbmm(length[:, None], x, x.mT, alpha=-2).add_(length[:, :, None])
    return torch.nan_to_num_(distance, torch.finfo(x.dtype).max)


def _add(rows: Tensor, x: Tensor, offsets: Tensor) -> Tensor:
    return SparseMatrix(rows, offsets, x.new_ones(()).expand(len(rows))).times(x)
