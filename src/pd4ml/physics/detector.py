"""Response of a detector, particle by particle, up to energy-flow objects.

The model is that of Delphes (arXiv:1307.6346); what differs between detectors is data: `detector_card`. One
pass over all events of a batch, in one thread: the workers are processes.

Simplified with respect to Delphes: nothing beyond a pseudorapidity of 3.2 is simulated, which jets of R = 0.8
within 2 do not reach; electrons and muons are tracks like all others, neither identified nor isolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.detector_card import DETECTORS, ByKind, Detector
from pd4ml.physics.detector_tables import Tables, tables
from pd4ml.physics.kinematics import pseudorapidity
from pd4ml.physics.pythia import Particles

__all__ = ["ETA_MAX", "NEUTRAL_HADRON", "PHOTON", "TRACK", "EnergyFlow", "detector_response"]

ETA_MAX = 3.2
TRACK, PHOTON, NEUTRAL_HADRON = 0, 1, 2  # kinds of energy-flow objects

_HADRON, _ELECTRON, _MUON = (ByKind._fields.index(kind) for kind in ("hadron", "electron", "muon"))
_STRAIGHT_M = 1e5  # tracks of a larger radius are straight to better than a nanometre


@dataclass(frozen=True)
class EnergyFlow:
    """Energy-flow objects of B events.

    ``offsets`` (B + 1,); ``p4`` (M, 4) in GeV, massless as Delphes made them when the published sample was;
    ``kind`` (M,) uint8: TRACK, PHOTON or NEUTRAL_HADRON.
    """

    offsets: NDArray[np.int64]
    p4: NDArray[np.float64]
    kind: NDArray[np.uint8]


def detector_response(
    particles: Particles, rng: np.random.Generator, detector: Detector = DETECTORS["atlas_2015"]
) -> EnergyFlow:
    """What ``detector`` makes of ``particles``; it depends on them and the state of ``rng`` only."""
    arrays = (particles.offsets, particles.pdg_id, particles.p4, particles.vertex)
    return EnergyFlow(*_respond(*arrays, tables(detector), rng))


@njit(cache=True)
def charge(pdg_id: int) -> int:
    """Charge of the particles that Pythia leaves stable; 0 for all others (PDG numbering scheme)."""
    kind = abs(pdg_id)
    sign = 1 if pdg_id > 0 else -1
    if kind in (211, 321, 2212, 3222):
        return sign
    if kind in (11, 13, 3112, 3312, 3334):
        return -sign
    return 0


@njit(cache=True)
def exit_point(p4: NDArray[np.float64], vertex: NDArray[np.float64], q: int, table: Tables) -> tuple[float, float]:
    """Pseudorapidity and azimuth, seen from the origin, where a particle leaves the tracker.

    ``p4`` (4,) in GeV, ``vertex`` (3,) in m within the tracker, ``q`` the charge. Infinite if it never does.
    """
    px, py, pz = p4[1], p4[2], p4[3]
    x, y, z = vertex[0], vertex[1], vertex[2]
    pt = math.hypot(px, py)
    if pt == 0.0:
        return math.copysign(math.inf, pz), 0.0
    slope = pz / pt
    # Path in the transverse plane to the end cap.
    path = math.inf if slope == 0.0 else (math.copysign(table.half_length, slope) - z) / slope
    radius = table.bend * pt
    if q == 0 or radius > _STRAIGHT_M:
        ux, uy = px / pt, py / pt
        along = x * ux + y * uy
        path = min(path, math.sqrt(along**2 + table.radius**2 - x * x - y * y) - along)
        return _seen(x + path * ux, y + path * uy, z + path * slope)
    # A positive charge turns clockwise in a field along +z; the circle's centre lies to its right.
    cx, cy = x + q * radius * py / pt, y - q * radius * px / pt
    distance = math.hypot(cx, cy)
    start = math.atan2(y - cy, x - cx)
    if distance > 0.0:
        cosine = (table.radius**2 - distance**2 - radius**2) / (2.0 * distance * radius)
        if abs(cosine) <= 1.0:  # the circle crosses the barrel
            away, half = start - math.atan2(cy, cx), math.acos(cosine)
            turn = min((q * (away - half)) % (2.0 * math.pi), (q * (away + half)) % (2.0 * math.pi))
            path = min(path, radius * turn)
    if path == math.inf:
        return math.inf, 0.0
    angle = start - q * path / radius
    return _seen(cx + radius * math.cos(angle), cy + radius * math.sin(angle), z + path * slope)


@njit(cache=True)
def _seen(x: float, y: float, z: float) -> tuple[float, float]:
    """Pseudorapidity and azimuth of a place."""
    return pseudorapidity(math.hypot(x, y), z), math.atan2(y, x)


@njit(cache=True)
def track_efficiency(table: Tables, kind: int, pt: float, eta: float) -> float:
    """Probability that the track is found; ``pt`` in GeV."""
    for row in table.efficiency[kind]:
        if abs(eta) <= row[0] and pt <= row[1]:
            return float(row[2])
    return 0.0


@njit(cache=True)
def track_resolution(table: Tables, kind: int, pt: float, eta: float) -> float:
    """Relative resolution of the track's transverse momentum; ``pt`` in GeV."""
    for row in table.resolution[kind]:
        if abs(eta) <= row[0]:
            return float(math.hypot(row[1], row[2] * pt))
    return 0.0


