"""Response of an ATLAS-like detector, particle by particle, up to energy-flow objects.

The model is that of Delphes (arXiv:1307.6346), the numbers are those of its ATLAS card
(cards/delphes_card_ATLAS.tcl). One pass over all events of a batch, in one thread: the workers are processes.

Simplified with respect to Delphes: all particles start at the origin (a decay a few cm away moves a hit in the
calorimeter by about 0.01); nothing beyond a pseudorapidity of 3.2 is simulated, which jets of R = 0.8 within 2 do
not reach; the coarse ECAL towers from 2.958 to 3.2 are left out, and the HCAL towers beyond 2.6, which overlap in
the card and differ between the two sides there, are 0.2 x 20 degrees. Electrons and muons are tracks like all
others: they are neither identified nor isolated. The excess over the tracks is taken as in the paper, without the
averaging of tracks and towers that later versions of Delphes do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.kinematics import pseudorapidity
from pd4ml.physics.pythia import Particles

__all__ = ["ETA_MAX", "NEUTRAL_HADRON", "PHOTON", "TRACK", "EnergyFlow", "detector_response"]

ETA_MAX = 3.2
TRACK, PHOTON, NEUTRAL_HADRON = 0, 1, 2  # kinds of energy-flow objects

# Tracker: a cylinder in a solenoid field; a momentum of 1 GeV bends with the radius 1 / (0.29979 B) m.
_RADIUS_M, _HALF_LENGTH_M, _FIELD_T = 1.15, 3.51, 2.0
_CURVATURE_RADIUS_M = 1.0 / (0.299792458 * _FIELD_T)
_TRACK_ETA_MAX = 2.5

# Towers are numbered: ECAL, then HCAL within 2.6, then the outer HCAL.
_ECAL_WIDTH, _ECAL_HALF, _ECAL_PHI = 0.0174, 170, 360
_HCAL_WIDTH, _HCAL_HALF, _HCAL_PHI = 0.1, 26, 36
_OUTER_WIDTH, _OUTER_HALF, _OUTER_PHI = 0.2, 3, 18
_N_ECAL = 2 * _ECAL_HALF * _ECAL_PHI
_N_HCAL = _N_ECAL + 2 * _HCAL_HALF * _HCAL_PHI
_N_TOWERS = _N_HCAL + 2 * _OUTER_HALF * _OUTER_PHI
_HCAL_EDGE = _HCAL_WIDTH * _HCAL_HALF
_ECAL_MIN_GEV, _HCAL_MIN_GEV, _MIN_SIGNIFICANCE = 0.5, 1.0, 2.0


@dataclass(frozen=True)
class EnergyFlow:
    """Energy-flow objects of B events.

    ``offsets`` (B + 1,); ``p4`` (M, 4) in GeV, massless as Delphes made them when the published sample was;
    ``kind`` (M,) uint8: TRACK, PHOTON or NEUTRAL_HADRON.
    """

    offsets: NDArray[np.int64]
    p4: NDArray[np.float64]
    kind: NDArray[np.uint8]


def detector_response(particles: Particles, rng: np.random.Generator) -> EnergyFlow:
    """What the detector makes of ``particles``; it depends on them and the state of ``rng`` only."""
    return EnergyFlow(*_respond(particles.offsets, particles.pdg_id, particles.p4, rng))


@njit(cache=True)
def charge(pdg_id: int) -> int:
    """Charge of the particles that Pythia leaves stable here; 0 for all others (PDG numbering scheme)."""
    kind = abs(pdg_id)
    sign = 1 if pdg_id > 0 else -1
    if kind in (211, 321, 2212, 3222):
        return sign
    if kind in (11, 13, 3112, 3312, 3334):
        return -sign
    return 0


@njit(cache=True)
def calorimeter_position(pt: float, eta: float, phi: float, q: int) -> tuple[float, float]:
    """Pseudorapidity and azimuth at which a particle of charge ``q`` from the origin leaves the tracker.

    The helix crosses the barrel if its diameter reaches that far and the end cap does not come first. Seen
    from the origin a chord points half the turning angle away from the initial direction (backwards when
    its length below is negative, which is after a full turn).
    """
    if q == 0:
        return eta, phi
    radius = _CURVATURE_RADIUS_M * pt
    slope = math.sinh(eta)
    half_turn = math.inf
    if 2.0 * radius > _RADIUS_M:
        half_turn = math.asin(_RADIUS_M / (2.0 * radius))
    if slope != 0.0:
        half_turn = min(half_turn, _HALF_LENGTH_M / abs(slope) / (2.0 * radius))
    if half_turn == math.inf:  # a circle that never leaves the tracker
        return math.inf, phi
    chord = 2.0 * radius * math.sin(half_turn)
    backwards = math.pi if chord < 0.0 else 0.0
    return pseudorapidity(abs(chord), 2.0 * radius * half_turn * slope), phi - q * half_turn + backwards


@njit(cache=True)
def track_efficiency(pdg_id: int, pt: float, eta: float) -> float:
    """Probability that the track is found; ``pt`` in GeV."""
    if pt <= 0.1 or abs(eta) > _TRACK_ETA_MAX:
        return 0.0
    barrel = abs(eta) <= 1.5
    if abs(pdg_id) == 11:
        if pt <= 1.0:
            return 0.73 if barrel else 0.50
        if pt <= 100.0:
            return 0.95 if barrel else 0.83
        return 0.99 if barrel else 0.90
    if abs(pdg_id) == 13:
        if pt <= 1.0:
            return 0.75 if barrel else 0.70
        return 0.99 if barrel else 0.98
    if pt <= 1.0:
        return 0.70 if barrel else 0.60
    return 0.95 if barrel else 0.85


@njit(cache=True)
def track_resolution(pdg_id: int, pt: float, eta: float) -> float:
    """Relative resolution of the track's transverse momentum; ``pt`` in GeV."""
    part = 0 if abs(eta) <= 0.5 else (1 if abs(eta) <= 1.5 else 2)
    if abs(pdg_id) == 11:
        constant, slope = ((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3))[part]
    elif abs(pdg_id) == 13:
        constant, slope = ((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4))[part]
    else:
        constant, slope = ((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3))[part]
    return math.hypot(constant, slope * pt)


