"""Spectra from a freeze-out surface, after Cooper and Frye, Phys. Rev. D 10 (1974) 186.

E dN/d3p = 1 / (2 pi)^3 * integral of d sigma_mu g^mu, with g^mu = p^mu f(p.u) for what the surface itself emits;
for the two functions that g^mu has with decays see `decays`. Bose's and Fermi's functions are sums of Boltzmann
factors, those of decays are fitted by such sums, to about 0.1 % of what is emitted. The integral over the
space-time rapidity of a boost-invariant surface then gives Bessel functions K0 and K1; it is the same at every
rapidity. Where p.d sigma is negative, particles enter the fluid; they are counted as negative, as conservation
of energy demands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.hydro.decays import MOMENTA, emission
from pd4ml.physics.hydro.equation_of_state import HBARC, EquationOfState
from pd4ml.physics.hydro.freezeout import Surface

__all__ = ["PION_MASS", "all_pions", "bessel_table", "pion_density", "pion_spectrum", "spectrum"]

Floats = NDArray[np.float64]

PION_MASS = 0.138  # GeV, mean of the charged and the neutral ones
N_TERMS = 8  # of Bose's distribution; the next is exp(-8) of the first at most for slow pions
_SMALL = 16.0
_TABLE_POINTS, _TABLE_END = 8192, 5.0  # Bessel functions are tabulated in 1/x up to this
_N_GAMMAS = 128  # Lorentz factors at which the integrals over the space-time rapidity are known
_PHI = 24  # azimuths that are worked on at once, whole vectors
_FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}
# What decays emit is a sum of this many exponentials of multiples of E / (4 T), fitted to energies (GeV) up to
# this; relative to what is emitted at 2 GeV at least, which keeps the fit small where next to nothing is.
_N_FITTED, _FINER, _ENERGY_END, _ENERGY_FLOOR, _RIDGE = 16, 4, 8.0, 2.0, 1e-4
_TEMPERATURE_STEP = 0.0025  # GeV; between such temperatures coefficients are interpolated


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
    terms = degeneracy * (-1.0 if fermions else 1.0) ** np.arange(n_terms)
    return _emitted(surface, pt, phi, mass, 1 / surface.temperature, np.stack([terms, np.zeros(n_terms)]))


def pion_spectrum(surface: Surface, pt: Floats, phi: Floats, *, n_terms: int = N_TERMS) -> Floats:
    """Number of pions of all three charges that the surface itself emits; see `spectrum`."""
    return spectrum(surface, pt, phi, PION_MASS, 3, n_terms=n_terms)


def all_pions(surface: Surface, pt: Floats, phi: Floats, eos: EquationOfState) -> Floats:
    """Number of pions of all three charges with those from decays; arguments and units as in `spectrum`.

    ``eos`` knows the chemical potentials that hadrons have on the surface.
    """
    place = surface.temperature / _TEMPERATURE_STEP
    node, share = divmod(place, 1.0)
    low, high = (_exponentials(round(node) + k, eos) for k in (0, 1))
    terms = low + share * (high - low)
    return _emitted(surface, pt, phi, PION_MASS, 1 / (_FINER * surface.temperature), terms)


@lru_cache(maxsize=64)
def _exponentials(node: int, eos: EquationOfState) -> Floats:
    """Sums of exponentials for f1 and (f2 - f1) E of `decays.emission`, (2, 16), at a temperature of the grid."""
    temperature = node * _TEMPERATURE_STEP
    energy = np.hypot(MOMENTA, PION_MASS)
    use = energy < _ENERGY_END
    energy, (f1, f2) = energy[use], emission(temperature, eos.potentials(temperature))[:, use]
    powers = np.exp(-energy / (_FINER * temperature))[:, None] ** np.arange(1, _N_FITTED + 1)
    weight = 1 / (f2 + np.exp(np.interp(_ENERGY_FLOOR, energy, np.log(f2))))
    ridge = _RIDGE * np.eye(_N_FITTED)
    found = []
    for values, w in ((f1, weight), ((f2 - f1) * energy, weight / energy)):
        left, right = np.vstack([powers * w[:, None], ridge]), np.append(values * w, np.zeros(_N_FITTED))
        found.append(np.linalg.lstsq(left, right)[0])
    return np.stack(found)


def _emitted(surface: Surface, pt: Floats, phi: Floats, mass: float, rate: float, terms: Floats) -> Floats:
    """What a surface emits of particles whose f1 and (f2 - f1) E are sums of exp(-n rate E), n from 1 on."""
    pt = np.ascontiguousarray(pt, np.float64)
    mt = np.hypot(pt, mass)
    fours = np.zeros((2, -(-terms.shape[1] // 4) * 4))
    fours[:, : terms.shape[1]] = terms
    fastest = (surface.velocity**2).sum(axis=1).max(initial=0.0)
    step = max(1 / np.sqrt(1 - fastest) - 1, 1e-3) / (_N_GAMMAS - 1)
    integrals = np.empty((len(pt), _N_GAMMAS, 3, fours.shape[1]))
    _integrals(rate, mt, step, fours, bessel_table(), integrals)
    blocks = []
    for start in range(0, len(phi), _PHI):
        block = np.zeros(_PHI)
        block[: len(phi) - start] = phi[start : start + _PHI]
        angles, found = np.concatenate([np.cos(block), np.sin(block)]), np.zeros((len(pt), _PHI))
        _spectrum(surface.normal, surface.velocity, rate, pt, mt, angles, step, integrals, found)
        blocks.append(found)
    volume = 1 / (2 * np.pi * HBARC) ** 3
    return volume * pt[:, None] * np.concatenate(blocks, axis=1)[:, : len(phi)]


def pion_density(temperature: float, degeneracy: int = 3, mass: float = PION_MASS) -> float:
    """Density of an ideal gas of pions in 1/fm3: g / (2 pi^2) * m^2 T * sum of K2(n m/T) / n."""
    n = np.arange(1, 60)
    x = n * mass / temperature
    t = np.linspace(0, 12, 4001)
    k2 = np.array([np.trapezoid(np.exp(-a * np.cosh(t)) * np.cosh(2 * t), t) for a in x])
    return float(degeneracy / (2 * np.pi**2) * mass**2 * temperature * (k2 / n).sum() / HBARC**3)


@lru_cache(maxsize=1)
def bessel_table() -> Floats:
    """sqrt(x) exp(x) K0(x) and K1(x) at equal steps of 1/x from 0 to 5, (8192, 2).

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
    """Sum the terms (lane 4 of ``s``) at the azimuths whose cosines and sines are in lanes 0 and 1.

    Lane 3 holds what flows through the element along the azimuth. See `kernels` on lanes. Four terms at a time.
    """
    for j in range(_PHI):
        s[2 * _PHI + j] = _exp(ax * s[j] + ay * s[_PHI + j] - x)
        s[4 * _PHI + j] = 0.0
    for k in range(n_terms - 4, -1, -4):
        a0, a1, a2, a3 = one[k], one[k + 1], one[k + 2], one[k + 3]
        b0, b1, b2, b3 = zero[k], zero[k + 1], zero[k + 2], zero[k + 3]
        for j in range(_PHI):
            z, flow = s[2 * _PHI + j], s[3 * _PHI + j]
            y = z * (s[4 * _PHI + j] + a3 + flow * b3)
            y = z * (y + a2 + flow * b2)
            y = z * (y + a1 + flow * b1)
            s[4 * _PHI + j] = z * (y + a0 + flow * b0)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _weigh(low: Floats, high: Floats, share: float, d0: float, flow: float, one: Floats, zero: Floats) -> None:
    """What the terms are multiplied with, between two Lorentz factors: ``one`` alone, ``zero`` times lane 3."""
    for n in range(len(one)):
        zero[n] = low[0, n] + share * (high[0, n] - low[0, n])
        one[n] = d0 * (low[1, n] + share * (high[1, n] - low[1, n]))
        one[n] += flow * (low[2, n] + share * (high[2, n] - low[2, n]))


