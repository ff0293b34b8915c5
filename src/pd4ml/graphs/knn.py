"""Nearest neighbours of 2-D points, event by event, and the symmetric edges they make.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.graphs.blocks import BLOCK, over_blocks

__all__ = ["knn", "symmetric_edges"]

# Points whose lists of neighbours are kept at once: k times 128 keys of 8 bytes stay in the first-level cache.
_LANES = 128
# Loops run over whole vectors of this length: no scalar remainder.
_VECTOR = 8
_INFINITY = int(np.array(np.inf, np.float32).view(np.int32))
_NONE = np.iinfo(np.uint32).max
# Larger coordinates have no finite squared distance in float32.
_LARGEST = 1e18


def knn(
    points: NDArray[np.float32], offsets: NDArray[np.int64], k: int, period: float = math.inf
) -> NDArray[np.int32]:
    """Find the ``k`` nearest neighbours of every point within its event.

    points: (sum P, 2) float32, event after event. offsets: (B + 1,); event b owns the points
    ``offsets[b]:offsets[b + 1]``. ``period`` is that of the second coordinate (2 pi for an angle in radians, whose
    differences are wrapped); infinity means none.

    Returns (sum P, k) int32: numbers within the event, nearest first, the point itself excluded; -1 where the
    event has no more points. Distances are compared as their squares in float32 arithmetic; of points at the same
    distance the lower number comes first. Raises DataError for points that are not finite.
    """
    points, offsets = np.asarray(points), np.asarray(offsets, np.int64)
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype != np.float32:
        message = f"expected points (sum P, 2) of float32, found {points.shape} of {points.dtype}"
        raise DataError(message)
    _check_offsets(offsets, len(points))
    if k < 1:
        message = f"expected at least one neighbour, found k = {k}"
        raise DataError(message)
    neighbours = np.empty((len(points), k), np.int32)

    def block(first: int, last: int) -> None:
        low, high = offsets[first], offsets[last]
        here = np.ascontiguousarray(points[low:high])
        bad = int(
            _nearest(here, offsets[first : last + 1] - low, (0,) * k, np.float32(period), neighbours[low:high])
        )
        if bad >= 0:
            event = int(np.searchsorted(offsets, low + bad, side="right")) - 1
            point = low + bad - offsets[event]
            message = f"event {event}: point {point} is {here[bad]}, expected finite coordinates"
            raise DataError(message)

    over_blocks(block, len(offsets) - 1)
    return neighbours


def symmetric_edges(neighbours: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join lists of neighbours to undirected edges.

    neighbours: (sum P, k) int32 as ``knn`` returns them. offsets: (B + 1,).

    Returns edge_index (2, E) int64, source row first, numbered over all points: i -> j and j -> i wherever j is
    among the neighbours of i or i among those of j, each once, sorted by target and then source. Raises DataError
    for a neighbour that is not in the event.
    """
    neighbours, offsets = np.ascontiguousarray(neighbours, np.int32), np.asarray(offsets, np.int64)
    _check_offsets(offsets, len(neighbours))
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


def _check_offsets(offsets: NDArray[np.int64], n_points: int) -> None:
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
def _nearest(
    points: NDArray[np.float32],
    offsets: NDArray[np.int64],
    slots: tuple[int, ...],
    period: np.float32,
    neighbours: NDArray[np.int32],
) -> int:
    """Fill ``neighbours``; return -1, or the number of the first point that is not finite.

    ``slots`` is a tuple of k items, which makes k known when this is compiled. Short keys are faster than long
    ones, but leave out the last bits of the distance; where this could matter the search is done again.
    """
    x, y = np.zeros(_LANES, np.float32), np.zeros(_LANES, np.float32)
    distance = np.empty(2 * _LANES, np.float32)
    short, long = np.empty(2 * _LANES, np.int32), np.empty(2 * _LANES, np.int64)
    short_lists, long_lists = (
        np.empty((len(slots) + 1) * _LANES, np.int32),
        np.empty(len(slots) * _LANES, np.int64),
    )
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        for start in range(first, last, _LANES):
            n = min(_LANES, last - start)
            for i in range(n):
                x[i], y[i] = points[start + i, 0], points[start + i, 1]
                if not (abs(x[i]) < _LARGEST and abs(y[i]) < _LARGEST):
                    return start + i
            clear = last - first <= _LANES
            if clear:
                _search(points, first, last, start, x, y, period, distance, short, short_lists, (0, *slots))
                clear = _is_clear(short_lists, n, slots)
            if not clear:
                _search(points, first, last, start, x, y, period, distance, long, long_lists, slots)
            if clear:
                _write(short_lists, n, start, slots, neighbours)
            else:
                _write(long_lists, n, start, slots, neighbours)
    return -1