@njit(cache=True)
def ecal_fraction(pdg_id: int) -> float:
    """Share of the energy that ends in the ECAL; the HCAL gets the rest, except of muons."""
    kind = abs(pdg_id)
    if kind in (11, 22, 111):
        return 1.0
    return 0.3 if kind in (310, 3122) else 0.0


@njit(cache=True)
def tower_resolution(table: Tables, layer: int, energy: float, eta: float) -> float:
    """Standard deviation in GeV of a tower's energy in GeV."""
    for row in table.towers[layer]:
        if abs(eta) <= row[0]:
            sigma = math.sqrt((row[1] * energy) ** 2 + row[2] ** 2 * energy + row[3] ** 2)
            return float(sigma * (row[4] + row[5] * abs(eta) + row[6] * eta**2))
    return 0.0


@njit(cache=True)
def tower_number(table: Tables, layer: int, eta: float, phi: float) -> tuple[int, int, int]:
    """The tower at a place of the calorimeter, its ring and its place in the ring; -1 outside."""
    ring = np.searchsorted(table.edges[layer], eta, side="right") - 1
    if ring < 0 or table.n_phi[layer, ring] == 0:
        return -1, -1, -1
    n_phi = table.n_phi[layer, ring]
    column = int((phi / (2.0 * math.pi)) % 1.0 * n_phi) % n_phi
    return int(table.first[layer, ring]) + column, int(ring), column


@njit(cache=True)
def log_normal(mean: float, sigma: float, rng: np.random.Generator) -> float:
    """A positive number with this mean and standard deviation, as Delphes smears."""
    variance = math.log1p((sigma / mean) ** 2)
    return mean * math.exp(math.sqrt(variance) * rng.standard_normal() - 0.5 * variance)


@njit(cache=True)
def _least(table: Tables, layer: int, energy: float, eta: float) -> float:
    """The energy in GeV that a tower must have to show it, if it has ``energy``."""
    return float(max(table.least[layer], table.significance[layer] * tower_resolution(table, layer, energy, eta)))


@njit(cache=True)
def tower_measured(table: Tables, layer: int, energy: float, eta: float, rng: np.random.Generator) -> float:
    """What a tower at ``eta`` shows of the ``energy`` in it; 0 if that is not significant."""
    measured = log_normal(energy, tower_resolution(table, layer, energy, eta), rng)
    return measured if measured >= _least(table, layer, measured, eta) else 0.0


@njit(cache=True)
def energy_flow(
    table: Tables, layer: int, measured: float, good: float, poor: float, eta: float
) -> tuple[float, float]:
    """Energy of a tower's neutral object, 0 for none, and the factor for its poor tracks.

    ``good`` and ``poor`` are the energies of its tracks in GeV. Good tracks stay as they are. What is left is
    either what the poor ones are scaled to, or a neutral particle if it is significant.
    """
    left = measured - good
    if poor > 0.0:
        return 0.0, max(left, 0.0) / poor
    return (left if left > 0.0 and left >= _least(table, layer, left, eta) else 0.0), 1.0


@njit(cache=True)
def is_poor(table: Tables, layer: int, energy: float, resolution: float, eta: float) -> bool:
    """Whether the layer measures a track's ``energy`` better than the tracker, of relative ``resolution``."""
    return table.poor_tracks and tower_resolution(table, layer, energy, eta) < resolution * energy


@njit(cache=True)
def _set_massless(out: NDArray[np.float64], pt: float, eta: float, phi: float) -> None:
    out[:] = pt * math.cosh(eta), pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)


@njit(cache=True)
def _track(
    out: NDArray[np.float64],
    p4: NDArray[np.float64],
    kind: int,
    exit_eta: float,
    table: Tables,
    rng: np.random.Generator,
) -> float:
    """Fill ``out`` (4,) with the track of a charged particle; its relative resolution, or 0 if it is not found."""
    pt = math.hypot(p4[1], p4[2])
    if rng.random() >= track_efficiency(table, kind, pt, exit_eta):
        return 0.0
    resolution = track_resolution(table, kind, pt, exit_eta)
    if table.gaussian:
        measured = pt * (1.0 + resolution * rng.standard_normal())
    else:
        measured = log_normal(pt, pt * resolution, rng)
    if measured <= 0.0:
        return 0.0
    _set_massless(out, measured, pseudorapidity(pt, p4[3]), math.atan2(p4[2], p4[1]))
    return resolution


@njit(cache=True)
def _kind(pdg_id: int) -> int:
    if abs(pdg_id) == 11:
        return _ELECTRON
    return _MUON if abs(pdg_id) == 13 else _HADRON


