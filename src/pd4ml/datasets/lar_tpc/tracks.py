"""Muons, charged pions, protons and neutrons in liquid argon, step by step.

Collisions that pass on more than ``DELTA_CUT`` are drawn one by one from Bhabha's spectrum (PDG, eq. 34.8), the
many below are a Gaussian with their mean and variance: the sum is Landau's and Vavilov's distribution without a
table of either. Directions change as Highland says (13.6 MeV / (p beta) sqrt(x / X0)); the logarithm is left out,
since steps are short. What nuclei do to hadrons is a sketch: see ``_nucleus``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.lar_tpc.argon import DELTA_CUT, RADIATION_LENGTH, XI, bethe
from pd4ml.datasets.lar_tpc.queue import DELTA, LOW_ENERGY, MICHEL, TRACK, isotropic, leave, push, turned

__all__ = ["MUON", "PION", "PROTON", "follow_heavy", "follow_neutron"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

ELECTRON, MUON, PION, NEUTRAL_PION, PROTON, NEUTRON = (
    0.51099895,
    105.6583755,
    139.57039,
    134.9768,
    938.27209,
    939.56542,
)
# Followed as electrons of their own above this energy; else their energy stays on the track.
_DELTA_TRACK = 2.0
_STEP, _SHORTEST = 0.3, 0.01
# Nuclear interaction lengths in cm of nucleons and pions (PDG's table of argon, 119.7 and 149.0 g/cm2).
_LENGTH_NUCLEON, _LENGTH_PION = 85.7, 106.7
_CAPTURED = 0.75  # mu- that argon captures before they decay
_CAUGHT = 0.5  # slow neutrons that are captured near where they scattered
# Slow neutrons make no protons. Their path is that of a cross section of 1 barn; argon-40 has its first level at
# 1.46 MeV and sets 6.1 MeV free when it captures one.
_SLOW, _LENGTH_SLOW, _LEVEL, _CAPTURE_ENERGY = 20.0, 47.0, 1.46, 6.1
# Mean number of slow neutrons that leave a nucleus which was hit in flight, by a pion at rest, by a muon at rest.
_BOILED, _BOILED_PION, _BOILED_MUON = 1.0, 3.0, 1.2


@njit(cache=True)
def _knock_on(rng: np.random.Generator, xi: float, beta2: float, most: float) -> tuple[float, float]:
    """Energy of electrons above the cut in a step: of those that stay on the track, and of the hardest other."""
    if most <= DELTA_CUT:
        return 0.0, 0.0
    stays, leaves = 0.0, 0.0
    for _ in range(rng.poisson(xi * (1 / DELTA_CUT - 1 / most))):
        energy = 1 / (1 / DELTA_CUT - rng.random() * (1 / DELTA_CUT - 1 / most))
        if rng.random() < 1 - beta2 * energy / most:
            if energy > _DELTA_TRACK and leaves == 0.0:
                leaves = energy
            else:
                stays += energy
    return stays, leaves


@njit(cache=True)
def follow_heavy(
    pdg: float, at: Floats, u: Floats, kinetic: float, reach: float, rng: np.random.Generator,
    waiting: Floats, left: Floats, n: Counts,
) -> float:  # fmt: skip
    """Follow a charged particle until it stops, reacts or is further than ``reach`` from the origin; its path."""
    kind = abs(pdg)
    mass = MUON if kind == 13 else PION if kind == 211 else PROTON
    length = math.inf if kind == 13 else _LENGTH_PION if kind == 211 else _LENGTH_NUCLEON
    to_nucleus = math.inf if kind == 13 else rng.exponential(length)
    path = 0.0
    while True:
        g = 1 + kinetic / mass
        beta2 = 1 - 1 / (g * g)
        p = mass * math.sqrt(g * g - 1)
        dedx = bethe(kinetic, mass, 1e9)
        if kinetic / dedx < 2 * _SHORTEST:
            leave(left, n, at, kinetic, dedx, TRACK)
            _stopped(pdg, at, rng, waiting, n)
            return path
        step = min(_STEP, max(0.1 * kinetic / dedx, _SHORTEST), to_nucleus - path + 1e-9)
        most = 2 * ELECTRON * (g * g - 1) / (1 + 2 * g * ELECTRON / mass + (ELECTRON / mass) ** 2)
        xi, cut = XI / beta2 * step, min(DELTA_CUT, most)
        stays, leaves = _knock_on(rng, xi, beta2, most)
        soft = bethe(kinetic, mass, cut) * step
        soft += math.sqrt(xi * cut * (1 - beta2 * cut / (2 * most))) * rng.standard_normal()
        lost = min(max(soft, 0.0) + stays, kinetic)
        leave(left, n, at + u * (step / 2), lost, lost / step, TRACK)
        at, path = at + u * step, path + step
        kinetic -= lost
        if 0 < leaves < kinetic:
            momentum = math.sqrt(leaves * (leaves + 2 * ELECTRON))
            cosine = min(leaves / momentum * (g * mass + ELECTRON) / p, 1.0)
            push(waiting, n, 11.0, at, turned(u, cosine, 2 * math.pi * rng.random()), leaves, DELTA)
            kinetic -= leaves
        angle = 13.6 / (p * math.sqrt(beta2)) * math.sqrt(step / RADIATION_LENGTH)
        # Both projected angles are Gaussian, so that the square of the angle in space is exponential.
        u = turned(
            u, math.cos(min(angle * math.sqrt(2 * rng.exponential(1.0)), math.pi)), 2 * math.pi * rng.random()
        )
        if path >= to_nucleus:
            _nucleus(pdg, at, u, kinetic, rng, waiting, n)
            return path
        if at[0] ** 2 + at[1] ** 2 + at[2] ** 2 > reach * reach:
            return path


@njit(cache=True)
def _stopped(pdg: float, at: Floats, rng: np.random.Generator, waiting: Floats, n: Counts) -> None:
    """Decay or capture at rest. pi+ make a mu+ of 4.1 MeV, mu+ and a quarter of mu- Michel's electrons."""
    if pdg == 211:
        push(waiting, n, -13.0, at, isotropic(rng), 4.12, TRACK)
    elif pdg == -211:
        for _ in range(rng.poisson(1.0)):
            push(waiting, n, 2212.0, at, isotropic(rng), rng.exponential(10.0), TRACK)
        push(waiting, n, 2112.0, at, isotropic(rng), 50.0, TRACK)
        _boiled(at, _BOILED_PION, rng, waiting, n)
    elif pdg == -13 or (pdg == 13 and rng.random() > _CAPTURED):
        x = rng.random()
        while rng.random() > x * x * (3 - 2 * x):  # 2 x^2 (3 - 2 x), of x = E / 52.8 MeV
            x = rng.random()
        push(waiting, n, -11.0 if pdg == -13 else 11.0, at, isotropic(rng), x * 52.8, MICHEL)
    elif pdg == 13:
        _boiled(at, _BOILED_MUON, rng, waiting, n)


