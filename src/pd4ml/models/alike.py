"""Rows that are alike, found by hashing, without sorting.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["alike_rows"]


def alike_rows(rows: NDArray[np.float32], kinds: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of rows (N, F) with a kind each, the D that differ and (N,) which of these each row is.

    Rows are alike if all their bits are, so 0 and -0 differ. The first is (D,), the place where each is seen first.
    """
    bits = np.ascontiguousarray(rows, np.float32).view(np.uint32)
    kinds = np.zeros(len(bits), np.int64) if kinds is None else kinds
    size = 1 << max(2 * len(bits), 1).bit_length()
    return _alike(bits, kinds, np.full(size, -1, np.int64))


@njit(cache=True, nogil=True)
def _alike(
    bits: NDArray[np.uint32], kinds: NDArray[np.int64], table: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``table`` holds the number of a distinct row in the slot of its hash, or in the next free one."""
    n, width = bits.shape
    mask = len(table) - 1
    first, inverse, count = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        row = bits[i]
        key = np.uint64(kinds[i])
        for j in range(width):
            key = (key ^ np.uint64(row[j])) * np.uint64(0x9E3779B97F4A7C15)
        slot = np.int64((key >> np.uint64(29)) & np.uint64(mask))
        while True:
            found = table[slot]
            if found < 0:
                table[slot], first[count], inverse[i] = count, i, count
                count += 1
                break
            other = first[found]
            same = kinds[other] == kinds[i]
            for j in range(width):
                same &= bits[other, j] == row[j]
            if same:
                inverse[i] = found
                break
            slot = (slot + 1) & mask
    return first[:count].copy(), inverse