@njit(cache=True)
def _respond(
    offsets: NDArray[np.int64],
    pdg_id: NDArray[np.int32],
    p4: NDArray[np.float64],
    vertex: NDArray[np.float64],
    table: Tables,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    # A particle makes at most a track and a tower, or two towers.
    flow = np.empty((2 * pdg_id.size, 4))
    kind = np.empty(2 * pdg_id.size, dtype=np.uint8)
    flow_offsets = np.zeros_like(offsets)
    # Of each layer of each tower: energy, that of good and of poor tracks, and the factor for these.
    sums = np.zeros((4, 2, table.n_towers))
    place = np.zeros((table.n_towers, 2))  # where in eta and phi the objects of a tower are, in its event
    hit = np.empty((2 * pdg_id.size, 4), dtype=np.int64)  # layer, tower, ring, place in the ring
    layer_of, tower_of = np.empty(pdg_id.size, dtype=np.int64), np.empty(pdg_id.size, dtype=np.int64)
    n = 0
    for event in range(offsets.size - 1):
        start, n_hit = n, 0
        for i in range(offsets[event], offsets[event + 1]):
            if math.hypot(vertex[i, 0], vertex[i, 1]) > table.radius or abs(vertex[i, 2]) > table.half_length:
                continue
            q = charge(pdg_id[i])
            eta, phi = exit_point(p4[i], vertex[i], q, table)
            resolution = _track(flow[n], p4[i], _kind(pdg_id[i]), eta, table, rng) if q != 0 else 0.0
            if resolution > 0.0:
                layer_of[n - start], tower_of[n - start] = 0, -1  # of no tower, until one is found
                kind[n] = TRACK
                n += 1
            if abs(pdg_id[i]) == 13:
                continue
            ecal = ecal_fraction(pdg_id[i])
            for layer, fraction in ((0, ecal), (1, 1.0 - ecal)):
                tower, ring, column = tower_number(table, layer, eta, phi) if fraction > 0.0 else (-1, -1, -1)
                if tower < 0:
                    continue
                if sums[0, layer, tower] == 0.0:
                    hit[n_hit] = layer, tower, ring, column
                    n_hit += 1
                sums[0, layer, tower] += fraction * p4[i, 0]
                if resolution > 0.0:  # a charged particle ends in one layer
                    centre = (table.edges[layer, ring] + table.edges[layer, ring + 1]) / 2.0
                    poor = is_poor(table, layer, flow[n - 1, 0], resolution, centre)
                    sums[2 if poor else 1, layer, tower] += flow[n - 1, 0]
                    if poor:
                        layer_of[n - 1 - start], tower_of[n - 1 - start] = layer, tower
        n_tracks = n - start
        n = _towers(flow, kind, n, hit[:n_hit], sums, place, table, rng)
        n = _scale_poor(flow, kind, start, n_tracks, n, layer_of, tower_of, sums[3])
        for h in range(n_hit):
            sums[:, hit[h, 0], hit[h, 1]] = 0.0
            place[hit[h, 1]] = 0.0
        flow_offsets[event + 1] = n
    return flow_offsets, flow[:n].copy(), kind[:n].copy()


@njit(cache=True)
def _towers(
    flow: NDArray[np.float64],
    kind: NDArray[np.uint8],
    n: int,
    hit: NDArray[np.int64],
    sums: NDArray[np.float64],
    place: NDArray[np.float64],
    table: Tables,
    rng: np.random.Generator,
) -> int:
    """Measure the towers of an event; add neutral objects from place ``n`` on, and note factors of poor tracks."""
    for h in range(hit.shape[0]):
        layer, tower, ring, column = hit[h]
        low, high = table.edges[layer, ring], table.edges[layer, ring + 1]
        centre = (low + high) / 2.0
        measured = tower_measured(table, layer, sums[0, layer, tower], centre, rng)
        neutral, factor = energy_flow(table, layer, measured, sums[1, layer, tower], sums[2, layer, tower], centre)
        sums[3, layer, tower] = factor
        if neutral <= 0.0:
            continue
        if place[tower, 0] == 0.0 and place[tower, 1] == 0.0:
            phi_width = 2.0 * math.pi / table.n_phi[layer, ring]
            place[tower] = low + (high - low) * rng.random(), (column + rng.random()) * phi_width
        eta, phi = place[tower]
        _set_massless(flow[n], neutral / math.cosh(eta), eta, phi)
        kind[n] = PHOTON if layer == 0 else NEUTRAL_HADRON
        n += 1
    return n


@njit(cache=True)
def _scale_poor(
    flow: NDArray[np.float64],
    kind: NDArray[np.uint8],
    start: int,
    n_tracks: int,
    n: int,
    layer_of: NDArray[np.int64],
    tower_of: NDArray[np.int64],
    factor: NDArray[np.float64],
) -> int:
    """Scale the poor tracks of an event, objects ``start`` to ``n``; drop those of which nothing is left."""
    kept = start
    for k in range(start, n):
        if k - start < n_tracks and tower_of[k - start] >= 0:
            scale = factor[layer_of[k - start], tower_of[k - start]]
            if scale <= 0.0:
                continue
            flow[kept] = flow[k] * scale
        elif kept != k:
            flow[kept] = flow[k]
        kind[kept] = kind[k]
        kept += 1
    return kept
