"""Reconstruction of one hadronic B0 from what the detector has seen: B0 -> D- or D*- and one to three pions.

Every combination of objects is tried, event by event in compiled code, much as in a full event interpretation
(arXiv:1807.08680) but without its multivariate steps: windows of mass decide. Charge conjugation is implied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import boost
from pd4ml.datasets.belle.detector import KAON, PION, Seen

__all__ = ["B_MODES", "D_MODES", "Candidates", "passes", "reconstruct", "visible_energy"]

D_MODES = (
    *("D0 -> K- pi+", "D0 -> K- pi+ pi0", "D0 -> K- pi+ pi+ pi-", "D0 -> K- pi+ pi+ pi- pi0"),
    *("D0 -> K0S pi+ pi-", "D0 -> K0S pi+ pi- pi0"),
    *("D+ -> K- pi+ pi+", "D+ -> K- pi+ pi+ pi0"),
    *("D+ -> K0S pi+", "D+ -> K0S pi+ pi0", "D+ -> K0S pi+ pi+ pi-", "D+ -> K0S pi+ pi+ pi- pi0"),
)
_FIRST_CHARGED = 6  # the modes before are those of the D0
B_MODES = (
    *("B0 -> D- pi+", "B0 -> D- pi+ pi0", "B0 -> D- pi+ pi+ pi-"),
    *("B0 -> D*- pi+", "B0 -> D*- pi+ pi0", "B0 -> D*- pi+ pi+ pi-"),
    *("B0 -> anti-D0 pi+ pi-", "B0 -> anti-D0 pi+ pi- pi0"),
)

# Systems of pions that modes are made of, by the number and charges of the charged ones; plus 1 with a pi0. Each
# tuple says, by category, the place in D_MODES or B_MODES of the mode it makes, or -1.
_PI, _LIKE, _UNLIKE, _THREE = 0, 2, 4, 6
_WITH_KAON = (0, 1, 6, 7, -1, -1, 2, 3)
_WITH_K_SHORT = (8, 9, -1, -1, 4, 5, 10, 11)
_WITH_D, _WITH_D_STAR = (0, 1, -1, -1, -1, -1, 2, -1), (3, 4, -1, -1, -1, -1, 5, -1)
_WITH_D0 = (-1, -1, -1, -1, 6, 7, -1, -1)
_STAR = 100  # added to the mode of a D to make that of a D*
_MASS_PI0, _MASS_D0, _MASS_D = 0.134977, 1.86484, 1.86966  # GeV (PDG)
_DELTA_D0, _DELTA_D = 0.145426, 0.140603  # GeV: m(D*+) - m(D0) and m(D*+) - m(D+) (PDG)
_MAX_SYSTEMS, _MAX_D = 8192, 1024  # of an event; what comes beyond is left out, which is rare

# Combinations: p4 (n, 4); objects used (n, 3), tracks, photons and K0S as bits; category and charge (n, 2); how
# badly a D fits its mass (n,).
Found = tuple[NDArray[np.float64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Candidates:
    """B0 candidates of B events.

    ``number`` (B,) of them. Of the one whose D fits best, a D* before any D: ``mode`` (B,), 8 times the place in
    ``D_MODES`` plus the place in ``B_MODES`` (-1: no candidate); ``m_bc`` and ``delta_e`` (B,) in GeV; ``tracks``,
    ``photons`` and ``k_shorts`` (B,), bit i of which says whether the event's i-th object is used.
    """

    number: NDArray[np.int64]
    mode: NDArray[np.int64]
    m_bc: NDArray[np.float64]
    delta_e: NDArray[np.float64]
    tracks: NDArray[np.uint64]
    photons: NDArray[np.uint64]
    k_shorts: NDArray[np.uint64]


def passes(seen: Seen, candidates: Candidates, config: Config) -> NDArray[np.bool_]:
    """(B,) whether an event is selected: a candidate, enough tracks and photons, enough visible energy."""
    n_tracks, n_photons = np.diff(seen.tracks.offsets), np.diff(seen.photons.offsets)
    enough = (n_tracks >= config.min_tracks) & (n_photons >= config.min_photons)
    return enough & (visible_energy(seen, config) > config.min_visible_energy) & (candidates.number > 0)


def visible_energy(seen: Seen, config: Config) -> NDArray[np.float64]:
    """(B,) energy of all that is seen, in the centre of mass, GeV."""
    velocity = _velocity(config)
    visible = np.zeros(len(seen.tracks.offsets) - 1)
    for objects in (seen.tracks, seen.photons, seen.k_shorts):
        event = np.repeat(np.arange(len(visible)), np.diff(objects.offsets))
        visible += np.bincount(event, boost(objects.p4, velocity)[:, 0], len(visible))
    return visible


def reconstruct(seen: Seen, config: Config) -> Candidates:
    """Find the B0 candidates of every event."""
    velocity, n = _velocity(config), len(seen.tracks.offsets) - 1
    flat = [(o.offsets, boost(o.p4, velocity)) for o in (seen.tracks, seen.photons, seen.k_shorts)]
    windows = np.array([config.pi0_window, config.d_window, config.d_star_window])
    cuts = np.array([config.cm_energy / 2, config.m_bc_min, config.delta_e_max])
    numbers, values, masks = np.zeros((n, 2), np.int64), np.zeros((n, 2)), np.zeros((n, 3), np.uint64)
    charge_and_kind = seen.tracks.charge, seen.tracks.kind
    _reconstruct(*flat[0], *charge_and_kind, *flat[1], *flat[2], windows, cuts, numbers, values, masks)
    return Candidates(*numbers.T, *values.T, *masks.T)


def _velocity(config: Config) -> NDArray[np.float64]:
    """The laboratory's velocity as seen from the centre of mass."""
    beams = np.array(config.beams).sum(axis=0)
    velocity: NDArray[np.float64] = -beams[1:] / beams[0]
    return velocity


