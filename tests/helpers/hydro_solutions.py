"""Exact solutions of ideal relativistic hydrodynamics with P = e/3."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gubser(tau: float, x: Floats, y: Floats, q: float = 1.0) -> tuple[Floats, Floats]:
    """Energy density and velocity (2, ...) of Gubser's flow, arXiv:1006.0006."""
    r2 = x**2 + y**2
    shape = 1 + 2 * q**2 * (tau**2 + r2) + q**4 * (tau**2 - r2) ** 2
    energy = (2 * q) ** (8 / 3) / tau ** (4 / 3) / shape ** (4 / 3)
    per_r = 2 * q**2 * tau / (1 + q**2 * (tau**2 + r2))
    return energy, np.stack([per_r * x, per_r * y])


def shock_tube(left: float, right: float, similarity: NDArray[np.floating[Any]]) -> tuple[Floats, Floats]:
    """Energy density and velocity at x/t of two gases at rest, left > right, whose wall at x = 0 vanishes.

    A rarefaction runs to the left, a shock to the right; between them energy and velocity are constant. In the
    rarefaction rapidity + sqrt(3)/4 ln e is constant; for the shock v^2 = (P* - P)(e* - e) / ((e + P*)(e* + P)),
    Landau-Lifshitz, section 135.
    """
    cs = 1 / np.sqrt(3)

    def behind_shock(e: float) -> float:
        p, p0 = e / 3, right / 3
        return float(np.sqrt((p - p0) * (e - right) / ((right + p) * (e + p0))))

    def behind_fan(e: float) -> float:
        return float(np.tanh(np.sqrt(3) / 4 * np.log(left / e)))

    low, high = right, left
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if behind_fan(middle) > behind_shock(middle) else (low, middle)
    star, v = middle, behind_fan(middle)
    shock = np.sqrt((star - right) / 3 * (star + right / 3) / ((star - right) * (right + star / 3)))
    head, tail = -cs, (v - cs) / (1 - v * cs)
    fan_v = (similarity + cs) / (1 + similarity * cs)
    fan_e = left * np.exp(-4 / np.sqrt(3) * np.arctanh(np.clip(fan_v, 0, v)))
    where = [similarity < head, similarity < tail, similarity < shock]
    energy = np.select(where, [np.full_like(fan_v, left), fan_e, np.full_like(fan_v, star)], right)
    return energy, np.select(where, [np.zeros_like(fan_v), fan_v, np.full_like(fan_v, v)], 0.0)
