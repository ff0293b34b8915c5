"""The packed graph: the real form of a graph here; padding exists only where a dense array is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, MissingExtraError, missing_extra
from pd4ml.text import html_facts

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["PackedGraphs", "no_edges", "packed_nodes", "packed_offsets"]

_NO_EDGES = np.zeros((2, 0), np.int64)


def no_edges() -> NDArray[np.int64]:
    """The ``edge_index`` (2, 0) of graphs whose edges nobody asked for: by it, `PackedGraphs` knows that."""
    return _NO_EDGES


def packed_offsets(sizes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Offsets (B + 1,) of graphs with ``sizes`` (B,) nodes."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def packed_nodes(
    padded: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Nodes (sum P, F) and offsets (B + 1,) of ``padded`` nodes (B, P, F), real where ``mask`` (B, P) is True."""
    padded, mask = np.asarray(padded), np.asarray(mask)
    if padded.ndim != 3 or mask.shape != padded.shape[:2] or mask.dtype != bool:
        found = f"{padded.shape} and {mask.shape} of {mask.dtype}"
        message = f"expected nodes (B, P, F) and a mask (B, P) of bool, found {found}"
        raise DataError(message)
    return padded[mask], packed_offsets(mask.sum(axis=1))


@dataclass(frozen=True)
class PackedGraphs:
    """B graphs in three arrays, and a fourth where nodes are of kinds.

    Parameters
    ----------
    nodes : NDArray[np.float32]
        (sum P, F), node features, graph after graph; without units, as the dataset's features say.
    edge_index : NDArray[np.int64]
        (2, E), source row first, numbered within the packed nodes, sorted by target and then source; symmetric
        (both directions are present) and without self-loops, so that a model states its own.
    offsets : NDArray[np.int64]
        (B + 1,); graph b owns nodes ``offsets[b]:offsets[b + 1]``.
    max_nodes : int
        The largest P an event of this dataset can have; the size of dense arrays.
    tokens : NDArray[np.int64], optional
        (sum P,), the kind of each node, 0 to ``n_tokens - 1``; None where nodes have no kind. A model looks kinds
        up, which equals a dense layer on a one-hot of ``n_tokens`` without ever making one.
    n_tokens : int
        How many kinds there are; 0 where nodes have none.
    grid : tuple[int, ...], optional
        (n_1, ..., n_d) if every graph is that grid, its nodes in the order of the array (of an image (height,
        width), node ``width * row + column`` at ``[row, column]``), each joined to those around it, diagonals
        included; None for other graphs. A model may then work on images.
    has_edges : bool
        False where nobody asked for edges (``edge_index`` is then ``no_edges()``): whatever needs them is refused,
        and conversions leave them out.
    """

    nodes: NDArray[np.float32]
    edge_index: NDArray[np.int64]
    offsets: NDArray[np.int64]
    max_nodes: int
    tokens: NDArray[np.int64] | None = None
    n_tokens: int = 0
    grid: tuple[int, ...] | None = None
    has_edges: bool = True

    def __post_init__(self) -> None:
        if self.edge_index is _NO_EDGES:
            object.__setattr__(self, "has_edges", False)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"<{self._name}: {', '.join(f'{name} {fact}' for name, fact in self._facts)}>"

    def _repr_html_(self) -> str:
        return html_facts(self._name, self._facts)

    @property
    def _name(self) -> str:
        return "graph" if len(self) == 1 else f"{len(self):,} graphs"

    @property
    def _facts(self) -> list[tuple[str, str]]:
        """What there is, in words and shapes."""
        facts = [("nodes", f"{self.nodes.shape} {self.nodes.dtype}")]
        facts += [("edges", f"{self.edge_index.shape[1]:,}" if self.has_edges else "left out")]
        if len(self) > 1:
            facts += [("nodes of a graph", f"{self.sizes.min()} to {self.sizes.max()}")]
        facts += [("kinds of nodes", f"{self.n_tokens:,}")] if self.tokens is not None else []
        facts += [("grid", " x ".join(map(str, self.grid)))] if self.grid else []
        return facts

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(B,) number of nodes of each graph."""
        return np.diff(self.offsets)

    def __getitem__(self, b: int) -> PackedGraphs:
        """Graph ``b`` as a pack of one."""
        if not -len(self) <= b < len(self):
            message = f"graph {b} of {len(self)}"
            raise IndexError(message)
        b %= len(self)
        low, high = self.offsets[b : b + 2]
        first, last = np.searchsorted(self.edge_index[1], (low, high))
        edges = self.edge_index[:, first:last] - low if self.has_edges else no_edges()
        offsets = np.array([0, high - low])
        tokens = None if self.tokens is None else self.tokens[low:high]
        return PackedGraphs(self.nodes[low:high], edges, offsets, self.max_nodes, tokens, self.n_tokens, self.grid)

    def __iter__(self) -> Iterator[PackedGraphs]:
        return (self[b] for b in range(len(self)))

    def dense_nodes(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Padded node features (B, P, F) with P = ``max_nodes``, and mask (B, P), True where a node is real."""
        graph, place = self._places()
        features = np.zeros((len(self), self.max_nodes, self.nodes.shape[1]), np.float32)
        features[graph, place] = self.nodes
        return features, np.arange(self.max_nodes) < self.sizes[:, None]

    def dense_tokens(self) -> NDArray[np.int64]:
        """Padded kinds (B, P); -1 where no node is, and everywhere if nodes have no kind."""
        tokens = np.full((len(self), self.max_nodes), -1, np.int64)
        if self.tokens is not None:
            tokens[self._places()] = self.tokens
        return tokens

    def adjacency(self, *, self_loops: bool = False) -> NDArray[np.uint8]:
        """Dense adjacency (B, P, P) of 0 and 1; ``self_loops`` puts ones on the diagonal of real nodes.

        Raises DataError for graphs that were made without edges.
        """
        if not self.has_edges:
            message = "expected graphs with edges, found nodes only: make these graphs with edges=True"
            raise DataError(message)
        graph, place = self._places()
        adjacency = np.zeros((len(self), self.max_nodes, self.max_nodes), np.uint8)
        source, target = self.edge_index
        adjacency[graph[target], place[target], place[source]] = 1
        if self_loops:
            adjacency[graph, place, place] = 1
        return adjacency

    def normalised_adjacency(self) -> NDArray[np.float32]:
        """Dense D^-1/2 (A + I) D^-1/2 (B, P, P), with D the degrees of A + I (arXiv:1609.02907); 0 for padding."""
        adjacency = self.adjacency(self_loops=True).astype(np.float32)
        scale = 1 / np.sqrt(np.maximum(adjacency.sum(axis=2), 1))
        result: NDArray[np.float32] = adjacency * scale[:, :, None] * scale[:, None, :]
        return result

    def to_dense(
        self, *, self_loops: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
        """Features (B, P, F), adjacency (B, P, P) and mask (B, P): ``dense_nodes`` and ``adjacency``."""
        features, mask = self.dense_nodes()
        return features, self.adjacency(self_loops=self_loops), mask

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(sum P,) the graph that each node belongs to, and its place in it."""
        graph = np.repeat(np.arange(len(self)), self.sizes)
        return graph, np.arange(len(self.nodes)) - self.offsets[graph]

    def to_awkward(self) -> Any:
        """An awkward array of B records: ``nodes`` (P, F), and, if any, ``edge_index`` (E, 2) and ``tokens`` (P,).

        Edges are numbered within their graph.
        """
        try:
            import awkward as ak
        except ImportError as error:
            raise missing_extra("to_awkward", "awkward", error) from error
        fields = {"nodes": ak.unflatten(self.nodes, self.sizes)}
        if self.has_edges:
            first = np.searchsorted(self.edge_index[1], self.offsets)
            graph = np.repeat(np.arange(len(self)), np.diff(first))
            local = (self.edge_index - self.offsets[graph]).T
            fields["edge_index"] = ak.unflatten(local, np.diff(first))
        if self.tokens is not None:
            fields["tokens"] = ak.unflatten(self.tokens, self.sizes)
        return ak.zip(fields, depth_limit=1)

    def to_pyg(self) -> Batch:
        """A ``torch_geometric.data.Batch``; ``pip install torch_geometric`` brings that package.

        Graphs that were made without edges have no ``edge_index`` there.
        """
        try:
            import torch
            from torch_geometric.data import Batch, Data
        except ImportError as error:
            message = "to_pyg needs PyTorch Geometric: pip install torch torch_geometric"
            raise MissingExtraError(message) from error
        graphs = []
        for g in self:
            more = {} if g.tokens is None else {"tokens": torch.as_tensor(g.tokens)}
            if g.has_edges:
                more["edge_index"] = torch.as_tensor(g.edge_index)
            graphs.append(Data(x=torch.as_tensor(g.nodes), **more))
        return Batch.from_data_list(graphs)
