"""Sums of decision trees, compiled.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.graphs.blocks import over_blocks

__all__ = ["add_trees"]


def add_trees(x: NDArray[np.float32], *trees: NDArray[Any]) -> None:
    """Add the trees' values for features ``x`` (N, F) to ``sums`` (N, K).

    ``trees`` are the nodes' feature, threshold, whether missing values go left, left and right child, value and
    whether they are leaves; then each tree's root and output, and ``sums``.
    """
    over_blocks(lambda first, last: _add_trees(first, last, x, *trees), len(x), 4096)


@njit(cache=True, nogil=True)
def _add_trees(
    first: int,
    last: int,
    x: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    missing_left: NDArray[np.uint8],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float64],
    leaf: NDArray[np.uint8],
    root: NDArray[np.int64],
    output: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    for tree in range(len(root)):
        for row in range(first, last):
            node = root[tree]
            while not leaf[node]:
                number = x[row, feature[node]]
                goes_left = missing_left[node] != 0 if np.isnan(number) else number <= threshold[node]
                node = left[node] if goes_left else right[node]
            sums[row, output[tree]] += value[node]
