"""Weighted sums over neighbours and their gradients, compiled.

Nodes are rows (N, W) in which the channels of H heads take turns: so loops over heads become vector instructions.
An edge has a weight for each head (E, H), of the same type. Edges are sorted by target, then source; those
to node i are ``offsets[i]:offsets[i + 1]``. ``heads`` is a tuple of H items: so H is known when this is compiled.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["products", "sums", "turned"]

Array: TypeAlias = NDArray[np.floating]
Index: TypeAlias = NDArray[np.int64]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def sums(x: Array, weights: Array, source: Index, offsets: Index, heads: tuple[int, ...], out: Array) -> None:
    """Fill ``out`` (N, W) with the sum of the sources' rows of each node, every head with its weight."""
    for i in range(len(out)):
        total = out[i]
        total[:] = 0
        for e in range(offsets[i], offsets[i + 1]):
            row, weight = x[source[e]], weights[e]
            for start in range(0, len(total), len(heads)):
                for h in range(len(heads)):
                    total[start + h] += weight[h] * row[start + h]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def products(grad: Array, x: Array, source: Index, offsets: Index, heads: tuple[int, ...], out: Array) -> None:
    """Fill ``out`` (E, H), the gradient of the weights: products of the target's gradient and the source's row."""
    for i in range(len(x)):
        own = grad[i]
        for e in range(offsets[i], offsets[i + 1]):
            row, total = x[source[e]], out[e]
            total[:] = 0
            for start in range(0, len(own), len(heads)):
                for h in range(len(heads)):
                    total[h] += own[start + h] * row[start + h]


@njit(cache=True, nogil=True)
def turned(source: Index, offsets: Index) -> Index:
    """(E,) the place of each edge turned round, which is there, too.

    Those with one source come in the order of their targets: just as the edges to it are sorted.
    """
    places, following = np.empty(len(source), np.int64), offsets.copy()
    for e in range(len(source)):
        places[e] = following[source[e]]
        following[source[e]] += 1
    return places
