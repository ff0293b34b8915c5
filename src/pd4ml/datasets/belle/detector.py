"""What a detector of Belle II's size sees: charged tracks, photons, and K0S from their charged decay.

Resolutions are those of the Technical Design Report (arXiv:1011.0352, summary of the expected performance; also
arXiv:1808.10567). The track efficiency's turn-on at low momentum, the identification by two numbers and perfect
pairing of K0S daughters are simplifications of this package. Clusters of neutral hadrons, secondary interactions,
decays in flight, beam background and tracks that are found twice are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import Decays, boost

__all__ = ["KAON", "OTHER", "PION", "Objects", "Seen", "see"]

# What a track is taken for. Leptons and protons that are identified as such are of no use for the selection.
PION, KAON, OTHER = 0, 1, 2
MASSES = {11: 0.000511, 13: 0.105658, 211: 0.139570, 321: 0.493677, 2212: 0.938272}  # GeV (PDG)
K_SHORT, PHOTON = 310, 22
_K_SHORT_MASS, _K_SHORT_CTAU, _K_SHORT_TO_CHARGED = 0.497611, 2.6844, 0.692  # GeV, cm, branching fraction (PDG)
_LAST_K_SHORT_RADIUS = 40.0  # cm; beyond, too little of the drift chamber is left

_PT_CURVATURE, _PT_SCATTERING = 0.001, 0.003  # sigma(pT) / pT = 0.1 % pT + 0.3 % / beta, in quadrature, pT in GeV
_TRACK_ANGLE = 0.001  # rad
_PT_NONE, _PT_RISE = 0.05, 0.06  # GeV: no tracks below the first; the second says how fast the efficiency rises
_IDENTIFIED = 0.90  # of the leptons and protons; the others pass as pions
# sigma(E) / E = 0.2 % / E + 1.6 % / E^(1/4) + 1.2 %, in quadrature; 0.5 cm / sqrt(E) at a radius of 125 cm.
_ENERGY_TERMS, _PHOTON_ANGLE = (0.002, 0.016, 0.012), 0.5 / 125
# Least energy in GeV of a photon in the forward endcap, the barrel and the backward endcap, and the polar angles
# between them: what analyses of Belle II ask for.
_LEAST_ENERGY, _ENDCAPS = (0.10, 0.09, 0.16), np.radians([32.2, 128.7])


@dataclass(frozen=True)
class Objects:
    """Objects of one sort in B events, M in all.

    ``offsets`` (B + 1,); ``p4`` (M, 4) in GeV, laboratory; ``source`` (M,), the particle each comes from, among
    all of the ``Decays``; ``charge`` (M,); ``kind`` (M,), for tracks PION, KAON or OTHER. The energy of a track
    is that of a kaon or else a pion.
    """

    offsets: NDArray[np.int64]
    p4: NDArray[np.float64]
    source: NDArray[np.int64]
    charge: NDArray[np.int64]
    kind: NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """What is seen of the events."""

    tracks: Objects
    photons: Objects
    k_shorts: Objects


def see(decays: Decays, config: Config, rng: np.random.Generator) -> Seen:
    """Let the detector see ``decays``."""
    return Seen(_tracks(decays, config, rng), _photons(decays, config, rng), _k_shorts(decays, config, rng))


def _tracks(decays: Decays, config: Config, rng: np.random.Generator) -> Objects:
    kind_of = np.abs(decays.pdg_id)
    source = np.flatnonzero(decays.final & np.isin(kind_of, list(MASSES)))
    p3, found = track(decays.p4[source, 1:], _mass(kind_of[source]), config, rng)
    source, p3 = source[found], p3[found]
    charge = np.sign(decays.pdg_id[source])
    charge[kind_of[source] < 20] *= -1  # a negative lepton's number is positive
    kind = _identify(kind_of[source], config, rng)
    return _objects(decays, source, p3, _mass(np.where(kind == KAON, 321, 211)), charge, kind)


def _identify(kind_of: NDArray[np.int32], config: Config, rng: np.random.Generator) -> NDArray[np.int64]:
    """PION, KAON or OTHER for particles of |PDG code| ``kind_of``."""
    u = rng.random(len(kind_of))
    kaon = np.where(u < config.kaon_efficiency, KAON, PION)
    pion = np.where(u < config.kaon_fake_rate, KAON, PION)
    other = np.where(u < _IDENTIFIED, OTHER, PION)
    return np.select([kind_of == 321, kind_of == 211], [kaon, pion], other)


def track(
    p3: NDArray[np.float64], mass: NDArray[np.float64], config: Config, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measured momenta (M, 3) of charged particles, and whether they are found at all (M,)."""
    pt = np.hypot(p3[:, 0], p3[:, 1])
    momentum = np.linalg.norm(p3, axis=1)
    beta = momentum / np.hypot(momentum, mass)
    efficiency = config.tracking_efficiency * (1 - np.exp(-np.maximum(pt - _PT_NONE, 0) / _PT_RISE))
    found = _accepted(p3, config) & (rng.random(len(p3)) < efficiency)
    spread = config.track_resolution * np.hypot(_PT_CURVATURE * pt, _PT_SCATTERING / beta)
    factor = np.maximum(1 + spread * rng.normal(size=len(p3)), 0.01)
    return _turn(p3 * factor[:, None], config.track_resolution * _TRACK_ANGLE, rng), found


