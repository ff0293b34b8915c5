"""The symmetric edges that lists of neighbours make.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError
from pd4ml.graphs.blocks import BLOCK, over_blocks

__all__ = ["check_offsets", "symmetric_edges"]

_NONE = np.iinfo(np.uint32).max


def symmetric_edges(neighbours: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join lists of neighbours to undirected edges.

    neighbours: (sum P, k) int32 as ``knn`` returns them. offsets: (B + 1,).

    Returns edge_index (2, E) int64, source row first, numbered over all points: i -> j and j -> i wherever j is
    among the neighbours of i or i among those of j, each once, sorted by target and then source. Raises DataError
    for a neighbour that is not in the event.
    """
    neighbours, offsets = np.ascontiguousarray(neighbours, np.int32), np.asarray(offsets, np.int64)
    check_offsets(offsets, len(neighbours))
    degree = np.empty(len(neighbours), np.int32)

    def union(first: int, last: int) -> NDArray[np.int32]:
        low, high = offsets[first], offsets[last]
        source = np.empty(2 * neighbours[low:high].size, np.int32)
        n_edges = _union(neighbours[low:high], offsets[first : last + 1] - low, source, degree[low:high])
        if n_edges < 0:
            message = f"event {first - n_edges - 1}: a neighbour's number is not below the number of points"
            raise DataError(message)
        return source[:n_edges].copy()

    sources = over_blocks(union, len(offsets) - 1)
    ends = np.cumsum([0] + [len(source) for source in sources])
    edge_index = np.empty((2, ends[-1]), np.int64)

    def number(b: int, _: int) -> None:
        low, high = offsets[b * BLOCK], offsets[min((b + 1) * BLOCK, len(offsets) - 1)]
        _number(sources[b], degree[low:high], low, edge_index[:, ends[b] : ends[b + 1]])

    over_blocks(number, len(sources), 1)
    return edge_index


def check_offsets(offsets: NDArray[np.int64], n_points: int) -> None:
    """Refuse offsets that do not rise from 0 to ``n_points``."""
    if (
        offsets.ndim != 1
        or not len(offsets)
        or offsets[0] != 0
        or offsets[-1] != n_points
        or np.any(np.diff(offsets) < 0)
    ):
        message = f"expected offsets that rise from 0 to the number of points, {n_points}, found {offsets}"
        raise DataError(message)


@njit(cache=True, nogil=True)
def _union(
    neighbours: NDArray[np.int32],
    offsets: NDArray[np.int64],
    source: NDArray[np.int32],
    degree: NDArray[np.int32],
) -> int:
    """Fill the sources of each target, ascending, and their number; return how many there are.

    Point i hands its number to its neighbours and to its admirers, the points whose neighbour it is; in the order
    of i, this sorts the lists. A number that is not a point of event b ends it: the return value is then -b - 1.
    """
    k, n_max = neighbours.shape[1], np.max(np.diff(offsets))
    admirers, lists = np.empty(k * n_max, np.uint32), np.empty(2 * k * n_max + 1, np.uint32)
    begin, end, newest = np.empty(n_max + 1, np.int32), np.empty(n_max, np.uint32), np.empty(n_max, np.int32)
    n_edges = 0
    for event in range(len(offsets) - 1):
        first, n = offsets[event], offsets[event + 1] - offsets[event]
        begin[: n + 1] = 0
        for i in range(n):
            for slot in range(k):
                j = np.uint32(neighbours[first + i, slot])  # -1 becomes the largest number there is
                if j < n:
                    begin[j] += 1
                elif j != _NONE:
                    return -event - 1
        for i in range(n):
            begin[i + 1] += begin[i]
        # From here on begin[i] falls from the end of the admirers of i to where they begin.
        for i in range(n - 1, -1, -1):
            for slot in range(k):
                j = np.uint32(neighbours[first + i, slot])
                if j < n:
                    begin[j] -= 1
                    admirers[begin[j]] = i
        for i in range(n):
            end[i], newest[i] = i * k + begin[i], -1
        for i in range(n):
            for slot in range(k):
                j = np.uint32(neighbours[first + i, slot])
                if j < n:
                    lists[end[j]] = i
                    end[j] += np.uint32(1)
                    newest[j] = i
            for place in range(begin[i], begin[i + 1]):
                j = admirers[place]
                lists[end[j]] = i
                end[j] += np.uint32(newest[j] != i)
        for i in range(n):
            for place in range(i * k + begin[i], end[i]):
                source[n_edges] = first + lists[place]
                n_edges += 1
            degree[first + i] = end[i] - (i * k + begin[i])
    return n_edges


@njit(cache=True, nogil=True)
def _number(source: NDArray[np.int32], degree: NDArray[np.int32], low: int, edge_index: NDArray[np.int64]) -> None:
    """Write both rows of ``edge_index``, numbered over all points, of which these begin with ``low``."""
    edge = 0
    for target in range(len(degree)):
        for _ in range(degree[target]):
            edge_index[0, edge] = low + source[edge]
            edge_index[1, edge] = low + target
            edge += 1
