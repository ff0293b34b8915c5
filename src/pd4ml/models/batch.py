"""The one batch type of all models: packed graphs as tensors."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pd4ml.graphs import PackedGraphs
from pd4ml.models.kernels import count, use_kernels
from pd4ml.models.layout import Layout
from pd4ml.models.sparse import SparseMatrix, sparse_product

__all__ = ["Expansion", "GraphBatch"]

_FEW = 0.9  # of the rows may differ for the search for like ones to pay


@dataclass(frozen=True)
class GraphBatch:
    """B graphs packed one after the other, without padding.

    nodes: (sum P, F) float32.
    edge_index: (2, E) int64, source row first, sorted by target; symmetric, no self-loops.
    offsets: (B + 1,) int64; graph b owns nodes ``offsets[b]:offsets[b + 1]`` (possibly none).
    max_nodes: the size that dense arrays are padded to.
    tokens: (sum P,) int64, the kind of each node, or None.
    grid: (n_1, ..., n_d) if every graph is that grid, as in `PackedGraphs`; else None.
    has_edges: False where edges were left out, which a model that needs them refuses.
    """

    nodes: Tensor
    edge_index: Tensor
    offsets: Tensor
    max_nodes: int
    tokens: Tensor | None = None
    grid: tuple[int, ...] | None = None
    has_edges: bool = True

    @classmethod
    def from_packed(cls, graphs: PackedGraphs) -> GraphBatch:
        """Take over the arrays of ``graphs``."""
        arrays = (graphs.nodes, graphs.edge_index, graphs.offsets)
        nodes, edge_index, offsets = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
        tokens = None if graphs.tokens is None else torch.from_numpy(np.ascontiguousarray(graphs.tokens))
        return cls(nodes, edge_index, offsets, graphs.max_nodes, tokens, graphs.grid, graphs.has_edges)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        edges = f"edges {self.edge_index.shape[1]:,}" if self.has_edges else "without edges"
        nodes = f"nodes {tuple(self.nodes.shape)} {self.nodes.dtype}"
        return f"<batch of {len(self):,} graphs: {nodes}, {edges}, on {self.nodes.device}>"

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> GraphBatch:
        """The same batch on ``device``."""
        nodes, edge_index, offsets = (
            t.to(device, non_blocking=non_blocking) for t in (self.nodes, self.edge_index, self.offsets)
        )
        tokens = None if self.tokens is None else self.tokens.to(device, non_blocking=non_blocking)
        batch = GraphBatch(nodes, edge_index, offsets, self.max_nodes, tokens, self.grid, self.has_edges)
        if "layout" in self.__dict__:
            batch.__dict__["layout"] = self.layout.to(device)
        return batch

    def on(self, nodes: Tensor, edge_index: Tensor | None = None, tokens: Tensor | None = None) -> GraphBatch:
        """Graphs of the same sizes with other ``nodes``, and other edges and kinds where these are given."""
        edge_index = self.edge_index if edge_index is None else edge_index
        tokens = self.tokens if tokens is None else tokens
        batch = dataclasses.replace(self, nodes=nodes, edge_index=edge_index, tokens=tokens)
        batch.__dict__["layout"] = self.layout  # what was found of the sizes is kept
        return batch

    @cached_property
    def layout(self) -> Layout:
        """What follows from the sizes of the graphs."""
        return Layout(self.offsets, len(self.nodes))

    @property
    def sizes(self) -> Tensor:
        """(B,) number of nodes of each graph."""
        return self.layout.sizes

    @property
    def graph_index(self) -> Tensor:
        """(sum P,) the graph that each node belongs to."""
        return self.layout.graph_index

    @property
    def place(self) -> Tensor:
        """(sum P,) the place of each node in its graph."""
        return self.layout.place

    def to_dense(self) -> Tensor:
        """(B, max_nodes, F), zero where no node is."""
        n_features = self.nodes.shape[1]
        dense = self.nodes.new_zeros(len(self) * self.max_nodes, n_features)
        dense = dense.index_copy(0, self.graph_index * self.max_nodes + self.place, self.nodes)
        return dense.view(len(self), self.max_nodes, n_features)

    @cached_property
    def normalised_adjacency(self) -> SparseMatrix:
        """D^-1/2 (A + I) D^-1/2 over the packed nodes, with D the degrees of A + I (arXiv:1609.02907)."""
        source, target = self.edge_index
        n_nodes, device = len(self.nodes), self.nodes.device
        degree = count(target, n_nodes) + 1
        offsets = torch.nn.functional.pad(degree.cumsum(0), (1, 0))
        # Each row has its neighbours first and the node itself last.
        columns = torch.empty(len(source) + n_nodes, dtype=torch.int64, device=device)
        columns[torch.arange(len(source), device=device) + target] = source
        columns[offsets[1:] - 1] = torch.arange(n_nodes, device=device)
        scale = degree.to(self.nodes.dtype).rsqrt()
        weights = scale[columns] * torch.repeat_interleave(scale, degree, output_size=len(columns))
        return SparseMatrix(columns, offsets, weights)

    @cached_property
    def node_average(self) -> tuple[SparseMatrix, SparseMatrix]:
        """The (B, sum P) matrix that averages over the nodes of each graph, and its transpose."""
        per_node = torch.arange(len(self.nodes) + 1, device=self.nodes.device)
        weights = self.sizes.to(self.nodes.dtype).reciprocal()[self.graph_index]
        average = SparseMatrix(per_node[:-1], self.offsets, weights)
        return average, SparseMatrix(self.graph_index, per_node, weights)

    @property
    def distinct(self) -> tuple[GraphBatch, Expansion] | None:
        """The nodes that differ, and how all nodes are made of them; None where too few are alike.

        Bins with like counts, silent stations and empty pixels make nodes on a grid repeat: whatever a layer
        computes per node is then computed once for each of them. The first is a batch of nodes without graphs.
        None as well where a gradient in the nodes is wanted: each has its own.
        """
        with_gradient = self.nodes.requires_grad and torch.is_grad_enabled()
        if self.grid is None or len(self.nodes) == 0 or with_gradient or not use_kernels(self.nodes):
            return None
        return self._distinct

    @cached_property
    def _distinct(self) -> tuple[GraphBatch, Expansion] | None:
        from pd4ml.models.kernels.alike import alike_rows

        tokens = None if self.tokens is None else self.tokens.cpu().numpy()
        places, kinds = alike_rows(self.nodes.detach().cpu().numpy(), tokens)
        if len(places) > _FEW * len(self.nodes):
            return None
        chosen, inverse = (torch.from_numpy(index).to(self.nodes.device) for index in (places, kinds))
        chosen_tokens = None if self.tokens is None else self.tokens[chosen]
        no_edges = self.edge_index.new_empty(2, 0)
        nodes = GraphBatch(self.nodes[chosen], no_edges, self.offsets[:1], self.max_nodes, chosen_tokens)
        return nodes, Expansion(inverse, len(chosen))

    def blocks(self, n_nodes: int) -> Iterator[GraphBatch]:
        """The graphs, some at a time: as many as have at most ``n_nodes`` nodes together, at least one."""
        offsets, start = self.offsets.tolist(), 0
        while start < len(self):
            stop = max(bisect.bisect_right(offsets, offsets[start] + n_nodes) - 1, start + 1)
            yield self._graphs(start, stop)
            start = stop

    def _graphs(self, start: int, stop: int) -> GraphBatch:
        """The graphs from ``start`` to before ``stop``."""
        low, high = self.offsets[start], self.offsets[stop]
        first, last = torch.searchsorted(self.edge_index[1].contiguous(), torch.stack([low, high]))
        tokens = None if self.tokens is None else self.tokens[low:high]
        edges, offsets = self.edge_index[:, first:last] - low, self.offsets[start : stop + 1] - low
        return GraphBatch(self.nodes[low:high], edges, offsets, self.max_nodes, tokens, self.grid, self.has_edges)


class Expansion:
    """Rows for all N nodes, from those of the ``n_distinct`` that differ: row ``inverse[i]`` for node i."""

    def __init__(self, inverse: Tensor, n_distinct: int) -> None:
        self._inverse, self._n_distinct = inverse, n_distinct

    def __call__(self, rows: Tensor) -> Tensor:
        """(n_distinct, W) to (N, W)."""
        return sparse_product(self._spread, rows, self._gather)

    def of_products(self, matrix: SparseMatrix) -> tuple[SparseMatrix, Expansion | None]:
        """The rows of the (N, N) ``matrix`` whose products differ, as a matrix to multiply the distinct rows with.

        And how all N products are made of these: nodes whose neighbours are alike, too, stay alike. None where too
        few do; the matrix then has all rows.
        """
        from pd4ml.models.kernels.alike import alike_sums

        arrays = (self._inverse, matrix.columns, matrix.offsets, matrix.weights)
        places, kinds = alike_sums(*(array.cpu().numpy() for array in arrays))
        if len(places) > _FEW * len(kinds):
            return self.columns_of(matrix), None
        chosen, inverse = (torch.from_numpy(index).to(self._inverse.device) for index in (places, kinds))
        return self.columns_of(matrix.rows(chosen)), Expansion(inverse, len(chosen))

    def columns_of(self, matrix: SparseMatrix) -> SparseMatrix:
        """The matrix with N columns, made to multiply the distinct rows."""
        return matrix._replace(columns=self._inverse[matrix.columns])

    @cached_property
    def _spread(self) -> SparseMatrix:
        per_node = torch.arange(len(self._inverse) + 1, device=self._inverse.device)
        return SparseMatrix(self._inverse, per_node, torch.ones(len(self._inverse), device=self._inverse.device))

    @cached_property
    def _gather(self) -> SparseMatrix:
        counts = torch.bincount(self._inverse, minlength=self._n_distinct)
        offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        return SparseMatrix(torch.argsort(self._inverse), offsets, self._spread.weights)
