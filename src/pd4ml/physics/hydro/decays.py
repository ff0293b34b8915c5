"""What a fluid element emits in all: pions of its own, and those of resonances that decay.

A resonance of momentum k is emitted with E dN/d3k = integral of d sigma_mu g^mu, g^mu = f(k.u) k^mu. Decays keep
the form g^mu = f1 (k^mu - (k.u) u^mu) + f2 (k.u) u^mu with functions of k.u alone, so that they are worked out
once for a temperature and not for a surface (Mazeliauskas, Floerchinger, Grossi, Teaney, Eur. Phys. J. C 79
(2019) 284, arXiv:1809.11049). Decays are isotropic, those into more than two particles fill phase space, masses
have no widths; products that decay pass theirs on.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.hydro.resonances import PHOTON, PION, hadrons

__all__ = ["MOMENTA", "breakup", "emission"]

Floats = NDArray[np.float64]

# Momenta in the fluid's frame (GeV) at which the functions are known; denser where particles are slow.
MOMENTA = 5.0 * np.linspace(0.01, 1, 120) ** 2
_N_ENERGIES, _N_MASSES, _REACH = 24, 8, 30.0  # of mothers; of what comes with a daughter; mothers' energies over T
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_N_ENERGIES)


@lru_cache(maxsize=64)
def emission(temperature: float, potentials: tuple[tuple[str, float], ...] = ()) -> Floats:
    """f1 and f2 of all pions, (2, len(MOMENTA)): phase-space densities times (2 pi)^3, summed over charges.

    temperature: GeV; potentials: pairs of name and chemical potential in GeV, of hadrons that have one. A volume
    V at rest emits f2 V d3p / (2 pi hbar)^3 pions of momentum p.
    """
    known = hadrons()
    mu = dict(potentials)
    found = {name: np.zeros((2, len(MOMENTA))) for name in known}
    for hadron in reversed(known.values()):
        energy = np.hypot(MOMENTA, hadron.mass) - mu.get(hadron.name, 0.0)
        found[hadron.name] += hadron.states / (np.exp(energy / temperature) + (1.0 if hadron.fermion else -1.0))
        for ratio, daughters in hadron.decays:
            for name in set(daughters) - {PHOTON}:
                mass = known[name].mass
                rest = list(daughters)
                rest.remove(name)
                others = tuple(0.0 if d == PHOTON else known[d].mass for d in rest)
                number = ratio * daughters.count(name)
                for recoil, weight in zip(*_recoil(hadron.mass, mass, others), strict=True):
                    given = _daughters(hadron.mass, found[hadron.name], mass, recoil, _REACH * temperature)
                    found[name] += number * weight * given
    return found[PION]


def _daughters(mother: float, f: Floats, mass: float, recoil: float, reach: float) -> Floats:
    """Functions f1 and f2 of a daughter of this mass, of a decay into it and ``recoil``; all in GeV.

    In the daughter's rest frame its mothers come from all sides with one energy: an average over them. The
    integration is over the mothers' energies, of which the lowest matter.
    """
    momentum = breakup(mother, mass, recoil)
    own = math.hypot(momentum, mass)
    p = MOMENTA[:, None]
    energy, ratio = np.hypot(p, mass), mother / mass**2
    low, high = ratio * (own * energy - momentum * p), ratio * (own * energy + momentum * p)
    half = 0.5 * np.minimum(high - low, reach)
    mothers = np.maximum(low + half * (1 + _NODES), mother)
    along = (energy * mothers - own * mother) / p  # k.p / p, from p.k = m_mother * own
    k = np.sqrt(mothers**2 - mother**2)
    f1, f2 = (np.exp(np.interp(k, MOMENTA, np.log(g))) for g in f)
    moments = np.stack([(along * f1) @ _WEIGHTS / p[:, 0], (mothers * f2) @ _WEIGHTS / energy[:, 0]])
    return np.asarray(mother * half[:, 0] / (2 * momentum * p[:, 0]) * moments)


@lru_cache(maxsize=1024)
def _recoil(mother: float, mass: float, others: tuple[float, ...]) -> tuple[list[float], list[float]]:
    """Masses (GeV) of what a daughter recoils against, and their weights, which sum to 1."""
    if len(others) == 1:
        return [others[0]], [1.0]
    masses, weights = _spectrum(mother, mass, others)
    return masses, [w / sum(weights) for w in weights]


def _spectrum(mother: float, mass: float, others: tuple[float, ...]) -> tuple[list[float], list[float]]:
    """Masses of ``others`` together and the phase space (up to a factor) that each has."""
    least, most = sum(others), mother - mass
    masses = [least + (k + 0.5) / _N_MASSES * (most - least) for k in range(_N_MASSES)]
    return masses, [breakup(mother, mass, m) * m * _volume(m, others) for m in masses]


def _volume(mass: float, parts: tuple[float, ...]) -> float:
    """Phase space of a decay, up to a factor that depends on the number of parts and the steps of integration."""
    if len(parts) == 2:
        return breakup(mass, *parts) / mass
    width = mass - sum(parts)
    return width * sum(_spectrum(mass, parts[0], parts[1:])[1]) / mass


def breakup(mass: float, first: float, second: float) -> float:
    """Momentum of both daughters (masses ``first`` and ``second``) in the rest frame; all in GeV."""
    return math.sqrt((mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)) / (2 * mass)
