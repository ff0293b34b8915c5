"""Particles that wait to be followed, the energy they leave, and directions: what all loops of transport share.

Rows of ``waiting`` are PDG number, x, y, z, direction (3), kinetic energy, label; rows of ``left`` are x, y, z,
energy, energy per cm, label. ``n`` counts the rows that are used of both. MeV and cm.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["DELTA", "LABELS", "LOW_ENERGY", "MICHEL", "SHOWER", "TRACK", "isotropic", "leave", "push", "turned"]

Floats = NDArray[np.float64]

# What left energy, as PILArNet labels it (arXiv:2006.01993).
LABELS = ("shower", "track", "Michel electron", "delta electron", "low energy")
SHOWER, TRACK, MICHEL, DELTA, LOW_ENERGY = range(5)


@njit(cache=True)
def push(
    waiting: Floats, n: NDArray[np.int64], pdg: float, at: Floats, u: Floats, kinetic: float, label: float
) -> None:
    """Let a particle wait; where there is no more room it is lost, and ``n[2]`` counts it."""
    if n[0] == len(waiting):
        n[2] += 1
        return
    row = waiting[n[0]]
    row[0], row[1:4], row[4:7], row[7], row[8] = pdg, at, u, kinetic, label
    n[0] += 1


@njit(cache=True)
def leave(left: Floats, n: NDArray[np.int64], at: Floats, energy: float, dedx: float, label: float) -> None:
    """Leave energy at a place; where there is no more room it is lost, and ``n[2]`` counts it."""
    if energy <= 0:
        return
    if n[1] == len(left):
        n[2] += 1
        return
    row = left[n[1]]
    row[0:3], row[3], row[4], row[5] = at, energy, dedx, label
    n[1] += 1


@njit(cache=True)
def turned(u: Floats, cosine: float, azimuth: float) -> Floats:
    """The direction at an angle to ``u``."""
    sine = math.sqrt(max(1 - cosine * cosine, 0.0))
    a, b = sine * math.cos(azimuth), sine * math.sin(azimuth)
    across = math.sqrt(u[0] ** 2 + u[1] ** 2)
    new = np.empty(3)
    if across < 1e-6:
        new[0], new[1], new[2] = a, b, math.copysign(cosine, u[2] * cosine)
        return new
    new[0] = u[0] * cosine + (a * u[0] * u[2] - b * u[1]) / across
    new[1] = u[1] * cosine + (a * u[1] * u[2] + b * u[0]) / across
    new[2] = u[2] * cosine - a * across
    return new / math.sqrt(new[0] ** 2 + new[1] ** 2 + new[2] ** 2)


@njit(cache=True)
def isotropic(rng: np.random.Generator) -> Floats:
    """Any direction."""
    z, azimuth = 2 * rng.random() - 1, 2 * math.pi * rng.random()
    across = math.sqrt(1 - z * z)
    return np.array([across * math.cos(azimuth), across * math.sin(azimuth), z])
