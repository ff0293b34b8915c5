"""Neighbours and edges in the plainest way: every list is sorted, every pair is put into a set."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["plain_edges", "plain_knn"]


def plain_knn(points: NDArray[np.float32], k: int, period: float) -> NDArray[np.int64]:
    """One event: sort all others by distance, then number."""
    lists = np.full((len(points), k), -1)
    for i, (x, y) in enumerate(points):
        delta_x, delta_y = points[:, 0] - x, np.abs(points[:, 1] - y)
        delta_y = np.minimum(delta_y, np.float32(period) - delta_y)
        squared = delta_x * delta_x + delta_y * delta_y
        others = [j for j in range(len(points)) if j != i]
        nearest = sorted(others, key=lambda j: (squared[j], j))[:k]
        lists[i, : len(nearest)] = nearest
    return lists


def plain_edges(neighbours: NDArray[np.integer], offsets: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(target, source) of all edges, sorted."""
    pairs = set()
    for first, last in itertools.pairwise(offsets):
        for i in range(first, last):
            for j in neighbours[i]:
                if j >= 0:
                    pairs |= {(i, first + j), (first + j, i)}
    return sorted(pairs)
