"""Liquid argon: stopping power of heavy particles and electrons, radiation, pairs, Compton scattering.

Energies are in MeV, lengths in cm. Stopping power is Bethe's with the density effect as Sternheimer writes it
(PDG, Passage of particles through matter; the parameters of liquid argon are those of Groom, Mokhov and Striganov,
At. Data Nucl. Data Tables 78 (2001) 183, recalled: tests hold what follows to published numbers).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.geant4.atoms import ALPHA, AVOGADRO, ELECTRON_MASS, ELECTRON_RADIUS_2, atomic_mass
from pd4ml.physics.geant4.bremsstrahlung import photon_spectrum
from pd4ml.physics.geant4.photons import incoherent

__all__ = ["DELTA_CUT", "DENSITY", "RADIATION_LENGTH", "SOFT_PHOTON", "XI", "bethe", "electron_dedx", "tables"]

Floats = NDArray[np.float64]

DENSITY = 1.396  # g/cm3, NIST
RADIATION_LENGTH = 14.0  # cm
# Electrons that are knocked on are followed one by one above this energy; below, their sum is Gaussian.
DELTA_CUT = 0.05
# Photons radiated below this energy are continuous loss.
SOFT_PHOTON = 0.5
_Z, _Z_OVER_A = 18, 0.45059
_EXCITATION = 188e-6  # MeV
# K / 2 Z/A rho: times z^2 / beta^2 it is Landau's xi of a centimetre.
XI = 0.307075 / 2 * _Z_OVER_A * DENSITY
_C, _A, _X0, _X1, _POWER = 5.2146, 0.19559, 0.2, 3.0, 3.0
_ME = ELECTRON_MASS
_LOG_E = np.linspace(math.log(0.1), math.log(2e4), 120)
_N_SHARES = 101


@njit(cache=True)
def _density_effect(bg: float) -> float:
    x = math.log10(bg)
    if x < _X0:
        return 0.0
    delta = 2 * math.log(10) * x - _C
    return delta + _A * (_X1 - x) ** _POWER if x < _X1 else delta


@njit(cache=True)
def bethe(kinetic: float, mass: float, cut: float) -> float:
    """Mean loss in MeV/cm of a heavy particle of charge 1 to collisions that pass on less than ``cut``."""
    g = 1 + kinetic / mass
    bg2 = g * g - 1
    beta2 = bg2 / (g * g)
    most = 2 * _ME * bg2 / (1 + 2 * g * _ME / mass + (_ME / mass) ** 2)
    cut = min(cut, most)
    log = 0.5 * math.log(max(2 * _ME * bg2 * cut / _EXCITATION**2, 2.0))
    loss = log - beta2 / 2 * (1 + cut / most) - _density_effect(math.sqrt(bg2)) / 2
    return 2 * XI / beta2 * max(loss, 0.1)


@njit(cache=True)
def electron_dedx(kinetic: float, cut: float) -> float:
    """The same of an electron: Berger and Seltzer's formula with a cut (Geant4's Physics Reference Manual)."""
    tau = kinetic / _ME
    g = 1 + tau
    beta2 = 1 - 1 / (g * g)
    up = min(cut / _ME, tau / 2 * 0.999999)
    f = -1 - beta2 + math.log((tau - up) * up) + tau / (tau - up)
    f += (up * up / 2 + (2 * tau + 1) * math.log(1 - up / tau)) / (g * g)
    log = math.log(2 * (g + 1) / (_EXCITATION / _ME) ** 2)
    return XI / beta2 * max(log + f - _density_effect(math.sqrt(g * g - 1)), 0.2)


@lru_cache(maxsize=1)
def tables() -> tuple[Floats, Floats]:
    """What showers need at equal steps of ln E from 0.1 MeV to 20 GeV.

    Returns
    -------
    rates : NDArray
        (4, 120): radiated photons per cm, soft loss in MeV/cm, pairs per cm, Compton scatterings per cm.
    photons : NDArray
        (120, 101): ln(k / SOFT_PHOTON) of radiated photons at equal steps of their cumulated number.
    """
    energy = np.exp(_LOG_E)
    per_cm = AVOGADRO / atomic_mass(_Z) * DENSITY
    hard, soft, photons = np.zeros(len(energy)), np.zeros(len(energy)), np.zeros((len(energy), _N_SHARES))
    for i, kinetic in enumerate(energy):
        beta2 = 1 - (1 + kinetic / _ME) ** -2
        scale = _Z**2 / beta2 / 1000 * per_cm  # mb
        share = np.linspace(0, min(SOFT_PHOTON / kinetic, 1), 200)
        spectrum = photon_spectrum(_Z, np.full_like(share, kinetic), share)
        soft[i] = np.trapezoid(spectrum, share) * kinetic * scale
        if kinetic > SOFT_PHOTON:
            log = np.linspace(0, math.log(kinetic / SOFT_PHOTON), 400)
            spectrum = photon_spectrum(_Z, np.full_like(log, kinetic), np.exp(log) * SOFT_PHOTON / kinetic)
            number = np.concatenate([[0.0], np.cumsum((spectrum[1:] + spectrum[:-1]) / 2 * np.diff(log))])
            hard[i] = number[-1] * scale
            photons[i] = np.interp(np.linspace(0, number[-1], _N_SHARES), number, log)
    pairs = np.array([_pairs(e) for e in energy]) * per_cm
    return np.stack([hard, soft, pairs, _Z * incoherent(energy) * per_cm]), photons


def _pairs(energy: float) -> float:
    """Cross section in barn of a pair: Bethe and Heitler, screened as in Butcher and Messel (as EGS, Geant4)."""
    if energy <= 2.1 * _ME:
        return 0.0
    x = np.linspace(_ME / energy, 1 - _ME / energy, 400)
    delta = 136 / _Z ** (1 / 3) * _ME / energy / np.maximum(x * (1 - x), 1e-12)
    far = 21.12 - 4.184 * np.log(delta + 0.952)
    one = np.where(delta <= 1, 20.867 - 3.242 * delta + 0.625 * delta**2, far) - 4 / 3 * math.log(_Z)
    two = np.where(delta <= 1, 20.209 - 1.93 * delta - 0.086 * delta**2, far) - 4 / 3 * math.log(_Z)
    shape = (x**2 + (1 - x) ** 2) * one + 2 / 3 * x * (1 - x) * two
    # Z + 1: pairs are also made in the field of the atom's electrons.
    return float(ALPHA * ELECTRON_RADIUS_2 * _Z * (_Z + 1) * np.trapezoid(np.maximum(shape, 0), x))
