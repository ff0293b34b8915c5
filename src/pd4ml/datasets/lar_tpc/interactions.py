"""Neutrinos on argon nuclei, a documented sketch: no GENIE, NuWro or NEUT.

A neutrino of a wide beam along z meets a nucleon of a Fermi gas. The interaction is quasi-elastic (or elastic, if
neutral), by a Delta, or deeply inelastic, in shares that depend on its energy; both lepton and hadrons follow from
it. Then the nucleus takes its toll. The shares, the gas and the toll are typical numbers, recalled, not fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.lar_tpc.config import Config
from pd4ml.datasets.lar_tpc.kinematics import boosted, decay, direction, mass_of, two_body_momentum
from pd4ml.physics.geant4 import Primaries

__all__ = ["CLASSES", "KINDS", "Interaction", "as_primaries", "interact"]

Floats = NDArray[np.float64]
Particles = list[tuple[int, Floats]]

CLASSES = ("nu_mu CC", "nu_e CC", "NC")
KINDS = ("quasi-elastic", "resonant", "deeply inelastic")
_MASSES = {
    11: 0.000511,
    13: 0.105658,
    14: 0.0,
    22: 0.0,
    111: 0.134977,
    211: 0.139570,
    2212: 0.938272,
    2112: 0.939565,
}
_NUCLEON, _PION = 0.93892, 0.13957
_DELTA_MASS, _DELTA_WIDTH, _LEAST_W = 1.232, 0.117, 1.09
_FERMI, _BINDING = 0.25, 0.03  # momentum of the gas and binding energy, GeV
_PROTONS = 18 / 40
_AT = (0.5, 1.0, 2.0, 4.0)  # GeV, where the shares of kinds are given
_SHARES = ((0.85, 0.55, 0.30, 0.18), (0.14, 0.35, 0.40, 0.30))
_LEAST_DIS = 1.4  # GeV of hadronic mass


@dataclass(frozen=True)
class Interaction:
    """What happened: neutrino energy in GeV, class, kind, outgoing lepton's four-momentum, what can be seen."""

    energy: float
    label: int
    kind: int
    lepton: Floats
    particles: Particles


def interact(label: int, config: Config, rng: np.random.Generator) -> Interaction:
    """One interaction of a neutrino along z, of the class ``label``."""
    lepton = (13, 11, 14)[label]
    while True:
        energy = math.exp(math.log(config.flux_peak) + config.flux_width**2 + config.flux_width * rng.normal())
        if not 0.2 < energy < 8:
            continue
        quasi, resonant = (np.interp(energy, _AT, share) for share in _SHARES)
        kind = int(np.searchsorted([quasi, quasi + resonant], rng.random()))
        make = (_quasi_elastic, _resonant, _inelastic)[kind]
        found = make(energy, lepton, config, rng)
        if found is None:
            continue
        out, hadrons = found
        seen = _after_nucleus(hadrons, config, rng) + ([(lepton, out)] if lepton != 14 else [])
        if sum(p[0] - _MASSES[abs(name)] for name, p in seen if name != 2112) > config.visible:
            return Interaction(energy, label, kind, out, [pair for p in seen for pair in _visible(p, rng)])


def _struck(rng: np.random.Generator) -> tuple[Floats, bool]:
    """A nucleon of the Fermi gas, and whether it is a proton."""
    k = _FERMI * rng.random() ** (1 / 3) * direction(rng)
    return np.concatenate([[math.hypot(_NUCLEON, *k)], k]), bool(rng.random() < _PROTONS)


def _scattered(
    energy: float, nucleon: Floats, mass: float, hadron: float, axial: float, rng: np.random.Generator
) -> tuple[Floats, Floats] | None:
    """Lepton of ``mass`` and system of mass ``hadron``, with Q2 from the square of a dipole; None if too heavy."""
    neutrino = np.array([energy, 0.0, 0.0, energy])
    total = neutrino + nucleon
    w = mass_of(total)
    if w <= mass + hadron:
        return None
    k, out = two_body_momentum(w, 0.0, mass_of(nucleon)), two_body_momentum(w, mass, hadron)
    e_out = math.hypot(out, mass)
    low, high = (2 * k * (e_out - sign * out) - mass**2 for sign in (1, -1))
    # The integral of (1 + Q2 / M^2)^-4 is (1 + Q2 / M^2)^-3.
    a, b = ((1 + q2 / axial**2) ** -3 for q2 in (low, high))
    q2 = axial**2 * ((a + (b - a) * rng.random()) ** (-1 / 3) - 1)
    cosine = min(max((2 * k * e_out - mass**2 - q2) / (2 * k * out), -1.0), 1.0)
    axis = boosted(neutrino, np.concatenate([total[:1], -total[1:]]))[1:]
    lepton = boosted(np.concatenate([[e_out], out * _turned(axis, cosine, rng)]), total)
    return lepton, total - lepton


def _turned(axis: Floats, cosine: float, rng: np.random.Generator) -> Floats:
    """A unit vector at an angle to ``axis``, anywhere around it."""
    axis = axis / np.linalg.norm(axis)
    across = np.cross(axis, direction(rng))
    return cosine * axis + math.sqrt(1 - cosine**2) * across / np.linalg.norm(across)


def _quasi_elastic(
    energy: float, lepton: int, config: Config, rng: np.random.Generator
) -> tuple[Floats, Particles] | None:
    """Nu n -> l p, or a neutrino off any nucleon; blocked where the nucleon finds no room in the gas."""
    nucleon, proton = _struck(rng)
    found = _scattered(energy, nucleon, _MASSES[lepton], _NUCLEON, config.axial_mass, rng)
    if found is None or np.linalg.norm(found[1][1:]) < _FERMI:
        return None
    return found[0], [(2212 if proton or lepton != 14 else 2112, found[1])]


