"""Pions as a branching cascade: hadrons that fly, ionise, interact and multiply, one after the other.

Each interaction shares its energy among the struck nucleus, a leading pion and other mesons. A third or so of
the mesons are neutral pions, electromagnetic showers of ``shower.py``; the nucleus sets nucleons free, which costs
their binding. So the electromagnetic share, the depth and the width of a shower, and what it does not show,
follow from the same few draws. Depths and paths are in layers, weighed by material. This module imports numba.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.calo_test_beam.shower import Parameters, away, electromagnetic, knock_on, neutral_pion, put
from pd4ml.datasets.calo_test_beam.stack import LIGHT, N_LAYERS, PITCH

__all__ = ["energy_of", "lay_down", "range_of"]

Floats = NDArray[np.float64]

ELECTRON, MUON = 11, 13  # PDG numbers
_MUON, PION, PROTON = 0.1057, 0.1396, 0.9383  # GeV
_LOSS = 0.0217  # GeV a layer of a minimum ionising particle (PDG's dE/dx of what is in it)
_SLOW = 0.6  # how stopping power grows below: Bethe's ranges of protons of 50 to 500 MeV in iron within 15 %
_TILE, _TILE_SHARE = 0.95, 0.0284  # where in a layer its tile lies, and its share of what is lost in the layer
_LEAST = 0.02  # GeV; slower hadrons end where they are
# Of a hadron: kinetic energy and mass in GeV, charge, depth in layers, mm, direction, ns after light.
T, M, Q, Z, X, Y, UX, UY, UZ, TIME = range(10)


@njit(cache=True, nogil=True)
def range_of(kinetic: float, mass: float) -> float:
    """Layers that a charged particle crosses until it stops."""
    return kinetic**2 / (kinetic + _SLOW * mass) / _LOSS if kinetic > 0 else 0.0


@njit(cache=True, nogil=True)
def energy_of(layers: float, mass: float) -> float:
    """Kinetic energy of a charged particle that stops after so many layers."""
    lost = layers * _LOSS
    return 0.5 * (lost + math.sqrt(lost * (lost + 4 * _SLOW * mass))) if layers > 0 else 0.0


@njit(cache=True, nogil=True)
def _turned(ux: float, uy: float, uz: float, cosine: float) -> tuple[float, float, float]:
    """The direction at an angle to another, anywhere around it."""
    sine, phi = math.sqrt(max(1 - cosine * cosine, 0.0)), np.random.uniform(0.0, 2 * math.pi)
    a, b = sine * math.cos(phi), sine * math.sin(phi)
    across = math.hypot(ux, uy)
    if across < 1e-6:
        return a, b, cosine * (1.0 if uz > 0 else -1.0)
    return (
        cosine * ux + (a * ux * uz - b * uy) / across,
        cosine * uy + (a * uy * uz + b * ux) / across,
        cosine * uz - a * across,
    )


@njit(cache=True, nogil=True)
def _fly(h: Floats, path: float, p: Parameters, d: Floats, f: Floats) -> None:
    """Move a hadron along its path; where it is charged it leaves energy in the tiles and loses it."""
    left, light = range_of(h[T], h[M]), abs(h[UZ])
    total = h[T] + h[M]
    slow = (total / math.sqrt(max(total**2 - h[M] ** 2, 1e-12)) - h[UZ]) * PITCH / LIGHT
    if h[Q] > 0 and light > 1e-3:
        step = 1 if h[UZ] > 0 else -1
        layer = math.ceil(h[Z] - _TILE) if step > 0 else math.floor(h[Z] - _TILE)
        while 0 <= layer < N_LAYERS:
            at = (layer + _TILE - h[Z]) / h[UZ]
            if at >= path:
                break
            rest = left - at
            inside = min(_TILE_SHARE / light, rest)
            mip = (energy_of(rest, h[M]) - energy_of(rest - inside, h[M])) / (_LOSS * _TILE_SHARE)
            dense = mip * _TILE_SHARE / inside
            mip -= p.landau / light * math.log(np.random.normal() ** 2 + 1e-12)
            mip *= (1 + p.birks) / (1 + p.birks * dense)
            px, py = h[X] + h[UX] * at * PITCH, h[Y] + h[UY] * at * PITCH
            put(layer, px, py, mip, h[TIME] + slow * at, p, d, f)
            if h[T] > 1.0:
                knock_on(h[T], layer, px, py, p, d, f)
            layer += step
    h[Z] += h[UZ] * path
    h[X] += h[UX] * path * PITCH
    h[Y] += h[UY] * path * PITCH
    h[TIME] += slow * path
    if h[Q] > 0:
        h[T] = energy_of(left - path, h[M])


@njit(cache=True, nogil=True)
def _nucleus(energy: float, h: Floats, stack: Floats, n: int, p: Parameters, d: Floats, f: Floats) -> int:
    """Share an energy among nucleons of a nucleus at a hadron's place; gives how many hadrons wait then."""
    while energy > p.binding:
        kinetic = min(np.random.exponential(p.nucleon), energy - p.binding)
        energy -= kinetic + p.binding
        for _ in range(np.random.poisson(p.neutrons)):
            ax, ay = away(p.neutron_width)
            layer = math.floor(h[Z] + p.neutron_depth * np.random.normal())
            time = h[TIME] + np.random.exponential(p.late_time if np.random.random() < p.late else p.early_time)
            put(layer, h[X] + ax, h[Y] + ay, p.quenching * np.random.exponential(p.neutron), time, p, d, f)
        if kinetic < _LEAST or n == len(stack):
            continue
        stack[n] = h
        stack[n, T], stack[n, M] = kinetic, PROTON
        stack[n, Q] = 1.0 if np.random.random() < p.protons else 0.0
        turned = _turned(h[UX], h[UY], h[UZ], 2 * math.sqrt(np.random.random()) - 1)
        stack[n, UX], stack[n, UY], stack[n, UZ] = turned
        n += 1
    return n