@njit(cache=True)
def _boiled(at: Floats, neutrons: float, rng: np.random.Generator, waiting: Floats, n: Counts) -> None:
    """What an excited nucleus boils off: neutrons of some MeV, so many on average, and photons."""
    for _ in range(rng.poisson(neutrons)):
        push(waiting, n, 2112.0, at, isotropic(rng), rng.gamma(2.0, 2.0), TRACK)
    _photons(at, rng.exponential(4.0), rng, waiting, n)


@njit(cache=True)
def _photons(at: Floats, energy: float, rng: np.random.Generator, waiting: Floats, n: Counts) -> None:
    """Share an energy among photons from the first level on."""
    while energy > _LEVEL:
        part = min(energy, _LEVEL + rng.exponential(1.0))
        push(waiting, n, 22.0, at, isotropic(rng), part, LOW_ENERGY)
        energy -= part


@njit(cache=True)
def _nucleus(
    pdg: float, at: Floats, u: Floats, kinetic: float, rng: np.random.Generator, waiting: Floats, n: Counts
) -> None:
    """A reaction with an argon nucleus, as simple as can be; its shares are chosen, not measured.

    A third of pions are absorbed by two nucleons, a seventh exchange their charge, others scatter and knock out a
    nucleon; nucleons go on with half of their energy and knock out another with half of the rest. What is left of
    the nucleus boils.
    """
    _boiled(at, _BOILED, rng, waiting, n)
    if abs(pdg) == 211:
        chance = rng.random()
        if chance < 0.35:
            energy = kinetic + PION - 40.0
            share = rng.random()
            v = isotropic(rng)
            push(waiting, n, 2212.0, at, v, energy * share, TRACK)
            push(waiting, n, 2212.0 if rng.random() < 0.5 else 2112.0, at, -v, energy * (1 - share), TRACK)
        elif chance < 0.5:
            two_photons(at, turned(u, 1 - rng.random(), 2 * math.pi * rng.random()), kinetic, rng, waiting, n)
        else:
            share = 0.4 + 0.6 * rng.random()
            push(
                waiting,
                n,
                pdg,
                at,
                turned(u, 1 - 2 * rng.random() ** 2, 2 * math.pi * rng.random()),
                kinetic * share,
                TRACK,
            )
            push(
                waiting,
                n,
                2212.0,
                at,
                turned(u, rng.random(), 2 * math.pi * rng.random()),
                kinetic * (1 - share) / 2,
                TRACK,
            )
        return
    if kinetic < 30.0:
        return
    share = 0.3 + 0.4 * rng.random()
    for part in (share, (1 - share) / 2):
        other = 2212.0 if rng.random() < 0.5 else 2112.0
        cosine = 1 - rng.random() * (1 - share)
        push(waiting, n, other, at, turned(u, cosine, 2 * math.pi * rng.random()), kinetic * part, TRACK)


