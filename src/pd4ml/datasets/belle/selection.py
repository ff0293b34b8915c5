"""What is measured of an event as a whole, and which events are selected.

The cuts are those of the skim ``feiHadronicB0`` of 2019 (in basf2, package skim): at least 4 tracks,
3 of them from near the beams, 2 clusters above 0.2 GeV, 4 GeV of visible energy, R2 below 0.4, and a B0 candidate
with M_bc above 5.24 GeV, |Delta E| below 0.2 GeV and a signal probability above 0.001. Left out: hits of a track
(more than 20), the energy in the calorimeter (below 9 GeV), which B pairs hardly reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import boost
from pd4ml.datasets.belle.detector import MASSES, Seen
from pd4ml.datasets.belle.reconstruction import Candidates, lab_velocity, with_energy

__all__ = ["Event", "event_quantities", "passes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Event:
    """What is measured of B events as a whole, (B,) each.

    ``good_tracks`` come from near the beams, ``clusters`` are photons of more than 0.2 GeV; ``visible_energy`` is
    in GeV and in the centre of mass, ``r2`` the second Fox-Wolfram moment over the zeroth.
    """

    tracks: Ints
    good_tracks: Ints
    photons: Ints
    clusters: Ints
    visible_energy: Floats
    r2: Floats


def passes(event: Event, candidates: Candidates, config: Config) -> NDArray[np.bool_]:
    """(B,) whether an event is selected: by what is measured of it as a whole, and by a candidate."""
    enough = (event.tracks >= config.min_tracks) & (event.good_tracks >= config.min_good_tracks)
    enough &= (event.clusters >= config.min_clusters) & (event.visible_energy > config.min_visible_energy)
    return enough & (event.r2 < config.max_r2) & (candidates.number > 0)


def event_quantities(seen: Seen, config: Config) -> Event:
    """Count tracks and photons, add up their energies, find the event's shape."""
    velocity, n = lab_velocity(config), len(seen.tracks.offsets) - 1
    tracks = boost(with_energy(seen.tracks.p3, MASSES[2]), velocity)  # all as pions
    photons = boost(with_energy(seen.photons.p3, 0.0), velocity)
    of_track, of_photon = (np.repeat(np.arange(n), np.diff(o.offsets)) for o in (seen.tracks, seen.photons))
    good = (np.abs(seen.tracks.impact) < [0.5, 2.0]).all(axis=1)
    visible = sum(np.bincount(i, p4[:, 0], n) for i, p4 in ((of_track, tracks), (of_photon, photons)))
    r2 = np.zeros(n)
    _shapes(seen.tracks.offsets, tracks, seen.photons.offsets, photons, r2)
    return Event(
        np.diff(seen.tracks.offsets),
        np.bincount(of_track, good, n).astype(np.int64),
        np.diff(seen.photons.offsets),
        np.bincount(of_photon, np.linalg.norm(seen.photons.p3, axis=1) > 0.2, n).astype(np.int64),
        np.asarray(visible, np.float64),
        r2,
    )


@njit(cache=True)
def _shapes(track_offsets: Ints, tracks: Floats, photon_offsets: Ints, photons: Floats, r2: Floats) -> None:
    """Fox-Wolfram R_2 (Phys. Rev. Lett. 41 (1978) 1581) of each event."""
    for event in range(len(r2)):
        here = tracks[track_offsets[event] : track_offsets[event + 1]]
        p4 = np.concatenate((here, photons[photon_offsets[event] : photon_offsets[event + 1]]))
        zeroth = second = 0.0
        for i in range(len(p4)):
            a = math.sqrt(p4[i, 1] ** 2 + p4[i, 2] ** 2 + p4[i, 3] ** 2)
            for j in range(i + 1):
                b = math.sqrt(p4[j, 1] ** 2 + p4[j, 2] ** 2 + p4[j, 3] ** 2)
                dot = p4[i, 1] * p4[j, 1] + p4[i, 2] * p4[j, 2] + p4[i, 3] * p4[j, 3]
                weight = 1.0 if i == j else 2.0
                zeroth += weight * a * b
                second += weight * (1.5 * dot * dot / (a * b) - 0.5 * a * b)
        r2[event] = second / zeroth if zeroth > 0 else 1.0
