"""A conserved density in an expanding medium: model B with a free energy that may be unstable.

    d n / d t + div(n v) = mobility div( n grad( f'(n) - surface^2 laplace(n) ) )

The density n is in units of the critical density and v is a Hubble flow, 1 + h t in the transverse plane and
1 + g t along the beam; on a grid that moves with it, div(n v) is only a change of scale. The free energy is
Landau's,

    f'(n) = d^3 / well^2 - theta d,    d = n - 1,    theta = 1 - T / Tc,

with two phases at d = +- well sqrt(theta) and the spinodal region, f'' < 0, at |d| < well sqrt(theta / 3). In
Maxwell's construction f' is 0 between the two phases and the same elsewhere: there nothing drives a wave, and only
the surface term wears it down. The temperature falls like volume^(-1/3), as in an adiabatic expansion with a
speed of sound of 1/sqrt(3). Such amplification in collisions: arXiv:1209.2462.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["LONGEST_STEP", "Medium", "evolve", "slope"]

# Longest time step in fm/c, and the part of the largest stable explicit step that is taken.
LONGEST_STEP = 0.05
_SAFETY = 0.8

Floats = NDArray[np.float64]

# What the medium is, in the order of ``evolve``'s argument: well, surface (fm), mobility (fm).
Medium = tuple[float, float, float]


@njit(cache=True, nogil=True, inline="always")
def slope(density: float, theta: float, well: float, spinodal: bool) -> float:
    """f'(n), the chemical potential without the surface term, for either dynamics."""
    d = density - 1.0
    force = d * (d * d / (well * well) - theta)
    return force if spinodal or d * d > theta * well * well else 0.0


@njit(cache=True, nogil=True)
def evolve(
    density: Floats,
    spinodal: NDArray[np.bool_],
    flow: Floats,
    temperature: Floats,
    medium: Medium,
    duration: float,
    spacing: float,
) -> Floats:
    """Let events expand for ``duration`` (fm/c); gives the densities (N, S, S) at the end, on the moving grid.

    density: (N, S, S) in units of the critical density; spinodal: (N,), which dynamics; flow: (N, 2), h and g in
    1/fm; temperature: (N,), at the beginning over Tc; spacing: of the grid's cells at the beginning, in fm.
    Nothing passes the walls of the box: the sum over cells times the volume stays what it is. Densities stay
    positive, since no cell can give more than it has.
    """
    out = np.empty_like(density)
    side = density.shape[1]
    n, mu = np.empty((side + 2, side + 2)), np.empty((side + 2, side + 2))
    for event in range(len(density)):
        out[event] = density[event]
        time = 0.0
        while time < duration:
            rest = duration - time
            time += _step(
                out[event], n, mu, spinodal[event], flow[event], temperature[event], medium, time, rest, spacing
            )
        out[event] /= _volume(flow[event], duration)
    return out


@njit(cache=True, nogil=True, inline="always")
def _volume(flow: Floats, time: float) -> float:
    return float((1.0 + flow[0] * time) ** 2 * (1.0 + flow[1] * time))


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _step(
    comoving: Floats,
    n: Floats,
    mu: Floats,
    spinodal: bool,
    flow: Floats,
    temperature: float,
    medium: Medium,
    time: float,
    rest: float,
    spacing: float,
) -> float:
    """One explicit step of the density times volume, in place; gives its length. ``n`` and ``mu`` are scratch."""
    well, surface, mobility = medium
    side = len(comoving)
    volume = _volume(flow, time)
    theta = 1.0 - temperature * volume ** (-1.0 / 3.0)
    area = (spacing * (1.0 + flow[0] * time)) ** 2
    largest = 0.0
    for i in range(side):
        for j in range(side):
            n[i + 1, j + 1] = comoving[i, j] / volume
            largest = max(largest, n[i + 1, j + 1])
    _mirror(n)
    bend = surface * surface / area
    for i in range(1, side + 1):
        for j in range(1, side + 1):
            around = n[i - 1, j] + n[i + 1, j] + n[i, j - 1] + n[i, j + 1] - 4.0 * n[i, j]
            mu[i, j] = slope(n[i, j], theta, well, spinodal) - bend * around
    _mirror(mu)
    stiff = max(3.0 * max(largest - 1.0, 1.0) ** 2 / (well * well) - theta, 0.0) + 8.0 * bend
    step = min(rest, LONGEST_STEP, _SAFETY * 2.0 * area / (8.0 * mobility * largest * stiff))
    scale = step * mobility * volume / area
    for i in range(1, side + 1):
        for j in range(1, side + 1):
            here, change = n[i, j], 0.0
            change += _between(here, n[i - 1, j]) * (mu[i - 1, j] - mu[i, j])
            change += _between(here, n[i + 1, j]) * (mu[i + 1, j] - mu[i, j])
            change += _between(here, n[i, j - 1]) * (mu[i, j - 1] - mu[i, j])
            change += _between(here, n[i, j + 1]) * (mu[i, j + 1] - mu[i, j])
            comoving[i - 1, j - 1] += scale * change
    return float(step)


@njit(cache=True, nogil=True, inline="always")
def _between(a: float, b: float) -> float:
    """The density on a face: the harmonic mean, at most twice the smaller one, so that little cannot give much."""
    return 2.0 * a * b / (a + b + 1e-300)


@njit(cache=True, nogil=True)
def _mirror(padded: Floats) -> None:
    """Repeat the outermost cells in the frame: no gradient, so no current, at the walls."""
    padded[0], padded[-1] = padded[1], padded[-2]
    padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
