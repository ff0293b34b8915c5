"""What a detector of Belle II's size sees: charged tracks and photons, with those of the beams' background.

Resolutions are those of the Technical Design Report (arXiv:1011.0352, summary of the expected performance; also
arXiv:1808.10567). The track efficiency's turn-on at low momentum, its fall with the distance from the beams, the
separation of the kinds of tracks and the numbers and spectra of background are of the detector's size, but not
taken from a measurement. Clusters of hadrons, secondary interactions, decays in flight and tracks that are found
twice are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import Decays

__all__ = ["HYPOTHESES", "MASSES", "Photons", "Seen", "Tracks", "see", "track"]

HYPOTHESES = (11, 13, 211, 321, 2212)
MASSES = np.array([0.000511, 0.105658, 0.139570, 0.493677, 0.938272])  # GeV (PDG), of the hypotheses
_PHOTON = 22
# Roughly how many of a B pair's tracks are of each kind: what is known before one looks.
_PRIOR = np.array([0.06, 0.05, 0.73, 0.14, 0.02])

_PT_CURVATURE, _PT_SCATTERING = 0.001, 0.003  # sigma(pT) / pT = 0.1 % pT + 0.3 % / beta, in quadrature, pT in GeV
_TRACK_ANGLE = 0.001  # rad
_PT_NONE, _PT_RISE = 0.05, 0.06  # GeV: no tracks below the first; the second says how fast the efficiency rises
_LAST_RADIUS = 40.0  # cm: of what is made farther from the axis, too little of the drift chamber is left
_IMPACT = (0.003, 0.003)  # cm: resolution of d0 and z0, 30 um + 30 um / (pT / GeV), in quadrature
_ELECTRON_SIGMAS, _MUON_SIGMAS, _MUON_MOMENTUM = (
    5.0,
    3.5,
    0.7,
)  # muons below that (GeV) do not reach their detector
# sigma(E) / E = 0.2 % / E + 1.6 % / E^(1/4) + 1.2 %, in quadrature; 0.5 cm / sqrt(E) at a radius of 125 cm.
_ENERGY_TERMS, _PHOTON_ANGLE = (0.002, 0.016, 0.012), 0.5 / 125
# Least energy in GeV of a photon in the forward endcap, the barrel and the backward endcap, and the polar angles
# between them: those of the full event interpretation.
_LEAST_ENERGY, _ENDCAPS = (0.10, 0.09, 0.16), np.radians([32.2, 128.7])
# Background: mean energy of photons above 50 MeV, mean pT of tracks above 50 MeV (GeV), widths of d0 and z0 (cm).
_BACKGROUND_ENERGY, _BACKGROUND_PT, _BACKGROUND_IMPACT = (0.05, 0.05), (0.05, 0.10), (1.0, 2.0)


@dataclass(frozen=True)
class Tracks:
    """The M tracks of B events.

    ``offsets`` (B + 1,); ``p3`` (M, 3) in GeV, laboratory; ``charge`` (M,); ``probability`` (M, 5) of the
    ``HYPOTHESES``; ``impact`` (M, 2), distances d0 and z0 from the beams in cm; ``source`` (M,), the particle each
    comes from, among all of the ``Decays``, -1 for the beams' background.
    """

    offsets: NDArray[np.int64]
    p3: NDArray[np.float64]
    charge: NDArray[np.int64]
    probability: NDArray[np.float64]
    impact: NDArray[np.float64]
    source: NDArray[np.int64]


@dataclass(frozen=True)
class Photons:
    """The M photons of B events: ``offsets`` (B + 1,), ``p3`` (M, 3) in GeV, ``source`` (M,) as of tracks."""

    offsets: NDArray[np.int64]
    p3: NDArray[np.float64]
    source: NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """What is seen of the events."""

    tracks: Tracks
    photons: Photons


def see(decays: Decays, config: Config, rng: np.random.Generator) -> Seen:
    """Let the detector see ``decays``."""
    return Seen(_tracks(decays, config, rng), _photons(decays, config, rng))


def _tracks(decays: Decays, config: Config, rng: np.random.Generator) -> Tracks:
    source = np.flatnonzero(decays.final & np.isin(np.abs(decays.pdg_id), HYPOTHESES))
    kind = _kind(decays.pdg_id[source])
    p3, found = track(decays.p4[source, 1:], MASSES[kind], config, rng)
    found &= np.hypot(decays.vertex[source, 1], decays.vertex[source, 2]) < _LAST_RADIUS
    source, p3, kind = source[found], p3[found], kind[found]
    charge = np.sign(decays.pdg_id[source])
    charge[kind < 2] *= -1  # a negative lepton's number is positive
    impact = _impact(decays.vertex[source, 1:], p3, rng)
    n = rng.poisson(config.background_tracks, len(decays))
    more, event = n.sum(), np.concatenate([decays.event[source], np.repeat(np.arange(len(decays)), n)])
    order = np.argsort(event, kind="stable")
    low, mean = _BACKGROUND_PT
    p3 = np.concatenate([p3, _background(low + rng.exponential(mean, more), config, rng, transverse=True)])[order]
    kind = np.concatenate([kind, np.full(more, 2)])[order]
    return Tracks(
        np.searchsorted(event[order], np.arange(len(decays) + 1)),
        p3,
        np.concatenate([charge, rng.choice([-1, 1], more)])[order].astype(np.int64),
        _identify(kind, np.linalg.norm(p3, axis=1), config, rng),
        np.concatenate([impact, rng.normal(0, _BACKGROUND_IMPACT, (more, 2))])[order],
        np.concatenate([source, np.full(more, -1)])[order],
    )


def _kind(pdg_id: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place among ``HYPOTHESES``."""
    return np.searchsorted(HYPOTHESES, np.abs(pdg_id))


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


