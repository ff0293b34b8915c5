"""The calorimeter: energies of particles added up in cells of rapidity and azimuth.

As in the public generator of some of the paper's authors (github.com/hep-lbdl/adversarial-jets): 0.1 x 0.1, up to
a rapidity of 5, each cell a massless object in its middle. There are 63 around, a hair narrower than 0.1, since
2 pi is no multiple of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["CELL", "N_PHI", "Y_MAX", "cells"]

CELL = 0.1
Y_MAX = 5.0
N_PHI = 63

Floats = NDArray[np.float64]


@njit(cache=True)
def cells(p4: Floats, offsets: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Four-momenta (C, 4) of the cells with energy, and the offsets of the events among them.

    Of particles ``p4`` (M, 4), event i's lying at ``offsets[i]`` to ``offsets[i + 1]``.
    """
    n_y = round(2 * Y_MAX / CELL)
    out = np.empty((len(p4), 4))
    new_offsets = np.zeros_like(offsets)
    energy = np.zeros((n_y, N_PHI))
    n = 0
    for event in range(offsets.size - 1):
        energy[:] = 0.0
        for i in range(offsets[event], offsets[event + 1]):
            e, pz = p4[i, 0], p4[i, 3]
            if e <= abs(pz):
                continue
            row = math.floor((0.5 * math.log((e + pz) / (e - pz)) + Y_MAX) / CELL)
            column = math.floor((math.atan2(p4[i, 2], p4[i, 1]) + math.pi) / (2 * math.pi) * N_PHI) % N_PHI
            if 0 <= row < n_y:
                energy[row, column] += e
        for row in range(n_y):
            y = (row + 0.5) * CELL - Y_MAX
            for column in range(N_PHI):
                e = energy[row, column]
                if e > 0.0:
                    phi = (column + 0.5) * 2 * math.pi / N_PHI - math.pi
                    pt = e / math.cosh(y)
                    out[n, 0], out[n, 1], out[n, 2] = e, pt * math.cos(phi), pt * math.sin(phi)
                    out[n, 3] = pt * math.sinh(y)
                    n += 1
        new_offsets[event + 1] = n
    return out[:n].copy(), new_offsets