@njit(cache=True)
def _mass(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Invariant mass of two four-momenta's sum."""
    e, x, y, z = a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]
    return math.sqrt(max(e * e - x * x - y * y - z * z, 0.0))


@njit(cache=True)
def _overlap(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> bool:
    return bool((a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]))


@njit(cache=True)
def _empty(n: int) -> Found:
    """Room for ``n`` combinations."""
    return np.zeros((n, 4)), np.zeros((n, 3), np.uint64), np.zeros((n, 2), np.int64), np.zeros(n)


@njit(cache=True)
def _join(
    a: Found, i: int, b: Found, j: int, category: int, charge: int, misfit: float, out: Found, n: int
) -> int:
    """Note a_i and b_j together as number ``n`` of ``out``; return how many there are then."""
    if n == len(out[0]):
        return n
    for k in range(4):  # without the temporary arrays of a + b
        out[0][n, k] = a[0][i, k] + b[0][j, k]
    for k in range(3):
        out[1][n, k] = a[1][i, k] | b[1][j, k]
    out[2][n, 0], out[2][n, 1], out[3][n] = category, charge, misfit
    return n + 1


@njit(cache=True)
def _single(p4: NDArray[np.float64], charge: NDArray[np.int64], what: int) -> Found:
    """The objects themselves as combinations of one; ``what`` is 0 for tracks, 1 for photons, 2 for K0S."""
    singles = _empty(len(p4))
    for i in range(len(p4)):
        singles[0][i], singles[1][i, what] = p4[i], np.uint64(1) << np.uint64(i)
        singles[2][i, 1] = charge[i]
    return singles


@njit(cache=True)
def _pi0s(photons: Found, window: float, out: Found) -> int:
    """Pairs of photons with the mass of a pi0, which is then imposed."""
    n = 0
    for i in range(len(photons[0])):
        for j in range(i):
            mass = _mass(photons[0][i], photons[0][j])
            if abs(mass - _MASS_PI0) < window and n < len(out[0]):
                n = _join(photons, i, photons, j, 0, 0, 0.0, out, n)
                out[0][n - 1] *= _MASS_PI0 / mass
    return n


@njit(cache=True)
def _systems(tracks: Found, pions: NDArray[np.int64], nothing: Found, pi0s: Found, n_pi0: int, out: Found) -> int:
    """All systems of one to three charged pions, by category, without and with a pi0."""
    n, charge = 0, tracks[2][:, 1]
    for a, i in enumerate(pions):
        n = _join(tracks, i, nothing, 0, _PI, charge[i], 0.0, out, n)
        for b, j in enumerate(pions[:a]):
            total = charge[i] + charge[j]
            n = _join(tracks, i, tracks, j, _LIKE if total else _UNLIKE, total, 0.0, out, n)
            pair = n - 1
            for k in pions[:b]:
                if abs(total + charge[k]) == 1:
                    n = _join(out, pair, tracks, k, _THREE, total + charge[k], 0.0, out, n)
    for s in range(n):
        for g in range(n_pi0):
            n = _join(out, s, pi0s, g, out[2][s, 0] + 1, out[2][s, 1], 0.0, out, n)
    return n


@njit(cache=True)
def _d_mesons(
    kaons: Found,
    i: int,
    modes: tuple[int, ...],
    systems: Found,
    n_systems: int,
    window: float,
    out: Found,
    n: int,
) -> int:
    """D mesons of a kaon (without charge: a K0S) and a system of pions; ``modes`` is by category."""
    charge = kaons[2][i, 1]
    for s in range(n_systems):
        mode, total = modes[systems[2][s, 0]], charge + systems[2][s, 1]
        if mode < 0 or charge * systems[2][s, 1] > 0 or _overlap(kaons[1][i], systems[1][s]):
            continue
        nominal = _MASS_D0 if mode < _FIRST_CHARGED else _MASS_D
        width = window * (1 + systems[2][s, 0] % 2)  # doubled with a pi0
        misfit = abs(_mass(kaons[0][i], systems[0][s]) - nominal) / width
        if misfit < 1:
            # The strangeness of a D0's kaon says which charge the pion of a D* must have.
            n = _join(kaons, i, systems, s, mode, total if total else -2 * charge, misfit, out, n)
    return n