@njit(cache=True, nogil=True)
def _search(
    points: NDArray[np.float32],
    first: int,
    last: int,
    start: int,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    period: np.float32,
    distance: NDArray[np.float32],
    keys: NDArray[np.signedinteger],
    lists: NDArray[np.signedinteger],
    slots: tuple[int, ...],
) -> None:
    """Fill the sorted lists of keys of up to 128 points, (x, y), numbered from ``start``.

    A key is an integer: a squared distance (the bits of a positive float rise with its value) above a number; the
    number takes the place of the distance's last 7 bits in short keys of 32 bits, and has its own 32 bits in long
    keys. The points ``first`` to ``last`` are offered two at a time, and sink to their places in all lists at once
    through minima and maxima; without a branch, the compiler makes vectors of it.
    """
    bits = distance.view(np.int32)
    n = min(_LANES, last - start)
    padded = (n + _VECTOR - 1) // _VECTOR * _VECTOR
    lists[:] = np.iinfo(lists.dtype).max
    for pair in range(0, last - first, 2):
        for j in range(pair, pair + 2):
            # Behind the last of an odd number of points comes one that is infinitely far away.
            x_j = points[first + j, 0] if first + j < last else np.float32(np.inf)
            y_j = points[first + j, 1] if first + j < last else np.float32(0)
            row = (j - pair) * _LANES
            for i in range(padded):
                delta_x = x[i] - x_j
                delta_y = abs(y[i] - y_j)
                delta_y = min(delta_y, period - delta_y)
                distance[row + i] = delta_x * delta_x + delta_y * delta_y
            itself = first + j - start
            if 0 <= itself < n:
                distance[row + itself] = np.inf
            if keys.itemsize == 4:
                for i in range(padded):
                    keys[row + i] = (bits[row + i] & -_LANES) | j
            else:
                for i in range(padded):
                    keys[row + i] = (np.int64(bits[row + i]) << 32) | j
        for i in range(padded):
            key, next_key = keys[i], keys[_LANES + i]
            for slot in range(len(slots)):
                held = lists[slot * _LANES + i]
                low, key = min(held, key), max(held, key)
                lists[slot * _LANES + i] = min(low, next_key)
                next_key = max(low, next_key)


@njit(cache=True, nogil=True)
def _write(
    lists: NDArray[np.signedinteger], n: int, start: int, slots: tuple[int, ...], neighbours: NDArray[np.int32]
) -> None:
    """Write the numbers in the keys of n points; a distance that is not finite means none."""
    for i in range(n):
        for slot in range(len(slots)):
            key = lists[slot * _LANES + i]
            number = key & (_LANES - 1) if lists.itemsize == 4 else key & 0xFFFFFFFF
            bits = key if lists.itemsize == 4 else key >> 32
            neighbours[start + i, slot] = number if bits < _INFINITY else -1


@njit(cache=True, nogil=True)
def _is_clear(lists: NDArray[np.int32], n: int, slots: tuple[int, ...]) -> bool:
    """Whether short keys decide: no neighbour has the same distance in them as the next one."""
    n_unclear = 0
    for slot in range(len(slots)):
        for i in range(n):
            key, following = lists[slot * _LANES + i], lists[(slot + 1) * _LANES + i]
            n_unclear += ((key ^ following) < _LANES) & (key < _INFINITY)
    return n_unclear == 0


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
