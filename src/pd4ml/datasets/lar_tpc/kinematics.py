"""Four-vectors (E, x, y, z) in GeV: boosts, two-body and phase-space decays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["boosted", "decay", "direction", "mass_of", "two_body_momentum"]

Floats = NDArray[np.float64]


def mass_of(p: Floats) -> float:
    """The invariant mass."""
    return math.sqrt(max(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0.0))


def boosted(p: Floats, frame: Floats) -> Floats:
    """``p``, known in the rest frame of ``frame``, as it is seen where ``frame`` is."""
    mass = mass_of(frame)
    along = float(p[1:] @ frame[1:])
    energy = (frame[0] * p[0] + along) / mass
    return np.concatenate([[energy], p[1:] + frame[1:] * (p[0] + energy) / (mass + frame[0])])


def direction(rng: np.random.Generator) -> Floats:
    """A unit vector (3,) of any direction."""
    z, azimuth = rng.uniform(-1, 1), rng.uniform(0, 2 * math.pi)
    across = math.sqrt(1 - z * z)
    return np.array([across * math.cos(azimuth), across * math.sin(azimuth), z])


def two_body_momentum(mass: float, one: float, two: float) -> float:
    """Momentum of the products of a decay at rest; 0 where there is not enough energy."""
    found = (mass**2 - (one + two) ** 2) * (mass**2 - (one - two) ** 2)
    return math.sqrt(max(found, 0.0)) / (2 * mass)


def decay(p: Floats, masses: list[float], rng: np.random.Generator) -> list[Floats]:
    """Products of ``p`` with ``masses``, isotropic, one after the other through uniform intermediate masses.

    That is phase space without its weight (F. James, CERN 68-15). The masses must fit into ``p``.
    """
    rest = sum(masses)
    free = mass_of(p) - rest
    shares = np.sort(rng.random(len(masses) - 2))[::-1] if len(masses) > 2 else np.empty(0)
    found = []
    for i, mass in enumerate(masses[:-1]):
        rest -= mass
        recoil = rest + free * shares[i] if i < len(shares) else rest
        k = two_body_momentum(mass_of(p), mass, recoil) * direction(rng)
        found.append(boosted(np.concatenate([[math.hypot(mass, *k)], k]), p))
        p = p - found[-1]
    return [*found, p]