@njit(cache=True)
def ecal_fraction(pdg_id: int) -> float:
    """Share of the energy that ends in the ECAL; the HCAL gets the rest, except of muons."""
    kind = abs(pdg_id)
    if kind in (11, 22, 111):
        return 1.0
    return 0.3 if kind in (310, 3122) else 0.0


@njit(cache=True)
def tower_resolution(is_ecal: bool, energy: float, eta: float) -> float:
    """Standard deviation in GeV of a tower's energy in GeV."""
    if is_ecal:
        return math.sqrt((0.0017 * energy) ** 2 + 0.101**2 * energy)
    if abs(eta) <= 1.7:
        return math.sqrt((0.0302 * energy) ** 2 + 0.5205**2 * energy + 1.59**2)
    return math.sqrt((0.05 * energy) ** 2 + 0.706**2 * energy)


@njit(cache=True)
def tower_number(is_ecal: bool, eta: float, phi: float) -> int:
    """The tower at a place of the calorimeter; -1 outside."""
    if is_ecal:
        width, half, n_phi, first, edge = _ECAL_WIDTH, _ECAL_HALF, _ECAL_PHI, 0, 0.0
    elif abs(eta) < _HCAL_EDGE:
        width, half, n_phi, first, edge = _HCAL_WIDTH, _HCAL_HALF, _HCAL_PHI, _N_ECAL, 0.0
    else:
        width, half, n_phi, first, edge = _OUTER_WIDTH, _OUTER_HALF, _OUTER_PHI, _N_HCAL, _HCAL_EDGE
    # The negative side counts on from the positive one, so that a tower never straddles eta = 0.
    distance = abs(eta) - edge
    if not distance < width * half:  # also true of an infinite eta
        return -1
    row = min(int(distance / width), half - 1) + (half if eta < 0.0 else 0)
    column = int((phi / (2.0 * math.pi)) % 1.0 * n_phi) % n_phi
    return first + row * n_phi + column