def _photons(decays: Decays, config: Config, rng: np.random.Generator) -> Objects:
    source = np.flatnonzero(decays.pdg_id == PHOTON)
    energy = decays.p4[source, 0]
    a, b, c = _ENERGY_TERMS
    spread = config.photon_resolution * np.sqrt((a / energy) ** 2 + b**2 / np.sqrt(energy) + c**2)
    measured = energy * (1 + spread * rng.normal(size=len(energy)))
    angle = config.photon_resolution * _PHOTON_ANGLE / np.sqrt(np.maximum(energy, 0.01))
    direction = _turn(decays.p4[source, 1:] / energy[:, None], angle, rng)
    theta = np.arccos(np.clip(direction[:, 2] / np.linalg.norm(direction, axis=1), -1, 1))
    least = np.array(_LEAST_ENERGY)[np.searchsorted(_ENDCAPS, theta)]
    found = (
        _accepted(direction, config) & (rng.random(len(energy)) < config.photon_efficiency) & (measured > least)
    )
    p3 = direction[found] * measured[found, None]
    nothing = np.zeros(found.sum(), np.int64)
    return _objects(decays, source[found], p3, 0.0, nothing, nothing)


def _k_shorts(decays: Decays, config: Config, rng: np.random.Generator) -> Objects:
    """K0S that decay to two pions, both found, within the tracking volume and the window of mass."""
    source = np.flatnonzero((decays.pdg_id == K_SHORT) & decays.final)
    source = source[rng.random(len(source)) < _K_SHORT_TO_CHARGED]
    p4 = decays.p4[source]
    length = rng.exponential(_K_SHORT_CTAU, len(source)) * np.hypot(p4[:, 1], p4[:, 2]) / _K_SHORT_MASS
    pions = _two_pions(p4, rng)
    seen = [track(p[:, 1:], np.full(len(p), MASSES[211]), config, rng) for p in pions]
    momenta = [_with_energy(p3, MASSES[211]) for p3, _ in seen]
    total = momenta[0] + momenta[1]
    mass = np.sqrt(np.maximum(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1), 0))
    found = seen[0][1] & seen[1][1] & (length < _LAST_K_SHORT_RADIUS)
    found &= np.abs(mass - _K_SHORT_MASS) < config.k_short_window
    nothing = np.zeros(found.sum(), np.int64)
    return _objects(decays, source[found], total[found, 1:], _K_SHORT_MASS, nothing, nothing)


def _two_pions(p4: NDArray[np.float64], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Isotropic decays of K0S with ``p4`` (M, 4) into two pions, (M, 4) each."""
    cosine, phi = rng.uniform(-1, 1, len(p4)), rng.uniform(-np.pi, np.pi, len(p4))
    sine = np.sqrt(1 - cosine**2)
    momentum = np.sqrt(_K_SHORT_MASS**2 / 4 - MASSES[211] ** 2)
    p3 = momentum * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    velocity = p4[:, 1:] / p4[:, :1]
    return [boost(_with_energy(sign * p3, MASSES[211]), velocity) for sign in (1, -1)]


def _mass(kind_of: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.select([kind_of == number for number in MASSES], list(MASSES.values()))


def _accepted(p3: NDArray[np.float64], config: Config) -> NDArray[np.bool_]:
    theta = np.degrees(np.arctan2(np.hypot(p3[:, 0], p3[:, 1]), p3[:, 2]))
    return (theta > config.theta_min) & (theta < config.theta_max)


def _turn(
    p3: NDArray[np.float64], angle: float | NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Turn momenta by ``angle`` (r.m.s. of each of two projections, small), lengths kept."""
    length = np.linalg.norm(p3, axis=1, keepdims=True)
    kick = rng.normal(size=p3.shape) * length * np.reshape(angle, (-1, 1))
    turned: NDArray[np.float64] = p3 + kick  # what lies along p3 goes away with the length
    turned *= length / np.linalg.norm(turned, axis=1, keepdims=True)
    return turned


def _with_energy(p3: NDArray[np.float64], mass: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.sqrt((p3**2).sum(axis=1) + mass**2), p3])


def _objects(
    decays: Decays,
    source: NDArray[np.int64],
    p3: NDArray[np.float64],
    mass: float | NDArray[np.float64],
    charge: NDArray[np.int64],
    kind: NDArray[np.int64],
) -> Objects:
    offsets = np.searchsorted(source, decays.offsets)
    return Objects(offsets, _with_energy(p3, mass), source, charge.astype(np.int64), kind.astype(np.int64))
