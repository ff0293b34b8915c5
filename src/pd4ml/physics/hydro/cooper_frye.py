"""Spectra from a freeze-out surface, after Cooper and Frye, Phys. Rev. D 10 (1974) 186.

E dN/d3p = g / (2 pi)^3 * integral of p^mu d sigma_mu f(p.u), Bose or Fermi as a sum of Boltzmann factors. The
integral over the space-time rapidity of a boost-invariant surface then gives Bessel functions K0 and K1; it is the
same at every rapidity. Where p.d sigma is negative, particles enter the fluid; they are counted as negative, as
conservation of energy demands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.hydro.equation_of_state import HBARC
from pd4ml.physics.hydro.freezeout import Surface

__all__ = ["PION_MASS", "bessel_table", "pion_density", "pion_spectrum", "spectrum"]

Floats = NDArray[np.float64]

PION_MASS = 0.138  # GeV, mean of the charged and the neutral ones
N_TERMS = 8  # of Bose's distribution; the next is exp(-8) of the first at most for slow pions
_SMALL = 16.0
_TABLE_POINTS, _TABLE_END = 4096, 2.5  # Bessel functions are tabulated in 1/x up to this
_PHI = 24  # azimuths that are worked on at once, whole vectors
_FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}


def spectrum(
    surface: Surface,
    pt: Floats,
    phi: Floats,
    mass: float,
    degeneracy: int,
    *,
    fermions: bool = False,
    n_terms: int = N_TERMS,
) -> Floats:
    """Number of particles of a kind, dN / (dy dpT dphi), (len(pt), len(phi)) in 1/GeV.

    pt: transverse momenta in GeV; phi: azimuths; mass: GeV. Only what the surface itself emits, no decays.
    """
    pt = np.ascontiguousarray(pt, np.float64)
    volume = degeneracy / (2 * np.pi * HBARC) ** 3
    blocks = []
    for start in range(0, len(phi), _PHI):
        block = np.zeros(_PHI)
        block[: len(phi) - start] = phi[start : start + _PHI]
        angles, found = np.concatenate([np.cos(block), np.sin(block)]), np.zeros((len(pt), _PHI))
        arguments = (1 / surface.temperature, pt, angles, mass, -1.0 if fermions else 1.0, n_terms, bessel_table())
        _spectrum(surface.normal, surface.velocity, *arguments, found)
        blocks.append(found)
    return volume * pt[:, None] * np.concatenate(blocks, axis=1)[:, : len(phi)]


def pion_spectrum(surface: Surface, pt: Floats, phi: Floats, *, n_terms: int = N_TERMS) -> Floats:
    """Number of pions of all three charges that the surface itself emits; see `spectrum`."""
    return spectrum(surface, pt, phi, PION_MASS, 3, n_terms=n_terms)


def pion_density(temperature: float, degeneracy: int = 3, mass: float = PION_MASS) -> float:
    """Density of an ideal gas of pions in 1/fm3: g / (2 pi^2) * m^2 T * sum of K2(n m/T) / n."""
    n = np.arange(1, 60)
    x = n * mass / temperature
    t = np.linspace(0, 12, 4001)
    k2 = np.array([np.trapezoid(np.exp(-a * np.cosh(t)) * np.cosh(2 * t), t) for a in x])
    return float(degeneracy / (2 * np.pi**2) * mass**2 * temperature * (k2 / n).sum() / HBARC**3)


@lru_cache(maxsize=1)
def bessel_table() -> Floats:
    """sqrt(x) exp(x) K0(x) and K1(x) at equal steps of 1/x from 0 to 2.5, (4096, 2).

    From K_n(x) = integral of exp(-x cosh t) cosh(n t) over t > 0, by the trapezoidal rule, which converges
    exponentially here.
    """
    table = np.empty((_TABLE_POINTS, 2))
    table[0] = np.sqrt(np.pi / 2)
    x = 1 / np.linspace(0, _TABLE_END, _TABLE_POINTS)[1:, None]
    # The integrand's width is about 1/sqrt(x): substitute t = s / sqrt(x).
    s = np.linspace(0, 12, 601)
    t = s / np.sqrt(x)
    weight = np.exp(-2 * x * np.sinh(t / 2) ** 2)
    table[1:, 0] = np.trapezoid(weight, s, axis=1)
    table[1:, 1] = np.trapezoid(weight * np.cosh(t), s, axis=1)
    return table


@njit(inline="always")
def _exp(x: float) -> float:
    """exp(x) for -100 < x < 0 to 1e-7: (exp(x / 1024))^1024, since the compiler makes no vectors of calls."""
    t = x * (1 / 1024)
    y = 1.0 + t * (1.0 + t * (1 / 2) * (1.0 + t * (1 / 3) * (1.0 + t * (1 / 4) * (1.0 + t * (1 / 5)))))
    for _ in range(10):
        y *= y
    return y


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _emit(s: Floats, ax: float, ay: float, x: float, n_terms: int, one: Floats, zero: Floats) -> None:
    """Sum Bose's terms (lane 4 of ``s``) at the azimuths whose cosines and sines are in lanes 0 and 1.

    Lane 3 holds what flows through the element along the azimuth. See `kernels` on lanes.
    """
    for j in range(_PHI):
        s[2 * _PHI + j] = _exp(ax * s[j] + ay * s[_PHI + j] - x)
        s[4 * _PHI + j] = 0.0
    for k in range(n_terms - 1, -1, -1):
        a, b = one[k], zero[k]
        for j in range(_PHI):
            s[4 * _PHI + j] = s[2 * _PHI + j] * (s[4 * _PHI + j] + a + s[3 * _PHI + j] * b)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _spectrum(
    normal: Floats,
    velocity: Floats,
    beta: float,
    pt: Floats,
    angles: Floats,
    mass: float,
    sign: float,
    n_most: int,
    table: Floats,
    spectrum: Floats,
) -> None:
    """Add the integral of p.d sigma f over the elements and the space-time rapidity to ``spectrum`` (pT, _PHI)."""
    zero, one, s = np.empty(n_most), np.empty(n_most), np.empty(5 * _PHI)
    s[: 2 * _PHI] = angles
    per_point = (len(table) - 1) / _TABLE_END
    for element in range(len(normal)):
        vx, vy = velocity[element]
        gamma = 1.0 / np.sqrt(1.0 - vx * vx - vy * vy)
        d0, d1, d2 = normal[element]
        for i in range(len(pt)):
            mt = np.sqrt(mass * mass + pt[i] * pt[i])
            x, ax, ay = beta * gamma * mt, beta * gamma * vx * pt[i], beta * gamma * vy * pt[i]
            # Terms fall by exp(-slowest) at least: what is left out is below exp(-_SMALL) of the first.
            slowest = x - np.sqrt(ax * ax + ay * ay)
            n_terms = max(1, min(n_most, int(np.ceil(_SMALL / slowest))))
            for n in range(n_terms):
                y = 1.0 / ((n + 1) * x)
                place = y * per_point
                k = min(int(place), len(table) - 2)
                share, root = place - k, 2.0 * np.sqrt(y) * sign**n
                zero[n] = root * (table[k, 0] + share * (table[k + 1, 0] - table[k, 0]))
                one[n] = root * (table[k, 1] + share * (table[k + 1, 1] - table[k, 1])) * mt * d0
            for j in range(_PHI):
                s[3 * _PHI + j] = pt[i] * (d1 * s[j] + d2 * s[_PHI + j])
            _emit(s, ax, ay, x, n_terms, one, zero)
            for j in range(_PHI):
                spectrum[i, j] += s[4 * _PHI + j]