@njit(cache=True, error_model="numpy")
def _integrals(rate: float, mt: Floats, step: float, terms: Floats, table: Floats, found: Floats) -> None:
    """Integrals of the terms over the space-time rapidity times exp(x), (pT, Lorentz factor, 3, term)."""
    per_point = (len(table) - 1) / _TABLE_END
    for i in range(len(mt)):
        for g in range(found.shape[1]):
            for n in range(terms.shape[1]):
                y = 1.0 / ((n + 1) * rate * (1.0 + g * step) * mt[i])
                k = min(int(y * per_point), len(table) - 2)
                share, root = y * per_point - k, 2.0 * np.sqrt(y)
                k0 = root * (table[k, 0] + share * (table[k + 1, 0] - table[k, 0]))
                k1 = root * (table[k, 1] + share * (table[k + 1, 1] - table[k, 1]))
                found[i, g, 0, n], found[i, g, 1, n] = terms[0, n] * k0, terms[0, n] * k1 * mt[i]
                found[i, g, 2, n] = terms[1, n] * k0


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _spectrum(
    normal: Floats,
    velocity: Floats,
    rate: float,
    pt: Floats,
    mt: Floats,
    angles: Floats,
    step: float,
    integrals: Floats,
    spectrum: Floats,
) -> None:
    """Add the integral of g.d sigma over the elements and the space-time rapidity to ``spectrum`` (pT, _PHI)."""
    n_most = integrals.shape[3]
    zero, one, s = np.empty(n_most), np.empty(n_most), np.empty(5 * _PHI)
    s[: 2 * _PHI] = angles
    for element in range(len(normal)):
        vx, vy = velocity[element]
        gamma = 1.0 / np.sqrt(1.0 - vx * vx - vy * vy)
        d0, d1, d2 = normal[element]
        flow = gamma * (d0 + vx * d1 + vy * d2)
        place = (gamma - 1.0) / step
        g = min(int(place), integrals.shape[1] - 2)
        for i in range(len(pt)):
            x, ax, ay = rate * gamma * mt[i], rate * gamma * vx * pt[i], rate * gamma * vy * pt[i]
            # Terms fall by exp(-slowest) at least: what is left out is below exp(-_SMALL) of the first.
            slowest = x - np.sqrt(ax * ax + ay * ay)
            n_terms = min(n_most, 4 * (1 + int(_SMALL / (4 * slowest))))
            _weigh(integrals[i, g], integrals[i, g + 1], place - g, d0, flow, one[:n_terms], zero)
            for j in range(_PHI):
                s[3 * _PHI + j] = pt[i] * (d1 * s[j] + d2 * s[_PHI + j])
            _emit(s, ax, ay, x, n_terms, one, zero)
            for j in range(_PHI):
                spectrum[i, j] += s[4 * _PHI + j]
