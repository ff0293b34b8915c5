"""Nodes on a grid of any number of dimensions as graphs: each is joined to those around it, diagonals included."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.graphs.packed import PackedGraphs, no_edges

__all__ = ["grid_edges", "grid_graphs"]


def grid_graphs(nodes: NDArray[np.float32], *, edges: bool = True) -> PackedGraphs:
    """Make graphs of events on a grid; all nodes are kept, whatever they hold.

    nodes: (B, n_1, ..., n_d, F) float32: time series (B, steps, F), images (B, height, width, F), voxels.
    The nodes of each graph are in the order of the array, the last axis of the grid fastest. Each is joined to the
    up to 3^d - 1 around it. Raises DataError for an array without a grid's axes or of another dtype.
    """
    if nodes.ndim < 3 or nodes.dtype != np.float32:
        message = f"expected nodes (B, n_1, ..., n_d, F) of float32, found {nodes.shape} of {nodes.dtype}"
        raise DataError(message)
    n_events, *shape, n_features = nodes.shape
    size = math.prod(shape)
    edge_index = grid_edges(*shape, n_events=n_events) if edges else no_edges()
    packed = nodes.reshape(n_events * size, n_features)
    offsets = size * np.arange(n_events + 1, dtype=np.int64)
    return PackedGraphs(packed, edge_index, offsets, size, grid=tuple(shape))


def grid_edges(*shape: int, n_events: int = 1) -> NDArray[np.int64]:
    """Edges between neighbours on a grid of ``shape``, diagonals included, for ``n_events`` events.

    Returns edge_index (2, E) int64, source row first, numbered over the nodes of all events, sorted by target and
    then source; both directions, no self-loops. Raises DataError for a grid without nodes.
    """
    if not shape or min(shape) < 1:
        message = f"expected a grid of at least one node, found {' x '.join(map(str, shape)) or 'no axes'}"
        raise DataError(message)
    one = _one_grid(shape)
    first = math.prod(shape) * np.arange(n_events, dtype=np.int64)
    return (one[:, None, :] + first[:, None]).reshape(2, -1)


@lru_cache(maxsize=16)
def _one_grid(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The edges of one event, (2, E); the array is shared and must not be written to."""
    size = math.prod(shape)
    steps = np.array(
        list(itertools.product((-1, 0, 1), repeat=len(shape)))
    )  # in the order of the sources' numbers
    steps = steps[np.any(steps, axis=1)]
    place = np.stack(np.unravel_index(np.arange(size), shape), axis=1)[:, None] + steps
    inside = np.all((place >= 0) & (place < shape), axis=2)
    target = np.broadcast_to(np.arange(size)[:, None], inside.shape)
    source = np.ravel_multi_index(tuple(place[inside].T), shape)
    edges = np.stack([source, target[inside]])
    edges.flags.writeable = False
    return edges
