"""Nearest neighbours of packed points in any number of dimensions, found anew in every block of a network.

There is one search in two forms. The compiled one of ``graphs/knn.py`` is for networks on a CPU, for few
coordinates or small graphs: of jets of 20 to 100 nodes it is 4 to 6 times as fast with 2 to 7 coordinates, twice
with 64, and as fast with 256 (two threads, ``benchmarks/neighbours.py``; with one thread the factors are larger).
The plain one, a matrix product and PyTorch's search for the smallest, is for all else: larger graphs with many
coordinates, other devices, double precision, and networks that PyTorch exports or compiles.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pd4ml.errors import DataError
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import use_kernels
from pd4ml.models.sparse import SparseMatrix

__all__ = ["Neighbours", "dense_places", "nearest"]

# Points with so few coordinates are compared by their differences, others by a matrix product, which is faster and
# loses digits where points lie close together compared with their distance from zero.
_FEW = 4
# With more coordinates than this, and more nodes in a graph on average, the matrix product wins.
_MANY, _SMALL = 32, 128
_LISTS = 4  # The search is compiled for each length of the lists, so these come in fours.
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


def nearest(points: Tensor, batch: GraphBatch, k: int, *, itself: bool = False, plain: bool = False) -> Neighbours:
    """The ``k`` nearest neighbours of each node within its graph, nearest first, or all where there are fewer.

    points: (sum P, C). Distances are Euclidean; of nodes at the same distance the lower number comes first. With
    ``itself`` a node is the first of its own k, else it is none. Neighbours are chosen, so they have no gradient.
    ``plain`` asks for PyTorch's form of the search on a CPU, too. Both give the same but where distances differ in
    the last digits only: the compiled form has sums of squared differences, the plain one with more than 4
    coordinates a matrix product. Points that are not finite have neighbours of their graph, no matter which.
    """
    points = points.detach()
    others = k - 1 if itself else k
    places = _compiled_places(points, batch, others) if not plain and _compiled_is_faster(points, batch) else None
    if places is None:
        places = _plain_places(points, batch, others)
    if itself:
        places = torch.cat([batch.place[:, None], places], 1)
    kept, degree = batch.layout.chosen(k, itself=itself)
    source = (places + batch.offsets[batch.graph_index, None]).flatten().index_select(0, kept)
    target = torch.repeat_interleave(degree, output_size=len(kept))
    return Neighbours(source, target, torch.nn.functional.pad(degree.cumsum(0), (1, 0)))


def _compiled_is_faster(points: Tensor, batch: GraphBatch) -> bool:
    """Whether the compiled form can be used, and pays, as measured by ``benchmarks/neighbours.py``."""
    if not use_kernels(points) or points.dtype == torch.float64:
        return False
    n_nodes = len(points) / max(len(batch), 1)
    return points.shape[1] <= _MANY or n_nodes <= _SMALL


def _compiled_places(points: Tensor, batch: GraphBatch, k: int) -> Tensor | None:
    """(sum P, k) places in their graph of the nearest others; None where points are not finite."""
    if k < 1:
        return points.new_zeros(len(points), 0, dtype=torch.int64)
    from pd4ml.graphs.knn import knn

    longer = -(-k // _LISTS) * _LISTS
    try:
        found = knn(points.float().numpy(), batch.offsets.numpy(), longer, threads=torch.get_num_threads())
    except DataError:
        return None
    return torch.from_numpy(found[:, :k])


def _plain_places(points: Tensor, batch: GraphBatch, k: int) -> Tensor:
    """As the compiled form, in PyTorch's operations on tensors of fixed shape."""
    n_places = batch.layout.largest
    row = batch.graph_index * n_places + batch.place
    dense = points.new_zeros(len(batch) * n_places, points.shape[1]).index_copy(0, row, points)
    real = torch.arange(n_places, device=points.device) < batch.sizes[:, None]
    places = dense_places(dense.view(len(batch), n_places, points.shape[1]), real, k)
    found = places.flatten(0, 1).index_select(0, row)
    return torch.nn.functional.pad(found, (0, k - found.shape[1]))  # what is padded is not kept


def dense_places(points: Tensor, mask: Tensor, k: int) -> Tensor:
    """(B, P, k) places of the nearest other points of each, by PyTorch's operations on fixed shapes alone.

    points: (B, P, C). mask: (B, P), True where a point is real. Nearest first; of points at the same distance the
    lower place comes first. Real points come before all others, then padding and the point itself. There are
    P - 1 columns where k is larger.
    """
    points = points.detach() if points.dtype == torch.float64 else points.detach().float()
    k = min(k, max(points.shape[1] - 1, 0))
    distance = _squared_distances(points).masked_fill(~mask[:, None], torch.inf)
    distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    if distance.dtype == torch.float64 or torch.compiler.is_compiling():
        return distance.sort(dim=2, stable=True).indices[..., :k]
    # Four times as fast: the bits of a positive number rise with it, and with the place below them nothing ties.
    place = torch.arange(points.shape[1], device=points.device)
    keys = distance.view(torch.int32).long().bitwise_left_shift_(32).bitwise_or_(place)
    return keys.topk(k, dim=2, largest=False).values.bitwise_and_(0xFFFFFFFF)


def _squared_distances(x: Tensor) -> Tensor:
    """(B, P, P) squared distances between the points of ``x`` (B, P, C), finite and not negative in any case."""
    if x.shape[2] <= _FEW:
        distance = x.new_zeros(*x.shape[:2], x.shape[1])
        for c in x.unbind(2):
            distance += (c[:, :, None] - c[:, None]).square_()
    else:
        device = x.device.type
        # Mixed precision would leave three digits.
        mixed = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if mixed else nullcontext():
            length = x.square().sum(2)
            distance = torch.baddbmm(length[:, None], x, x.mT, alpha=-2).add_(length[:, :, None])
            distance.clamp_(min=0).abs_()  # neither what rounding leaves below zero, nor a negative zero
    return torch.nan_to_num_(distance, torch.finfo(x.dtype).max)


def _add(rows: Tensor, x: Tensor, offsets: Tensor) -> Tensor:
    return SparseMatrix(rows, offsets, x.new_ones(()).expand(len(rows))).times(x)