@njit(cache=True)
def two_photons(
    at: Floats, u: Floats, kinetic: float, rng: np.random.Generator, waiting: Floats, n: Counts
) -> None:
    """A neutral pion's decay: two photons that share its momentum."""
    g = 1 + kinetic / NEUTRAL_PION
    beta = math.sqrt(1 - 1 / (g * g))
    cosine, azimuth = 2 * rng.random() - 1, 2 * math.pi * rng.random()
    for sign in (1, -1):
        energy = NEUTRAL_PION / 2 * g * (1 + sign * beta * cosine)
        toward = (sign * cosine + beta) / (1 + sign * beta * cosine)
        push(waiting, n, 22.0, at, turned(u, toward, azimuth + (0.0 if sign > 0 else math.pi)), energy, 0.0)


@njit(cache=True)
def follow_neutron(
    at: Floats, u: Floats, kinetic: float, reach: float, rng: np.random.Generator, waiting: Floats, n: Counts
) -> None:
    """Let a neutron knock out protons on its way; a slow one scatters once, and may be captured where it did."""
    while True:
        slow = kinetic < _SLOW
        at = at + u * rng.exponential(_LENGTH_SLOW if slow else _LENGTH_NUCLEON)
        if at[0] ** 2 + at[1] ** 2 + at[2] ** 2 > reach * reach:
            return
        if slow:
            _photons(at, kinetic * rng.random() ** 2, rng, waiting, n)
            if rng.random() < _CAUGHT:
                _photons(at, _CAPTURE_ENERGY, rng, waiting, n)
            return
        _boiled(at, _BOILED, rng, waiting, n)
        given = kinetic * rng.random()
        if rng.random() < 0.25:
            push(waiting, n, 2212.0, at, turned(u, rng.random(), 2 * math.pi * rng.random()), given, TRACK)
        kinetic -= given
        u = turned(u, 1 - rng.random(), 2 * math.pi * rng.random())
