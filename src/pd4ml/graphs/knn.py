"""Nearest neighbours of points in any number of dimensions, event by event.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError
from pd4ml.graphs.blocks import BLOCK, over_blocks
from pd4ml.graphs.symmetric import check_offsets, symmetric_edges

__all__ = ["knn", "symmetric_edges"]

# Points whose lists of neighbours are kept at once: k times 128 keys of 8 bytes stay in the first-level cache.
_LANES = 128
# Loops run over whole vectors of this length: no scalar remainder.
_VECTOR = 8
_INFINITY = int(np.array(np.inf, np.float32).view(np.int32))
# Coordinates larger than this over the root of their number have no finite squared distance in float32.
_LARGEST = math.sqrt(2) * 1e18
# Below so many operations, about a millisecond, threads for less than a block cost more than they save.
_LITTLE = 4e7
# Points that short keys leave open are done again one by one, up to this share of an event.
_OPEN = 0.25


def knn(
    points: NDArray[np.float32],
    offsets: NDArray[np.int64],
    k: int,
    period: float | Sequence[float] | None = None,
    *,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Find the ``k`` nearest neighbours of every point within its event.

    points: (sum P, C) float32, event after event. offsets: (B + 1,); event b owns the points
    ``offsets[b]:offsets[b + 1]``. ``period`` has that of each coordinate (2 pi for an angle in radians, whose
    differences, which must not exceed a period, are wrapped), infinity for none; a number is that of the last
    coordinate. ``threads`` are numba's unless given.

    Returns (sum P, k) int32: numbers within the event, nearest first, the point itself excluded; -1 where the
    event has no more points. Distances are compared as their squares, sums of squared differences in float32
    arithmetic; of points at the same distance the lower number comes first. Raises DataError for points that are
    not finite.
    """
    points, offsets = np.asarray(points), np.asarray(offsets, np.int64)
    if points.ndim != 2 or not points.shape[1] or points.dtype != np.float32:
        message = f"expected points (sum P, C) of float32, found {points.shape} of {points.dtype}"
        raise DataError(message)
    check_offsets(offsets, len(points))
    if k < 1:
        message = f"expected at least one neighbour, found k = {k}"
        raise DataError(message)
    columns, periods = _pairs(_periods(period, points.shape[1]))
    rest = periods[1:] if len(periods) > 1 else None
    neighbours = np.empty((len(points), k), np.int32)

    def block(first: int, last: int) -> None:
        low, high = offsets[first], offsets[last]
        here = _arranged(points[low:high], columns)
        spans, found = offsets[first : last + 1] - low, neighbours[low:high]
        bad = int(_nearest(here, spans, (0,) * k, periods[0, 1], rest, found))
        if bad >= 0:
            event = int(np.searchsorted(offsets, low + bad, side="right")) - 1
            point = low + bad - offsets[event]
            message = f"event {event}: point {point} is {points[low + bad]}, expected finite coordinates"
            raise DataError(message)

    n_events = len(offsets) - 1
    threads = threads or get_num_threads()
    work = len(points) ** 2 / max(n_events, 1) * (points.shape[1] + 4 * k)
    size = BLOCK if work < _LITTLE else max(1, min(BLOCK, -(-n_events // threads)))
    over_blocks(block, n_events, size, threads=threads)
    return neighbours


def _periods(period: float | Sequence[float] | None, n_coordinates: int) -> list[float]:
    """The period of each coordinate."""
    if period is None or isinstance(period, int | float):
        periods = [math.inf] * (n_coordinates - 1) + [math.inf if period is None else float(period)]
    else:
        periods = [float(p) for p in period]
    if len(periods) != n_coordinates or not all(p > 0 for p in periods):
        message = f"expected a period above 0 for each of {n_coordinates} coordinates, found {period}"
        raise DataError(message)
    return periods


def _pairs(periods: list[float]) -> tuple[list[int], NDArray[np.float32]]:
    """Coordinates two by two, those without a period first: their columns, -1 for none, and periods (M, 2).

    The very first has no period: the search relies on it.
    """
    plain = [c for c, period in enumerate(periods) if math.isinf(period)] or [-1]
    wrapped = [c for c, period in enumerate(periods) if not math.isinf(period)]
    columns = plain + [-1] * ((len(plain) + len(wrapped)) % 2) + wrapped
    found = [math.inf if c < 0 else periods[c] for c in columns]
    return columns, np.array(found, np.float32).reshape(-1, 2)


def _arranged(points: NDArray[np.float32], columns: list[int]) -> NDArray[np.float32]:
    """(P, 2 M): ``points`` with the ``columns``; one that is none is zero."""
    if columns == list(range(points.shape[1])):
        return np.ascontiguousarray(points)
    arranged = np.zeros((len(points), len(columns)), np.float32)
    places = [place for place, c in enumerate(columns) if c >= 0]
    arranged[:, places] = points[:, [columns[place] for place in places]]
    return arranged


@njit(cache=True, nogil=True)
def _nearest(
    points: NDArray[np.float32],
    offsets: NDArray[np.int64],
    slots: tuple[int, ...],
    period: np.float32,
    rest: NDArray[np.float32] | None,
    neighbours: NDArray[np.int32],
) -> int:
    """Fill ``neighbours``; return -1, or the number of the first point that is not finite.

    points: (P, 2 M). ``period`` is that of the second coordinate, ``rest`` (M - 1, 2) has those after it, None in
    two dimensions; this is known when it is compiled, and so is k, the number of items of ``slots``. Short keys
    are faster than long ones, but leave out the last bits of the distance; where this could matter the search is
    done again, for some points one by one, for many with long keys.
    """
    lanes = np.zeros((points.shape[1], _LANES), np.float32)
    largest = _LARGEST / math.sqrt(points.shape[1])
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
                for c in range(2 if rest is None else points.shape[1]):
                    lanes[c, i] = points[start + i, c]
                    if not abs(lanes[c, i]) < largest:
                        return start + i
            n_open = n
            if last - first <= _LANES:
                _search(points, first, last, start, lanes, period, rest, distance, short, short_lists, (0, *slots))
                n_open = _n_open(short_lists, n, slots)
            if n_open > _OPEN * n:
                _search(points, first, last, start, lanes, period, rest, distance, long, long_lists, slots)
                _write(long_lists, n, start, slots, neighbours)
                continue
            _write(short_lists, n, start, slots, neighbours)
            for i in range(n if n_open else 0):
                if _is_open(short_lists, i, slots):
                    _squared_distances(points, start + i, lanes, n, period, rest, distance)
                    _sort_in(distance, i, n, neighbours[start + i])
    return -1


@njit(cache=True, nogil=True)
def _search(
    points: NDArray[np.float32],
    first: int,
    last: int,
    start: int,
    lanes: NDArray[np.float32],
    period: np.float32,
    rest: NDArray[np.float32] | None,
    distance: NDArray[np.float32],
    keys: NDArray[np.signedinteger],
    lists: NDArray[np.signedinteger],
    slots: tuple[int, ...],
) -> None:
    """Fill the sorted lists of keys of up to 128 points, the columns of ``lanes``, numbered from ``start``.

    A key is an integer: a squared distance (the bits of a positive float rise with its value) above a number; the
    number takes the place of the distance's last 7 bits in short keys of 32 bits, and has its own 32 bits in long
    keys. The points ``first`` to ``last`` are offered two at a time, and sink to their places in all lists at once
    through minima and maxima; without a branch, the compiler makes vectors of it.
    """
    bits, x, y = distance.view(np.int32), lanes[0], lanes[1]
    n = min(_LANES, last - start)
    padded = (n + _VECTOR - 1) // _VECTOR * _VECTOR
    lists[:] = np.iinfo(lists.dtype).max
    for pair in range(0, last - first, 2):
        for j in range(pair, pair + 2):
            row = (j - pair) * _LANES
            # Behind the last of an odd number of points comes one that is infinitely far away.
            x_j = points[first + j, 0] if first + j < last else np.float32(np.inf)
            y_j = points[first + j, 1] if first + j < last else np.float32(0)
            for i in range(padded):
                delta_x = x[i] - x_j
                delta_y = abs(y[i] - y_j)
                delta_y = min(delta_y, period - delta_y)
                distance[row + i] = delta_x * delta_x + delta_y * delta_y
            if rest is not None and first + j < last:
                _add_squares(points, first + j, lanes, padded, rest, distance[row:])
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
def _squared_distances(
    points: NDArray[np.float32],
    at: int,
    lanes: NDArray[np.float32],
    n: int,
    period: np.float32,
    rest: NDArray[np.float32] | None,
    distance: NDArray[np.float32],
) -> None:
    """Fill the first ``n`` of ``distance`` with the squared ones between ``lanes`` and ``points[at]``."""
    for i in range(n):
        delta_x, delta_y = lanes[0, i] - points[at, 0], abs(lanes[1, i] - points[at, 1])
        delta_y = min(delta_y, period - delta_y)
        distance[i] = delta_x * delta_x + delta_y * delta_y
    if rest is not None:
        _add_squares(points, at, lanes, n, rest, distance)


@njit(cache=True, nogil=True)
def _add_squares(
    points: NDArray[np.float32],
    at: int,
    lanes: NDArray[np.float32],
    n: int,
    periods: NDArray[np.float32],
    distance: NDArray[np.float32],
) -> None:
    """Add to the first ``n`` of ``distance`` what the coordinates after the second give."""
    for pair in range(1, len(periods) + 1):
        x, y, x_at, y_at = lanes[2 * pair], lanes[2 * pair + 1], points[at, 2 * pair], points[at, 2 * pair + 1]
        x_period, y_period = periods[pair - 1]
        if y_period == np.inf and x_period == np.inf:
            for i in range(n):
                delta_x, delta_y = x[i] - x_at, y[i] - y_at
                distance[i] += delta_x * delta_x + delta_y * delta_y
        else:
            for i in range(n):
                delta_x, delta_y = abs(x[i] - x_at), abs(y[i] - y_at)
                delta_x, delta_y = min(delta_x, x_period - delta_x), min(delta_y, y_period - delta_y)
                distance[i] += delta_x * delta_x + delta_y * delta_y


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
def _n_open(lists: NDArray[np.int32], n: int, slots: tuple[int, ...]) -> int:
    """How many neighbours of n points have the same distance in short keys as the next one."""
    n_open = 0
    for slot in range(len(slots)):
        for i in range(n):
            key, following = lists[slot * _LANES + i], lists[(slot + 1) * _LANES + i]
            n_open += ((key ^ following) < _LANES) & (key < _INFINITY)
    return n_open


@njit(cache=True, nogil=True)
def _is_open(lists: NDArray[np.int32], i: int, slots: tuple[int, ...]) -> bool:
    """Whether short keys leave the neighbours of point i open."""
    for slot in range(len(slots)):
        key, following = lists[slot * _LANES + i], lists[(slot + 1) * _LANES + i]
        if (key ^ following) < _LANES and key < _INFINITY:
            return True
    return False


@njit(cache=True, nogil=True)
def _sort_in(distance: NDArray[np.float32], itself: int, n: int, neighbours: NDArray[np.int32]) -> None:
    """Write the nearest of n points into the list of one of them."""
    n_held = 0
    for j in range(n):
        if j == itself or (n_held == len(neighbours) and distance[j] >= distance[neighbours[-1]]):
            continue
        place = min(n_held, len(neighbours) - 1)
        while place > 0 and distance[neighbours[place - 1]] > distance[j]:
            neighbours[place] = neighbours[place - 1]
            place -= 1
        neighbours[place] = j
        n_held = min(n_held + 1, len(neighbours))
    neighbours[n_held:] = -1
