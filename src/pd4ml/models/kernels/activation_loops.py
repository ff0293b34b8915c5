"""The passes of `NormActivation` over memory, compiled.

All arrays are of one floating type; rows (N, W), everything else (W,) per column. A kernel works on the rows from
``first`` to before ``last``. Dropout is a function of the seed and the place, so no mask is kept: a number is
dropped where 32 bits of them are below ``threshold``.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.graphs.blocks import over_blocks

__all__ = ["apply", "backward", "masked_sums", "moments"]

Array: TypeAlias = NDArray[np.floating]

_ROWS = 32  # whose sums are taken before they join the others: they stay in a core's first cache
_BLOCK = 2**23  # numbers that are worth a thread: PyTorch's own are still awake after a product of matrices
_FAST = {"contract", "reassoc", "nsz"}


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance (biased) of the ReLU of each column of ``x``."""
    parts = over_blocks(lambda first, last: _moments(first, last, x), len(x), _size(x))
    mean, total, n = parts[0]
    for more_mean, more_total, k in parts[1:]:
        delta = more_mean - mean
        mean, total = mean + delta * (k / (n + k)), total + more_total + delta**2 * (n * k / (n + k))
        n += k
    return mean.astype(x.dtype), (total / n).astype(x.dtype)


def apply(
    x: Array, factor: Array, shift: Array, below: Array, *, seed: int = 0, threshold: int = 0, out: Array
) -> None:
    """Fill ``out`` with v + below min(v, 0), v = factor ReLU(x) + shift, or 0 where it is dropped."""
    dropout = np.uint32(seed), np.uint32(threshold)
    over_blocks(lambda first, last: _apply(first, last, x, factor, shift, below, *dropout, out), len(x), _size(x))


def masked_sums(
    x: Array,
    grad: Array,
    factor: Array,
    shift: Array,
    slope: Array,
    mean: Array,
    *,
    seed: int,
    threshold: int,
    out: Array,
) -> tuple[Array, Array, Array]:
    """Fill ``out`` with v's gradient. Per column the slope's, the sum of v's, and of v's times ReLU(x) - mean."""
    rows = x, grad, factor, shift, slope, mean, np.uint32(seed), np.uint32(threshold), out
    first, *others = over_blocks(lambda first, last: _masked_sums(first, last, *rows), len(x), _size(x))
    for part in others:
        first += part
    return first[0], first[1], first[2]


def backward(x: Array, factor: Array, constant: Array, along: Array, *, out: Array) -> None:
    """Turn ``out`` from v's gradient to that of x: factor times it plus constant + along x, where x > 0."""
    over_blocks(lambda first, last: _backward(first, last, x, factor, constant, along, out), len(x), _size(x))


def _size(x: Array) -> int:
    """Rows of a block."""
    return max(_BLOCK // int(x.shape[1]), 1)


@njit(inline="always")
def _bits(seed: np.uint32, place: int) -> np.uint32:
    """32 bits that look random (C. Wellons' hash prospector, github.com/skeeto/hash-prospector, bias 0.107).

    numba multiplies 32-bit numbers to 64 bits: each result is cut again.
    """
    bits = np.uint32(np.uint32(place) * np.uint32(0x9E3779B9)) ^ seed  # 2^32 / golden ratio: neighbours lie apart
    bits = np.uint32((bits ^ (bits >> np.uint32(16))) * np.uint32(0x21F0AAAD))
    bits = np.uint32((bits ^ (bits >> np.uint32(15))) * np.uint32(0x735A2D97))
    return np.uint32(bits ^ (bits >> np.uint32(15)))


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _moments(first: int, last: int, x: Array) -> tuple[Array, Array, int]:
    """Means, sums of squared deviations and number of rows (Chan, Golub & LeVeque 1983)."""
    width = x.shape[1]
    zero = x.dtype.type(0)
    mean, total = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    m, t = np.empty(width, x.dtype), np.empty(width, x.dtype)
    n = 0
    for start in range(first, last, _ROWS):
        stop = min(start + _ROWS, last)
        k = stop - start
        m[:] = 0
        t[:] = 0
        for i in range(start, stop):
            row = x[i]
            for j in range(width):
                m[j] += max(row[j], zero)
        one = x.dtype.type(1 / k)
        for j in range(width):
            m[j] *= one
        for i in range(start, stop):
            row = x[i]
            for j in range(width):
                delta = max(row[j], zero) - m[j]
                t[j] += delta * delta
        share, weight = x.dtype.type(k / (n + k)), x.dtype.type(n * k / (n + k))
        for j in range(width):
            delta = m[j] - mean[j]
            mean[j] += delta * share
            total[j] += t[j] + delta * delta * weight
        n += k
    return mean, total, n


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _apply(
    first: int,
    last: int,
    x: Array,
    factor: Array,
    shift: Array,
    below: Array,
    seed: np.uint32,
    threshold: np.uint32,
    out: Array,
) -> None:
    width = x.shape[1]
    zero = x.dtype.type(0)
    for i in range(first, last):
        row, y, place = x[i], out[i], i * width
        if threshold:
            for j in range(width):
                v = max(row[j], zero) * factor[j] + shift[j]
                v += min(v, zero) * below[j]
                y[j] = v if _bits(seed, place + j) >= threshold else zero
        else:
            for j in range(width):
                v = max(row[j], zero) * factor[j] + shift[j]
                y[j] = v + min(v, zero) * below[j]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _masked_sums(
    first: int,
    last: int,
    x: Array,
    grad: Array,
    factor: Array,
    shift: Array,
    slope: Array,
    mean: Array,
    seed: np.uint32,
    threshold: np.uint32,
    out: Array,
) -> Array:
    """(3, W)."""
    width = x.shape[1]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    totals = np.zeros((3, width), x.dtype)
    a, b, c, v = (
        np.empty(width, x.dtype),
        np.empty(width, x.dtype),
        np.empty(width, x.dtype),
        np.empty(width, x.dtype),
    )
    for start in range(first, last, _ROWS):
        a[:] = 0
        b[:] = 0
        c[:] = 0
        for i in range(start, min(start + _ROWS, last)):
            row, g, of_v, place = x[i], grad[i], out[i], i * width
            # A loop that writes to one array only is sure to become vector instructions.
            for j in range(width):
                kept = g[j]
                of_v[j] = kept if _bits(seed, place + j) >= threshold else zero
            for j in range(width):
                v[j] = max(row[j], zero) * factor[j] + shift[j]
            for j in range(width):
                a[j] += min(v[j], zero) * of_v[j]
            for j in range(width):
                below = slope[j]
                of_v[j] *= one if v[j] > zero else below
            for j in range(width):
                b[j] += of_v[j]
            for j in range(width):
                c[j] += (max(row[j], zero) - mean[j]) * of_v[j]
        totals[0] += a
        totals[1] += b
        totals[2] += c
    return totals


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _backward(first: int, last: int, x: Array, factor: Array, constant: Array, along: Array, out: Array) -> None:
    width = x.shape[1]
    zero = x.dtype.type(0)
    for i in range(first, last):
        row, to = x[i], out[i]
        for j in range(width):
            full = to[j] * factor[j] + constant[j] + row[j] * along[j]
            to[j] = full if row[j] > zero else zero
