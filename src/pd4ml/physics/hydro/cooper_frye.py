"""Pion spectra from a freeze-out surface, after Cooper and Frye, Phys. Rev. D 10 (1974) 186.

E dN/d3p = g / (2 pi)^3 * integral of p^mu d sigma_mu f(p.u), with Bose's f as a sum of Boltzmann factors. The
integral over the space-time rapidity of a boost-invariant surface then gives Bessel functions K0 and K1; it is the
same at every rapidity. Where p.d sigma is negative, particles enter the fluid; they are counted as negative, as
conservation of energy demands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pd4ml.physics.hydro.equation_of_state import HBARC
from pd4ml.physics.hydro.freezeout import Surface

__all__ = ["PION_MASS", "bessel_table", "pion_density", "pion_spectrum"]

Floats = NDArray[np.float64]

PION_MASS = 0.138  # GeV, mean of the charged and the neutral ones
N_TERMS = 8  # of Bose's distribution; the next is exp(-8) of the first at most for slow pions
_TABLE_POINTS, _TABLE_END = 4096, 2.5  # Bessel functions are tabulated in 1/x up to this


def pion_spectrum(
    surface: Surface,
    pt: Floats,
    phi: Floats,
    *,
    degeneracy: int = 3,
    mass: float = PION_MASS,
    n_terms: int = N_TERMS,
) -> Floats:
    """Number of pions, dN / (dy dpT dphi), (len(pt), len(phi)) in 1/GeV.

    pt: transverse momenta in GeV; phi: azimuths; ``degeneracy`` 3 counts all charges. Only what the surface itself
    emits: no decays of resonances.
    """
    volume = degeneracy / (2 * np.pi * HBARC) ** 3
    spectrum = np.zeros((len(pt), len(phi)))
    _spectrum(
        surface.normal,
        surface.velocity,
        1 / surface.temperature,
        np.ascontiguousarray(pt, np.float64),
        np.cos(phi),
        np.sin(phi),
        mass,
        n_terms,
        bessel_table(),
        spectrum,
    )
    return volume * np.asarray(pt)[:, None] * spectrum


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


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz", "afn"})
def _spectrum(
    normal: Floats,
    velocity: Floats,
    beta: float,
    pt: Floats,
    cosine: Floats,
    sine: Floats,
    mass: float,
    n_terms: int,
    table: Floats,
    spectrum: Floats,
) -> None:
    """Add the integral of p.d sigma f over the elements and the space-time rapidity to ``spectrum``."""
    zero, one = np.empty(n_terms), np.empty(n_terms)
    per_point = (len(table) - 1) / 2.5
    for s in range(len(normal)):
        vx, vy = velocity[s]
        gamma = 1.0 / np.sqrt(1.0 - vx * vx - vy * vy)
        d0, d1, d2 = normal[s]
        for i in range(len(pt)):
            mt = np.sqrt(mass * mass + pt[i] * pt[i])
            x = beta * gamma * mt
            for n in range(n_terms):
                y = 1.0 / ((n + 1) * x)
                place = y * per_point
                k = min(int(place), len(table) - 2)
                share, root = place - k, 2.0 * np.sqrt(y)
                zero[n] = root * (table[k, 0] + share * (table[k + 1, 0] - table[k, 0]))
                one[n] = root * (table[k, 1] + share * (table[k + 1, 1] - table[k, 1])) * mt * d0
            ax, ay = beta * gamma * vx * pt[i], beta * gamma * vy * pt[i]
            for j in range(len(cosine)):
                factor = np.exp(ax * cosine[j] + ay * sine[j] - x)
                flow = pt[i] * (d1 * cosine[j] + d2 * sine[j])
                total = 0.0
                for n in range(n_terms - 1, -1, -1):
                    total = factor * (total + one[n] + flow * zero[n])
                spectrum[i, j] += total
