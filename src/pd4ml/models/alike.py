"""Rows that are alike, found by hashing, without sorting.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["alike_rows", "alike_sums"]


def alike_rows(
    rows: NDArray[np.floating], kinds: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of rows (N, F) with a kind each, the D that differ and (N,) which of these each row is.

    Rows are alike if all their bits are, so 0 and -0 differ. The first is (D,), the place where each is seen.
    """
    bits = np.ascontiguousarray(rows).view(np.uint32)
    kinds = np.zeros(len(bits), np.int64) if kinds is None else kinds
    return _alike_rows(bits, kinds, _table(len(bits)))


def alike_sums(
    kinds: NDArray[np.int64], columns: NDArray[np.int64], offsets: NDArray[np.int64], weights: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the rows of a sparse matrix, the D whose products differ and (N,) which of these each row is.

    The matrix is given as in `SparseMatrix`, ``kinds`` says which rows of its factor are alike: two products are
    alike if they add the same kinds with the same weights in the same order.
    """
    bits = np.ascontiguousarray(weights).view(f"u{weights.itemsize}")
    return _alike_sums(kinds, columns, offsets, bits, _table(len(offsets) - 1))


def _table(n: int) -> NDArray[np.int64]:
    """Empty slots: at least twice as many as there may be rows."""
    return np.full(1 << max(2 * n, 1).bit_length(), -1, np.int64)


_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


@njit(cache=True, nogil=True)
def _alike_rows(
    bits: NDArray[np.uint32], kinds: NDArray[np.int64], table: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``table`` holds the number of a distinct row in the slot of its hash, or in the next free one."""
    n, width = bits.shape
    mask = len(table) - 1
    first, inverse, count = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        key = np.uint64(kinds[i])
        for j in range(width):
            key = (key ^ np.uint64(bits[i, j])) * _MIX
        slot = np.int64((key >> np.uint64(29)) & np.uint64(mask))
        while table[slot] >= 0:
            other = first[table[slot]]
            same = kinds[other] == kinds[i]
            for j in range(width):
                same &= bits[other, j] == bits[i, j]
            if same:
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot], first[count] = count, i
            count += 1
        inverse[i] = table[slot]
    return first[:count].copy(), inverse


@njit(cache=True, nogil=True)
def _alike_sums(
    kinds: NDArray[np.int64],
    columns: NDArray[np.int64],
    offsets: NDArray[np.int64],
    bits: NDArray[np.unsignedinteger],
    table: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `_alike_rows`."""
    n = len(offsets) - 1
    mask = len(table) - 1
    first, inverse, count = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        start, size = offsets[i], offsets[i + 1] - offsets[i]
        key = np.uint64(size)
        for j in range(start, start + size):
            key = (key ^ np.uint64(bits[j])) * _MIX
            key = (key ^ np.uint64(kinds[columns[j]])) * _MIX
        slot = np.int64((key >> np.uint64(29)) & np.uint64(mask))
        while table[slot] >= 0:
            other = offsets[first[table[slot]]]
            same = offsets[first[table[slot]] + 1] - other == size
            if same:
                for j in range(size):
                    same &= bits[other + j] == bits[start + j]
                    same &= kinds[columns[other + j]] == kinds[columns[start + j]]
            if same:
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot], first[count] = count, i
            count += 1
        inverse[i] = table[slot]
    return first[:count].copy(), inverse
