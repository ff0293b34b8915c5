"""Geant4 in place of our own transport: the same particles, its deposits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.lar_tpc.argon import DENSITY
from pd4ml.datasets.lar_tpc.queue import DELTA, LOW_ENERGY, MICHEL, SHOWER, TRACK
from pd4ml.datasets.lar_tpc.transport import Deposits
from pd4ml.physics.geant4 import Block, Material, Primaries, Steps, shared_engine
from pd4ml.physics.geant4.geometry import PROCESSES

__all__ = ["ARGON", "deposits", "labels"]

ARGON = Block(Material("liquid argon", DENSITY, (("Ar", 1.0),), 188.0), (3200.0, 3200.0, 3200.0), 3.0)
# As in our own transport: softer electrons are part of the track they come from.
_DELTA_TRACK = 2.0
_BATCH = 50


def deposits(primaries: Primaries, tables: str, seeds: NDArray[np.int64]) -> Iterator[Deposits]:
    """What each event leaves, in the order of the events."""
    engine = shared_engine(ARGON, tables)
    for first in range(0, len(primaries), _BATCH):
        some = slice(first, min(first + _BATCH, len(primaries)))
        steps = engine.steps(_part(primaries, some), seeds[some])
        for low, high in zip(steps.offsets[:-1], steps.offsets[1:], strict=True):
            yield _deposits(steps, slice(int(low), int(high)))


def _part(primaries: Primaries, some: slice) -> Primaries:
    low, high = primaries.offsets[some.start], primaries.offsets[some.stop]
    rows = slice(int(low), int(high))
    offsets = primaries.offsets[some.start : some.stop + 1] - low
    names = ("pdg_id", "energy", "position", "direction")
    return Primaries(offsets, *(getattr(primaries, name)[rows] for name in names))


def _deposits(steps: Steps, rows: slice) -> Deposits:
    energy, length = steps.deposit[rows].astype(np.float64), steps.length[rows] / 10.0
    # Where energy is left at a point, as by slow neutrons' recoils, it is as dense as that of stopping protons.
    dedx = energy / np.maximum(length, np.maximum(energy / 100, 1e-6))
    return Deposits(steps.position[rows].astype(np.float64) / 10, energy, dedx, labels(steps, rows))


def labels(steps: Steps, rows: slice) -> NDArray[np.int64]:
    """What left the energy, from the particle and from what made it; of electrons that electrons knock on, theirs.

    Photons leave no steps, so that what a Michel electron's photons leave is called shower or low energy.
    """
    pdg, track, parent = (getattr(steps, name)[rows] for name in ("pdg_id", "track", "parent"))
    total = np.bincount(track, steps.deposit[rows], minlength=1)
    label = np.full(len(total), -1)
    tracks, first = np.unique(track, return_index=True)
    for t, i in zip(tracks, first, strict=True):  # mothers have lower numbers
        mother = label[parent[i]] if parent[i] < len(label) else -1
        process = PROCESSES[steps.process[rows][i]]
        if abs(pdg[i]) not in (11, 22):
            label[t] = TRACK
        elif process in ("Decay", "muMinusCaptureAtRest"):
            label[t] = MICHEL
        elif process in ("muIoni", "hIoni", "ionIoni"):
            label[t] = DELTA if total[t] > _DELTA_TRACK else TRACK
        elif process in ("compt", "phot") or (process == "conv" and total[t] < 5.0):
            label[t] = LOW_ENERGY
        else:
            label[t] = mother if process == "eIoni" and mother >= 0 else SHOWER
    return np.asarray(label[track], np.int64)
