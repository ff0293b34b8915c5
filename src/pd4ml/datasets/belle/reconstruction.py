"""Reconstruction of hadronic B0 as in Belle II's full event interpretation (arXiv:1807.08680).

Candidates are put together from tracks and photons to B0 (``channels.py``, ``combination.py``). Each has a signal
probability: the logarithm of its odds is a sum over what was measured of it. Left out are fits of vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.channels import FEATURES, Tables, tables
from pd4ml.datasets.belle.combination import MASKS, Inputs, Room, combine
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import boost
from pd4ml.datasets.belle.detector import MASSES, Seen

__all__ = ["Candidates", "candidates_of", "lab_velocity", "reconstruct", "with_energy"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """B0 candidates of B events.

    ``number`` (B,) of them. Of the most probable one: ``mode`` (B,), its place among the channels of a B0 (-1: no
    candidate); ``probability``, ``m_bc`` and ``delta_e`` (B,), in GeV; ``tracks`` and ``photons`` (B,), bit i of
    which says whether the event's i-th object is used.
    """

    number: Ints
    mode: Ints
    probability: Floats
    m_bc: Floats
    delta_e: Floats
    tracks: NDArray[np.uint64]
    photons: NDArray[np.uint64]


def reconstruct(seen: Seen, config: Config) -> Candidates:
    """Find the B0 candidates of every event."""
    numbers, values, masks, _, _ = _run(seen, config, tables(), -1, 0)
    return Candidates(*numbers.T, *values.T, *masks.T)


def candidates_of(
    seen: Seen, config: Config, weights: Tables, wanted: int, most: int
) -> tuple[Ints, Floats, NDArray[np.uint64], Floats]:
    """The candidates of the list at place ``wanted``, at most ``most``, whatever their probability.

    Gives (n, 3) event, channel and sign, the features (n, 7), the objects used (n, 2) and p4 (n, 4).
    """
    *_, room, n = _run(seen, config, weights, wanted, most)
    return room[0][:n], room[1][:n], room[2][:n], room[3][:n]


def _run(
    seen: Seen, config: Config, weights: Tables, wanted: int, most: int
) -> tuple[Ints, Floats, NDArray[np.uint64], Room, int]:
    n = len(seen.tracks.offsets) - 1
    cuts = np.array([config.m_bc_min, config.delta_e_max, config.min_probability])
    numbers, values, masks = np.zeros((n, 2), np.int64), np.zeros((n, 3)), np.zeros((n, MASKS), np.uint64)
    room = (
        np.zeros((most, 3), np.int64),
        np.zeros((most, len(FEATURES))),
        np.zeros((most, MASKS), np.uint64),
        np.zeros((most, 4)),
    )
    t = weights
    table = (t.mother, t.daughters, t.signs, t.weights, t.windows, t.kinds, t.photon)
    filled = combine(_inputs(seen, config), table, cuts, numbers, values, masks, wanted, room)
    return numbers, values, masks, room, filled


def _inputs(seen: Seen, config: Config) -> Inputs:
    """Tracks under each hypothesis and photons, in the centre of mass; the beam energy there."""
    velocity = lab_velocity(config)
    p4 = np.stack([boost(with_energy(seen.tracks.p3, mass), velocity) for mass in MASSES[:-1]], 1)
    photons = boost(with_energy(seen.photons.p3, 0.0), velocity)
    tracks = (seen.tracks.offsets, p4, seen.tracks.charge, seen.tracks.probability, seen.tracks.impact)
    return *tracks, seen.photons.offsets, photons, config.cm_energy / 2


def with_energy(p3: Floats, mass: float) -> Floats:
    """Four-momenta (M, 4) of particles with the momenta ``p3`` (M, 3)."""
    return np.column_stack([np.sqrt((p3**2).sum(axis=1) + mass**2), p3])


def lab_velocity(config: Config) -> Floats:
    """The laboratory's velocity as seen from the centre of mass."""
    beams = np.array(config.beams).sum(axis=0)
    velocity: Floats = -beams[1:] / beams[0]
    return velocity