@njit(cache=True)
def tower_bounds(tower: int) -> tuple[float, float, float, float]:
    """Centre in eta and phi, and width in eta and phi, of a tower."""
    if tower < _N_ECAL:
        width, half, n_phi, first, edge = _ECAL_WIDTH, _ECAL_HALF, _ECAL_PHI, 0, 0.0
    elif tower < _N_HCAL:
        width, half, n_phi, first, edge = _HCAL_WIDTH, _HCAL_HALF, _HCAL_PHI, _N_ECAL, 0.0
    else:
        width, half, n_phi, first, edge = _OUTER_WIDTH, _OUTER_HALF, _OUTER_PHI, _N_HCAL, _HCAL_EDGE
    row, column = divmod(tower - first, n_phi)
    side = 1.0 if row < half else -1.0
    phi_width = 2.0 * math.pi / n_phi
    return side * (edge + (row % half + 0.5) * width), (column + 0.5) * phi_width, width, phi_width


@njit(cache=True)
def log_normal(mean: float, sigma: float, rng: np.random.Generator) -> float:
    """A positive number with this mean and standard deviation, as Delphes smears."""
    variance = math.log1p((sigma / mean) ** 2)
    return mean * math.exp(math.sqrt(variance) * rng.standard_normal() - 0.5 * variance)


@njit(cache=True)
def tower_excess(tower: int, energy: float, tracks: float, rng: np.random.Generator) -> float:
    """Energy that a tower measures beyond that of the tracks that hit it; 0 if it is not significant."""
    is_ecal = tower < _N_ECAL
    eta = tower_bounds(tower)[0]
    measured = log_normal(energy, tower_resolution(is_ecal, energy, eta), rng)
    minimum = max(
        _ECAL_MIN_GEV if is_ecal else _HCAL_MIN_GEV,
        _MIN_SIGNIFICANCE * tower_resolution(is_ecal, measured, eta),
    )
    return measured - tracks if measured - tracks >= minimum else 0.0


@njit(cache=True)
def _massless(pt: float, eta: float, phi: float) -> tuple[float, float, float, float]:
    return pt * math.cosh(eta), pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)


@njit(cache=True)
def _respond(
    offsets: NDArray[np.int64],
    pdg_id: NDArray[np.int32],
    p4: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    # A particle makes at most a track and a tower, or two towers.
    flow = np.empty((2 * pdg_id.size, 4))
    kind = np.empty(2 * pdg_id.size, dtype=np.uint8)
    flow_offsets = np.zeros_like(offsets)
    energy, tracks = np.zeros(_N_TOWERS), np.zeros(_N_TOWERS)
    hit = np.empty(2 * pdg_id.size, dtype=np.int64)  # towers of the event, in the order they were hit
    n = 0
    for event in range(offsets.size - 1):
        n_hit = 0
        for i in range(offsets[event], offsets[event + 1]):
            pt = math.hypot(p4[i, 1], p4[i, 2])
            eta, phi = pseudorapidity(pt, p4[i, 3]), math.atan2(p4[i, 2], p4[i, 1])
            q = charge(pdg_id[i])
            track_energy = 0.0
            if q != 0 and rng.random() < track_efficiency(pdg_id[i], pt, eta):
                measured = log_normal(pt, pt * track_resolution(pdg_id[i], pt, eta), rng)
                flow[n] = _massless(measured, eta, phi)
                kind[n] = TRACK
                track_energy = flow[n, 0]
                n += 1
            if abs(pdg_id[i]) == 13:
                continue
            tower_eta, tower_phi = calorimeter_position(pt, eta, phi, q)
            ecal = ecal_fraction(pdg_id[i])
            for is_ecal, fraction in ((True, ecal), (False, 1.0 - ecal)):
                tower = tower_number(is_ecal, tower_eta, tower_phi) if fraction > 0.0 else -1
                if tower < 0:
                    continue
                if energy[tower] == 0.0:
                    hit[n_hit] = tower
                    n_hit += 1
                energy[tower] += fraction * p4[i, 0]
                tracks[tower] += fraction * track_energy
        for tower in hit[:n_hit]:
            excess = tower_excess(tower, energy[tower], tracks[tower], rng)
            energy[tower] = tracks[tower] = 0.0
            if excess > 0.0:
                eta, phi, eta_width, phi_width = tower_bounds(tower)
                eta += eta_width * (rng.random() - 0.5)
                phi += phi_width * (rng.random() - 0.5)
                flow[n] = _massless(excess / math.cosh(eta), eta, phi)
                kind[n] = PHOTON if tower < _N_ECAL else NEUTRAL_HADRON
                n += 1
        flow_offsets[event + 1] = n
    return flow_offsets, flow[:n].copy(), kind[:n].copy()