@njit(cache=True, nogil=True)
def _meson(
    energy: float, neutral: float, h: Floats, stack: Floats, n: int, p: Parameters, d: Floats, f: Floats
) -> tuple[int, float]:
    """A pion of a total energy: a shower if it is neutral, else one that waits. Gives the shower's energy."""
    momentum = math.sqrt(max(energy**2 - PION**2, 1e-6))
    across = p.momentum * math.sqrt(-2 * math.log(1 - np.random.random()))
    cosine = math.sqrt(1 - (across / momentum) ** 2) if across < momentum else np.random.uniform(-1.0, 1.0)
    ux, uy, uz = _turned(h[UX], h[UY], h[UZ], cosine)
    if np.random.random() < neutral:
        slope = max(uz, 0.5)
        neutral_pion(energy, h[Z], h[X], h[Y], ux / slope, uy / slope, p, d, f)
        return n, energy
    if energy - PION > _LEAST and n < len(stack):
        stack[n] = h
        stack[n, T], stack[n, M], stack[n, Q] = energy - PION, PION, 1.0
        stack[n, UX], stack[n, UY], stack[n, UZ] = ux, uy, uz
        n += 1
    return n, 0.0


@njit(cache=True, nogil=True)
def _interact(h: Floats, stack: Floats, n: int, p: Parameters, d: Floats, f: Floats) -> tuple[int, float]:
    """A hadron strikes a nucleus; gives how many hadrons wait then, and the energy of electromagnetic showers."""
    is_pion = h[M] < 0.5
    energy = h[T] + (PION if is_pion else 0.0)
    shower = 0.0
    if energy < p.least:
        if is_pion and np.random.random() < p.exchange:
            return _meson(energy, 1.0, h, stack, n, p, d, f)
        return _nucleus(energy, h, stack, n, p, d, f), 0.0
    broken = min(np.random.gamma(2.0, p.nuclear / 2) * energy**p.nuclear_power, energy)
    n = _nucleus(broken, h, stack, n, p, d, f)
    energy -= broken
    leading = energy * np.random.beta(1.0, 1 / p.leading - 1)
    if leading > PION:
        n, em = _meson(leading, p.exchange, h, stack, n, p, d, f)
        shower += em
        energy -= leading
    number = 1 + np.random.poisson(p.mesons * math.log(1 + energy))
    parts = np.empty(number)
    for i in range(number):
        parts[i] = np.random.gamma(p.evenness, 1.0) + 1e-9
    for part in parts / parts.sum() * energy:
        n, em = _meson(part, p.neutral, h, stack, n, p, d, f)
        shower += em
    return n, shower


@njit(cache=True, nogil=True)
def _mean_path(h: Floats, p: Parameters) -> float:
    """Layers to the next interaction, of which slow pions need fewer than fast ones."""
    if h[M] > 0.5:
        return p.nucleon_path
    path: float = p.interaction + (p.first - p.interaction) * h[T] / (h[T] + p.slow_pion)
    return path


@njit(cache=True, nogil=True)
def _beam(energy: float, mass: float, place: Floats) -> Floats:
    """A charged particle that comes straight in."""
    return np.array([energy, mass, 1.0, 0.0, place[0], place[1], 0.0, 0.0, 1.0, 0.0])


@njit(cache=True, nogil=True)
def _pion(energy: float, start: float, place: Floats, p: Parameters, d: Floats, f: Floats) -> float:
    """A pion that first interacts at depth ``start``, and all that follows; gives its electromagnetic share."""
    stack = np.empty((int(energy / _LEAST) + 64, TIME + 1))
    stack[0] = _beam(energy, PION, place)
    n, shower, first = 1, 0.0, True
    while n > 0:
        n -= 1
        h = stack[n].copy()
        free = start if first else np.random.exponential(_mean_path(h, p))
        path = min(free, range_of(h[T], h[M])) if h[Q] > 0 else free
        first = False
        _fly(h, path, p, d, f)
        if h[Z] < 0 or h[Z] >= N_LAYERS:
            continue
        if path == free and h[T] > _LEAST:
            n, em = _interact(h, stack, n, p, d, f)
            shower += em
        elif h[M] < 0.5 and np.random.random() < 0.5:
            n = _nucleus(PION, h, stack, n, p, d, f)
    return shower / energy


@njit(cache=True, nogil=True)
def lay_down(
    seed: int,
    pdg_id: int,
    energy: float,
    start: float,
    place: Floats,
    p: Parameters,
    deposit: Floats,
    first: Floats,
) -> float:
    """One event: visible energy in MIP (layers, columns, rows), and the time after light of each tile's first.

    ``start`` is the depth in layers at which a pion first interacts. Gives the share of the energy that becomes
    electromagnetic.
    """
    np.random.seed(seed)
    kind = abs(pdg_id)
    if kind == ELECTRON:
        electromagnetic(energy, 0.0, place[0], place[1], 0.0, 0.0, p, deposit, first)
        return 1.0
    if kind == MUON:
        _fly(_beam(energy, _MUON, place), float(N_LAYERS), p, deposit, first)
        return 0.0
    return _pion(energy, start, place, p, deposit, first)
