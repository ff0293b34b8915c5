"""Rows that are alike, found by hashing, without sorting.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["alike_rows", "alike_sums"]


def alike_rows(
    rows: NDArray[np.floating], kinds: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of rows (N, F) with a kind each, the D that differ and (N,) which of these each row is.

    Rows are alike if all their bits are, so 0 and -0 differ. The first is (D,), the place where each is seen.
    """
    bits = np.ascontiguousarray(rows).view(np.uint32)
    kinds = np.zeros(len(bits), np.int64) if kinds is None else kinds
    words = np.column_stack([kinds.astype(np.uint64), bits])
    return _alike(words.ravel(), words.shape[1] * np.arange(len(bits) + 1))


def alike_sums(
    kinds: NDArray[np.int64], columns: NDArray[np.int64], offsets: NDArray[np.int64], weights: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the rows of a sparse matrix, the D whose products differ and (N,) which of these each row is.

    The matrix is given as in `SparseMatrix`, ``kinds`` says which rows of its factor are alike: two products are
    alike if they add the same kinds with the same weights in the same order.
    """
    bits = np.ascontiguousarray(weights).view(f"u{weights.itemsize}")
    words = np.column_stack([kinds[columns].astype(np.uint64), bits])
    return _alike(words.ravel(), 2 * offsets)


_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


@njit(cache=True, nogil=True)
def _alike(words: NDArray[np.uint64], offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of N runs of words, ``offsets[i]:offsets[i + 1]``, those that differ and which of these each is."""
    n = len(offsets) - 1
    size = 2
    while size < 2 * n:
        size *= 2
    # The number of a distinct run stands in the slot of its hash, or in the next free one.
    table, mask = np.full(size, -1, np.int64), size - 1
    first, inverse, count = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        key = np.uint64(length)
        for j in range(start, start + length):
            key = (key ^ words[j]) * _MIX
        slot = np.int64((key >> np.uint64(29)) & np.uint64(mask))
        while table[slot] >= 0:
            other = offsets[first[table[slot]]]
            same = offsets[first[table[slot]] + 1] - other == length
            if same:
                for j in range(length):
                    same &= words[other + j] == words[start + j]
            if same:
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot], first[count] = count, i
            count += 1
        inverse[i] = table[slot]
    return first[:count].copy(), inverse
