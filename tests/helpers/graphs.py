"""Random packed graphs, for tests of models, and events in memory that become graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.builders import build
from pd4ml.graphs.packed import packed_nodes

__all__ = ["EventsInMemory", "GraphsByName", "permuted", "random_graphs"]


@dataclass(frozen=True)
class EventsInMemory:
    """What graphs need of a split's events: ``nodes`` (N, P, F), ``mask`` (N, P) and the target ``y`` (N,)."""

    nodes: NDArray[np.float32]
    mask: NDArray[np.bool_]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Any) -> dict[str, NDArray[Any]]:
        return {"nodes": self.nodes[index], "mask": self.mask[index]}


@dataclass(frozen=True)
class GraphsByName:
    """Makes graphs of the kind ``kind`` from events in memory."""

    kind: str
    options: Mapping[str, Any]

    def __call__(self, arrays: Mapping[str, NDArray[Any]], *, edges: bool = True) -> PackedGraphs:
        nodes, mask = arrays["nodes"], arrays["mask"]
        return build(self.kind, *packed_nodes(nodes, mask), max_nodes=mask.shape[1], edges=edges, **self.options)


def random_graphs(
    sizes: list[int], n_features: int, max_nodes: int, seed: int = 0, n_tokens: int = 0
) -> PackedGraphs:
    """Graphs of the given sizes with normal features and each pair of nodes joined with probability 0.4.

    With ``n_tokens``, every node is of one of so many kinds.
    """
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    nodes = rng.normal(size=(offsets[-1], n_features)).astype(np.float32)
    pairs = []
    for low, size in zip(offsets, sizes, strict=False):
        joined = np.triu(rng.random((size, size)) < 0.4, 1)
        pairs.append(np.argwhere(joined | joined.T) + low)
    target, source = np.concatenate(pairs).T
    tokens = rng.integers(0, n_tokens, len(nodes)) if n_tokens else None
    return PackedGraphs(nodes, np.stack([source, target]), offsets, max_nodes, tokens, n_tokens)


def permuted(graphs: PackedGraphs, seed: int) -> PackedGraphs:
    """The same graphs with their nodes in another order."""
    rng = np.random.default_rng(seed)
    old_of_new = np.concatenate(
        [low + rng.permutation(size) for low, size in zip(graphs.offsets, graphs.sizes, strict=False)]
    )
    source, target = np.argsort(old_of_new)[graphs.edge_index]
    order = np.lexsort((source, target))
    edges = np.stack([source, target])[:, order]
    tokens = None if graphs.tokens is None else graphs.tokens[old_of_new]
    return PackedGraphs(graphs.nodes[old_of_new], edges, graphs.offsets, graphs.max_nodes, tokens, graphs.n_tokens)
