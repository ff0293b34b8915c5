"""Neighbours and edges in the plainest way: every list is sorted, every pair is put into a set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["plain_edges", "plain_knn", "plain_squared_distances"]


def plain_knn(
    points: NDArray[np.floating], k: int, period: float | Sequence[float] = math.inf
) -> NDArray[np.int64]:
    """One event, (P, C): sort all others by distance, then number.

    ``period`` is that of each coordinate, or of the last alone.
    """
    lists = np.full((len(points), k), -1)
    squared = plain_squared_distances(points, period)
    for i in range(len(points)):
        others = [j for j in range(len(points)) if j != i]
        nearest = sorted(others, key=lambda j: (squared[i, j], j))[:k]
        lists[i, : len(nearest)] = nearest
    return lists


def plain_squared_distances(
    points: NDArray[np.floating], period: float | Sequence[float] = math.inf
) -> NDArray[np.floating]:
    """(P, P) between all points (P, C), in the precision of the points."""
    squared = np.zeros((len(points), len(points)), points.dtype)
    periods = [math.inf] * (points.shape[1] - 1) + [period] if isinstance(period, float) else period
    for c, one in enumerate(periods):
        delta = np.abs(points[:, None, c] - points[:, c])
        delta = np.minimum(delta, points.dtype.type(one) - delta)
        squared += delta * delta
    return squared


def plain_edges(neighbours: NDArray[np.integer], offsets: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(target, source) of all edges, sorted."""
    pairs = set()
    for first, last in itertools.pairwise(offsets):
        for i in range(first, last):
            for j in neighbours[i]:
                if j >= 0:
                    pairs |= {(i, first + j), (first + j, i)}
    return sorted(pairs)