@njit(cache=True)
def _d_stars(ds: Found, n: int, systems: Found, n_systems: int, pi0s: Found, n_pi0: int, window: float) -> int:
    """Append to the ``n`` D mesons the D*+ -> D0 pi+ and D+ pi0; ``_STAR`` tells them from those."""
    for d in range(n):
        charge, mass = ds[2][d, 1], np.sqrt(ds[0][d, 0] ** 2 - np.sum(ds[0][d, 1:] ** 2))
        neutral = ds[2][d, 0] < _FIRST_CHARGED
        others, n_others = (systems, n_systems) if neutral else (pi0s, n_pi0)
        nominal = _DELTA_D0 if neutral else _DELTA_D
        for o in range(n_others):
            total = others[2][o, 1]
            if (neutral and (others[2][o, 0] != _PI or charge * total < 0)) or _overlap(ds[1][d], others[1][o]):
                continue
            delta = _mass(ds[0][d], others[0][o]) - mass
            misfit = max(ds[3][d], abs(delta - nominal) / window)
            if misfit < 1:
                n = _join(ds, d, others, o, ds[2][d, 0] + _STAR, total if neutral else charge, misfit, ds, n)
    return n


@njit(cache=True)
def _b_mesons(
    ds: Found,
    n_d: int,
    systems: Found,
    n_systems: int,
    cuts: NDArray[np.float64],
    numbers: NDArray[np.int64],
    values: NDArray[np.float64],
    masks: NDArray[np.uint64],
) -> None:
    """Fill the row of an event: how many B0, and the one whose D fits best, a D* before any D."""
    best = np.inf
    for d in range(n_d):
        mode, star = ds[2][d, 0] % _STAR, ds[2][d, 0] >= _STAR
        neutral = mode < _FIRST_CHARGED and not star
        kinds = _WITH_D0 if neutral else _WITH_D_STAR if star else _WITH_D
        charge = 0 if neutral else ds[2][d, 1]
        for s in range(n_systems):
            kind = kinds[systems[2][s, 0]]
            if kind < 0 or systems[2][s, 1] != -charge or _overlap(ds[1][d], systems[1][s]):
                continue
            delta_e = ds[0][d, 0] + systems[0][s, 0] - cuts[0]
            m_bc2 = cuts[0] ** 2
            for k in range(1, 4):
                m_bc2 -= (ds[0][d, k] + systems[0][s, k]) ** 2
            if abs(delta_e) > cuts[2] or m_bc2 < cuts[1] ** 2:
                continue
            numbers[0] += 1
            if ds[3][d] - star < best:
                best = ds[3][d] - star
                numbers[1] = len(B_MODES) * mode + kind
                values[0], values[1] = np.sqrt(m_bc2), delta_e
                masks[:] = ds[1][d] | systems[1][s]


@njit(cache=True)
def _reconstruct(
    track_offsets: NDArray[np.int64],
    tracks: NDArray[np.float64],
    charge: NDArray[np.int64],
    kind: NDArray[np.int64],
    photon_offsets: NDArray[np.int64],
    photons: NDArray[np.float64],
    k_short_offsets: NDArray[np.int64],
    k_shorts: NDArray[np.float64],
    windows: NDArray[np.float64],
    cuts: NDArray[np.float64],
    numbers: NDArray[np.int64],
    values: NDArray[np.float64],
    masks: NDArray[np.uint64],
) -> None:
    pi0s, systems, ds, nothing = _empty(_MAX_D), _empty(_MAX_SYSTEMS), _empty(_MAX_D), _empty(1)
    for event in range(len(numbers)):
        # A mask has 64 bits; no event has that many objects.
        here = slice(track_offsets[event], min(track_offsets[event + 1], track_offsets[event] + 64))
        all_tracks, what = _single(tracks[here], charge[here], 0), kind[here]
        p4 = photons[photon_offsets[event] : min(photon_offsets[event + 1], photon_offsets[event] + 64)]
        n_pi0 = _pi0s(_single(p4, np.zeros(len(p4), np.int64), 1), windows[0], pi0s)
        n_systems = _systems(all_tracks, np.flatnonzero(what == PION), nothing, pi0s, n_pi0, systems)
        n = 0
        for k in np.flatnonzero(what == KAON):
            n = _d_mesons(all_tracks, int(k), _WITH_KAON, systems, n_systems, windows[1], ds, n)
        p4 = k_shorts[k_short_offsets[event] : k_short_offsets[event + 1]]
        neutral = _single(p4, np.zeros(len(p4), np.int64), 2)
        for i in range(len(p4)):
            n = _d_mesons(neutral, i, _WITH_K_SHORT, systems, n_systems, windows[1], ds, n)
        n = _d_stars(ds, n, systems, n_systems, pi0s, n_pi0, windows[2])
        numbers[event, 1] = -1
        _b_mesons(ds, n, systems, n_systems, cuts, numbers[event], values[event], masks[event])
