"""Electrons, positrons and photons in liquid argon: a shower that branches, particle by particle.

Electrons lose energy to collisions and soft photons, and radiate; photons make pairs or scatter. Pairs and
radiated photons keep their mother's direction: their angles are small beside those of scattering.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.lar_tpc.argon import DELTA_CUT, RADIATION_LENGTH, SOFT_PHOTON, XI, electron_dedx
from pd4ml.datasets.lar_tpc.queue import LOW_ENERGY, SHOWER, isotropic, leave, push, turned

__all__ = ["follow_electron", "follow_photon"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_ME = 0.51099895
_STEP = 0.3
# Electrons stop below, photons are absorbed below; electrons that photons make below the last are "low energy".
_LEAST_ELECTRON, _LEAST_PHOTON, _LOW = 0.3, 0.1, 5.0
_LOG_FIRST, _LOG_STEP = math.log(0.1), (math.log(2e4) - math.log(0.1)) / 119


@njit(cache=True)
def _at_energy(row: Floats, energy: float) -> float:
    place = min(max((math.log(energy) - _LOG_FIRST) / _LOG_STEP, 0.0), len(row) - 1.001)
    i = int(place)
    return float(row[i] + (place - i) * (row[i + 1] - row[i]))


@njit(cache=True)
def follow_electron(
    pdg: float, at: Floats, u: Floats, kinetic: float, label: float, reach: float, rng: np.random.Generator,
    rates: Floats, photons: Floats, waiting: Floats, left: Floats, n: Counts,
) -> None:  # fmt: skip
    """Follow an electron or positron until it stops or is further than ``reach`` from the origin."""
    while kinetic > _LEAST_ELECTRON:
        dedx = electron_dedx(kinetic, 1e9) + _at_energy(rates[1], kinetic)
        hard = _at_energy(rates[0], kinetic) if kinetic > 1.1 * SOFT_PHOTON else 0.0
        to_photon = rng.exponential(1 / hard) if hard > 0 else math.inf
        step = min(_STEP, 0.15 * kinetic / dedx, to_photon)
        g = 1 + kinetic / _ME
        beta2 = 1 - 1 / (g * g)
        lost = (electron_dedx(kinetic, DELTA_CUT) + _at_energy(rates[1], kinetic)) * step
        xi = XI / beta2 * step
        lost += math.sqrt(xi * DELTA_CUT) * rng.standard_normal()
        lost = max(lost, 0.0)
        most = kinetic / 2
        for _ in range(rng.poisson(xi * (1 / DELTA_CUT - 1 / most)) if most > DELTA_CUT else 0):
            energy = 1 / (1 / DELTA_CUT - rng.random() * (1 / DELTA_CUT - 1 / most))
            if energy > 2.0 and energy < kinetic - lost:
                cosine = math.sqrt(energy * (kinetic + 2 * _ME) / (kinetic * (energy + 2 * _ME)))
                push(waiting, n, 11.0, at, turned(u, cosine, 2 * math.pi * rng.random()), energy, label)
                kinetic -= energy
            else:
                lost += energy
        lost = min(lost, kinetic)
        leave(left, n, at + u * (step / 2), lost, lost / step, label)
        at = at + u * step
        kinetic -= lost
        if at[0] ** 2 + at[1] ** 2 + at[2] ** 2 > reach * reach:
            return
        angle = 13.6 / (_ME * math.sqrt(g * g - 1) * math.sqrt(beta2)) * math.sqrt(step / RADIATION_LENGTH)
        u = turned(
            u, math.cos(min(angle * math.sqrt(2 * rng.exponential(1.0)), math.pi)), 2 * math.pi * rng.random()
        )
        if step == to_photon and kinetic > SOFT_PHOTON:
            i = int(min(max((math.log(kinetic) - _LOG_FIRST) / _LOG_STEP + rng.random(), 0.0), len(photons) - 1.0))
            place = rng.random() * (photons.shape[1] - 1)
            j = int(place)
            log = photons[i, j] + (place - j) * (photons[i, j + 1] - photons[i, j])
            energy = min(SOFT_PHOTON * math.exp(log), kinetic)
            push(waiting, n, 22.0, at, u, energy, label)
            kinetic -= energy
    leave(left, n, at, kinetic, electron_dedx(_LEAST_ELECTRON, 1e9), label)
    if pdg < 0:
        v = isotropic(rng)
        push(waiting, n, 22.0, at, v, _ME, label)
        push(waiting, n, 22.0, at, -v, _ME, label)


@njit(cache=True)
def follow_photon(
    at: Floats, u: Floats, energy: float, label: float, reach: float, rng: np.random.Generator,
    rates: Floats, waiting: Floats, left: Floats, n: Counts,
) -> None:  # fmt: skip
    """Let a photon scatter until it makes a pair, is absorbed or is further than ``reach`` from the origin."""
    while energy > _LEAST_PHOTON:
        pairs, compton = _at_energy(rates[2], energy), _at_energy(rates[3], energy)
        at = at + u * rng.exponential(1 / (pairs + compton))
        if at[0] ** 2 + at[1] ** 2 + at[2] ** 2 > reach * reach:
            return
        if rng.random() * (pairs + compton) < pairs and energy > 2.1 * _ME:
            share = rng.random()
            while rng.random() > 1 - 4 / 3 * share * (1 - share):
                share = rng.random()
            kinetic = energy - 2 * _ME
            for pdg, part in ((11.0, share), (-11.0, 1 - share)):
                push(waiting, n, pdg, at, u, kinetic * part, _made(label, kinetic * part))
            return
        new = _scattered(energy, rng)
        cosine = 1 - _ME * (1 / new - 1 / energy)
        kinetic, azimuth = energy - new, 2 * math.pi * rng.random()
        momentum = math.sqrt(kinetic * (kinetic + 2 * _ME))
        ahead = min((energy - new * cosine) / max(momentum, 1e-9), 1.0)
        if kinetic > 0:
            push(waiting, n, 11.0, at, turned(u, ahead, azimuth + math.pi), kinetic, _made(label, kinetic))
        u, energy = turned(u, cosine, azimuth), new
    leave(left, n, at, energy, electron_dedx(max(energy, 0.05), 1e9), LOW_ENERGY)


@njit(cache=True)
def _made(label: float, kinetic: float) -> float:
    return LOW_ENERGY if kinetic < _LOW else SHOWER if label < 2 else label


@njit(cache=True)
def _scattered(energy: float, rng: np.random.Generator) -> float:
    """Energy of a photon after Compton scattering, from Klein and Nishina's cross section."""
    least = 1 / (1 + 2 * energy / _ME)
    log, flat = -math.log(least), (1 - least * least) / 2
    while True:
        if rng.random() * (log + flat) < log:
            share = math.exp(-log * rng.random())
        else:
            share = math.sqrt(least * least + (1 - least * least) * rng.random())
        t = _ME * (1 - share) / (energy * share)
        if rng.random() < 1 - share * t * (2 - t) / (1 + share * share):
            return energy * share