def _impact(vertex: NDArray[np.float64], p3: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(M, 2) d0 and z0 of straight tracks, measured."""
    pt = np.hypot(p3[:, 0], p3[:, 1])
    d0 = (vertex[:, 0] * p3[:, 1] - vertex[:, 1] * p3[:, 0]) / pt
    along = (vertex[:, 0] * p3[:, 0] + vertex[:, 1] * p3[:, 1]) / pt
    exact = np.stack([d0, vertex[:, 2] - along * p3[:, 2] / pt], axis=1)
    spread = np.hypot(_IMPACT[0], _IMPACT[1] / pt)
    measured: NDArray[np.float64] = exact + spread[:, None] * rng.normal(size=exact.shape)
    return measured


def _identify(
    kind: NDArray[np.int64], momentum: NDArray[np.float64], config: Config, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(M, 5) probabilities of the hypotheses for tracks that are of ``kind``.

    Three numbers are measured with unit errors: velocity, which tells kaons and protons from light particles, and
    what the calorimeter and the muon detector say.
    """
    expected = np.zeros((len(kind), 5, 3))
    expected[:, 3, 0], expected[:, 4, 0] = config.identification, 2 * config.identification
    expected[:, 0, 1] = _ELECTRON_SIGMAS
    expected[:, 1, 2] = np.where(momentum > _MUON_MOMENTUM, _MUON_SIGMAS, 0)
    measured = expected[np.arange(len(kind)), kind] + rng.normal(size=(len(kind), 3))
    likelihood = _PRIOR * np.exp(-0.5 * ((measured[:, None] - expected) ** 2).sum(axis=2))
    probability: NDArray[np.float64] = likelihood / likelihood.sum(axis=1, keepdims=True)
    return probability


def _photons(decays: Decays, config: Config, rng: np.random.Generator) -> Photons:
    source = np.flatnonzero(decays.pdg_id == _PHOTON)
    p3 = decays.p4[source, 1:]
    found = rng.random(len(source)) < config.photon_efficiency
    n = rng.poisson(config.background_photons, len(decays))
    event = np.concatenate([decays.event[source], np.repeat(np.arange(len(decays)), n)])
    low, mean = _BACKGROUND_ENERGY
    p3 = np.concatenate([p3, _background(low + rng.exponential(mean, n.sum()), config, rng)])
    found, source = (np.concatenate([a, np.full(n.sum(), b)]) for a, b in ((found, True), (source, -1)))
    energy = np.linalg.norm(p3, axis=1)
    a, b, c = _ENERGY_TERMS
    spread = config.photon_resolution * np.sqrt((a / energy) ** 2 + b**2 / np.sqrt(energy) + c**2)
    measured = energy * (1 + spread * rng.normal(size=len(energy)))
    angle = config.photon_resolution * _PHOTON_ANGLE / np.sqrt(np.maximum(energy, 0.01))
    direction = _turn(p3 / energy[:, None], angle, rng)
    theta = np.arccos(np.clip(direction[:, 2] / np.linalg.norm(direction, axis=1), -1, 1))
    found &= _accepted(direction, config) & (measured > np.array(_LEAST_ENERGY)[np.searchsorted(_ENDCAPS, theta)])
    order = np.argsort(event, kind="stable")
    order = order[found[order]]
    offsets = np.searchsorted(event[order], np.arange(len(decays) + 1))
    return Photons(offsets, direction[order] * measured[order, None], source[order])


def _background(
    size: NDArray[np.float64], config: Config, rng: np.random.Generator, *, transverse: bool = False
) -> NDArray[np.float64]:
    """Momenta of ``size``, or of transverse momentum ``size``, evenly over the solid angle of the detector."""
    low, high = np.cos(np.radians([config.theta_max, config.theta_min]))
    cosine, phi = rng.uniform(low, high, len(size)), rng.uniform(-np.pi, np.pi, len(size))
    sine = np.sqrt(1 - cosine**2)
    total = size / sine if transverse else size
    p3: NDArray[np.float64] = total[:, None] * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    return p3


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