def _resonant(
    energy: float, lepton: int, config: Config, rng: np.random.Generator
) -> tuple[Floats, Particles] | None:
    """A Delta, which decays isotropically. Of isospin 3/2: p pi+ : p pi0 : n pi+ = 9 : 2 : 1, if charged."""
    nucleon, proton = _struck(rng)
    if lepton != 14 and not proton and rng.random() > 1 / 3:  # nu n has a third of the rate of nu p
        return None
    w = _DELTA_MASS + _DELTA_WIDTH / 2 * math.tan(math.pi * (rng.random() - 0.5))
    if not _LEAST_W < w < 1.8:
        return None
    found = _scattered(energy, nucleon, _MASSES[lepton], w, config.axial_mass, rng)
    if found is None:
        return None
    neutral = rng.random() < 2 / 3  # of Delta+ -> p pi0 and n pi+, and of Delta0 -> n pi0 and p pi-
    if lepton != 14:
        pair = (2212, 211) if proton else (2212, 111) if neutral else (2112, 211)
    else:
        pair = ((2212, 111) if neutral else (2112, 211)) if proton else (2112, 111) if neutral else (2212, -211)
    products = decay(found[1], [_MASSES[abs(name)] for name in pair], rng)
    return found[0], list(zip(pair, products, strict=True))


def _inelastic(
    energy: float, lepton: int, config: Config, rng: np.random.Generator
) -> tuple[Floats, Particles] | None:
    """Quarks with x^0.5 (1 - x)^3, y uniform; a nucleon and pions in phase space, their charges by chance."""
    nucleon, _ = _struck(rng)
    x, y, mass = rng.beta(1.5, 4.0), rng.random(), _MASSES[lepton]
    out = energy * (1 - y)
    q2, w2 = 2 * _NUCLEON * energy * x * y, _NUCLEON**2 + 2 * _NUCLEON * energy * y * (1 - x)
    if out <= mass or w2 < _LEAST_DIS**2:
        return None
    p = math.sqrt(out**2 - mass**2)
    cosine = (2 * energy * out - mass**2 - q2) / (2 * energy * p)
    if abs(cosine) > 1:
        return None
    lepton_p = np.concatenate([[out], p * _turned(np.array([0.0, 0.0, 1.0]), cosine, rng)])
    hadrons = np.array([energy, 0.0, 0.0, energy]) + nucleon - lepton_p
    w = mass_of(hadrons)
    n = 1 + rng.poisson(1.3 + 0.6 * math.log(w2))
    n = min(n, int((w - 0.95) / (1.1 * _PION)))
    if n < 1:
        return None
    names = [2212 if rng.random() < 0.5 else 2112, *(int(k) for k in rng.choice([211, -211, 111], n))]
    products = decay(hadrons, [_MASSES[abs(name)] for name in names], rng)
    return lepton_p, list(zip(names, products, strict=True))


def _after_nucleus(hadrons: Particles, config: Config, rng: np.random.Generator) -> Particles:
    """What leaves the nucleus: pions may be absorbed or exchange charge, nucleons pay binding, some follow."""
    found: Particles = []
    for name, p in hadrons:
        if abs(name) in (111, 211):
            chance = rng.random()
            if chance < config.absorption:
                found += _nucleons(p[0] - 2 * _BINDING, int(rng.integers(2, 4)), rng)
                continue
            if chance < config.absorption + config.exchange:
                name = 111 if abs(name) == 211 else int(rng.choice([211, -211]))
            found.append((name, p))
        else:
            kinetic = p[0] - mass_of(p) - _BINDING
            found += [(name, _moving(name, kinetic, p[1:]))] if kinetic > 0 else []
    for _ in range(rng.poisson(config.knocked_out)):
        found += _nucleons(rng.exponential(0.04), 1, rng)
    return found


def _nucleons(kinetic: float, n: int, rng: np.random.Generator) -> Particles:
    """Protons, and as often neutrons if there are several, that share an energy in any way."""
    if kinetic <= 0:
        return []
    shares = rng.dirichlet(np.ones(n)) if n > 1 else (1.0,)
    names = [2212 if n == 1 or rng.random() < 0.5 else 2112 for _ in range(n)]
    return [
        (name, _moving(name, kinetic * share, direction(rng))) for name, share in zip(names, shares, strict=True)
    ]


def _moving(name: int, kinetic: float, along: Floats) -> Floats:
    energy = kinetic + _MASSES[abs(name)]
    p = math.sqrt(energy**2 - _MASSES[abs(name)] ** 2)
    return np.concatenate([[energy], p * along / np.linalg.norm(along)])


def _visible(particle: tuple[int, Floats], rng: np.random.Generator) -> Particles:
    """The particle, or the photons of a neutral pion."""
    name, p = particle
    return [particle] if name != 111 else [(22, photon) for photon in decay(p, [0.0, 0.0], rng)]


def as_primaries(interactions: list[Interaction], vertices: Floats) -> Primaries:
    """The particles of some interactions at ``vertices`` (B, 3) in cm, as transport takes them."""
    particles = [pair for one in interactions for pair in one.particles]
    offsets = np.cumsum([0, *(len(one.particles) for one in interactions)])
    momenta = np.array([p for _, p in particles]).reshape(-1, 4)
    names = np.array([name for name, _ in particles], np.int32)
    masses = np.array([_MASSES[abs(int(name))] for name in names])
    size = np.linalg.norm(momenta[:, 1:], axis=1)
    kinetic = size**2 / (np.hypot(size, masses) + masses)
    at = np.repeat(10 * vertices, np.diff(offsets), axis=0)
    return Primaries(offsets, names, 1000 * kinetic, at, momenta[:, 1:] / size[:, None])
