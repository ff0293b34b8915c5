"""Pixels and stations on a grid as graphs: every node is joined to the (up to) eight around it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.graphs.packed import PackedGraphs, no_edges

__all__ = ["grid_edges", "grid_graphs"]


def grid_graphs(nodes: NDArray[np.float32], *, edges: bool = True) -> PackedGraphs:
    """Make graphs of events on a grid; all nodes are kept, whatever they hold.

    nodes: (B, height, width, F) float32, with node ``width * row + column`` of each graph at ``[row, column]``.
    Raises DataError for another number of axes or another dtype.
    """
    if nodes.ndim != 4 or nodes.dtype != np.float32:
        message = f"expected nodes (B, height, width, F) of float32, found {nodes.shape} of {nodes.dtype}"
        raise DataError(message)
    n_events, height, width, n_features = nodes.shape
    size = height * width
    edge_index = grid_edges(height, width, n_events) if edges else no_edges()
    packed = nodes.reshape(n_events * size, n_features)
    offsets = size * np.arange(n_events + 1, dtype=np.int64)
    return PackedGraphs(packed, edge_index, offsets, size, grid=(height, width))


def grid_edges(height: int, width: int, n_events: int = 1) -> NDArray[np.int64]:
    """Edges between neighbours on a ``height`` x ``width`` grid, diagonals included, for ``n_events`` events.

    Returns edge_index (2, E) int64, source row first, numbered over the nodes of all events, sorted by target and
    then source; both directions, no self-loops. Raises DataError for a grid without nodes.
    """
    if height < 1 or width < 1:
        message = f"expected a grid of at least one node, found {height} x {width}"
        raise DataError(message)
    one = _one_grid(height, width)
    first = height * width * np.arange(n_events, dtype=np.int64)
    return (one[:, None, :] + first[:, None]).reshape(2, -1)


@lru_cache(maxsize=16)
def _one_grid(height: int, width: int) -> NDArray[np.int64]:
    """The edges of one event, (2, E); the array is shared and must not be written to."""
    row, column = np.divmod(np.arange(height * width, dtype=np.int64), width)
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]  # in the order of the sources' numbers
    rows, columns = (node[:, None] + [step[axis] for step in steps] for axis, node in enumerate((row, column)))
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    target = np.broadcast_to(np.arange(height * width)[:, None], inside.shape)
    edges = np.stack([(rows * width + columns)[inside], target[inside]])
    edges.flags.writeable = False
    return edges
