"""Particles through liquid argon: what energy is left where, by our own loops.

``_follow`` has the loops of ``tracks.py`` and ``showers.py`` compiled into it, and numba's cache looks at this
file only: who changes them must change this one, or delete ``__pycache__``, else the old ones go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.lar_tpc.argon import tables
from pd4ml.datasets.lar_tpc.queue import SHOWER, TRACK, push
from pd4ml.datasets.lar_tpc.showers import follow_electron, follow_photon
from pd4ml.datasets.lar_tpc.tracks import follow_heavy, follow_neutron
from pd4ml.errors import DataError
from pd4ml.physics.geant4 import Primaries

__all__ = ["Deposits", "transport"]

Floats = NDArray[np.float64]
_MOST_WAITING, _MOST_LEFT = 20_000, 200_000


@dataclass(frozen=True)
class Deposits:
    """Energy that was left: ``position`` (M, 3) in cm, ``energy`` in MeV, ``dedx`` in MeV/cm, ``label`` (M,)."""

    position: Floats
    energy: Floats
    dedx: Floats
    label: NDArray[np.int64]


def transport(primaries: Primaries, event: int, rng: np.random.Generator, reach: float = 1000.0) -> Deposits:
    """Follow the particles of one event, and all that they make.

    Parameters
    ----------
    primaries : Primaries
        The particles of some events.
    event : int
        Which of these events.
    rng : np.random.Generator
        Where chance comes from.
    reach : float
        Particles further from the origin than this, in cm, are forgotten.

    Returns
    -------
    Deposits
        In the order in which they were left.

    Raises
    ------
    DataError
        For more particles or deposits than there is room for.
    """
    waiting, left, n = np.empty((_MOST_WAITING, 9)), _room(), np.zeros(3, np.int64)
    for i in range(primaries.offsets[event], primaries.offsets[event + 1]):
        pdg = float(primaries.pdg_id[i])
        label = SHOWER if abs(pdg) in (11, 22) else TRACK
        push(waiting, n, pdg, primaries.position[i] / 10, primaries.direction[i], primaries.energy[i], label)
    _follow(reach, rng, *tables(), waiting, left, n)
    if n[2]:
        raise DataError(f"an event left more than {_MOST_LEFT:,} deposits: lower the energy (flux_peak)")
    found = left[: n[1]].copy()
    return Deposits(found[:, :3], found[:, 3], found[:, 4], found[:, 5].astype(np.int64))


_ROOM: list[Floats] = []


def _room() -> Floats:
    """Memory for deposits, used again by each event of this process."""
    if not _ROOM:
        _ROOM.append(np.empty((_MOST_LEFT, 6)))
    return _ROOM[0]


@njit(cache=True)
def _follow(
    reach: float, rng: np.random.Generator, rates: Floats, photons: Floats,
    waiting: Floats, left: Floats, n: NDArray[np.int64],
) -> None:  # fmt: skip
    """Follow the last that waits, until none does."""
    while n[0] > 0:
        n[0] -= 1
        row = waiting[n[0]].copy()
        pdg, at, u, kinetic, label = row[0], row[1:4], row[4:7], row[7], row[8]
        if abs(pdg) == 11:
            follow_electron(pdg, at, u, kinetic, label, reach, rng, rates, photons, waiting, left, n)
        elif pdg == 22:
            follow_photon(at, u, kinetic, label, reach, rng, rates, waiting, left, n)
        elif pdg == 2112:
            follow_neutron(at, u, kinetic, reach, rng, waiting, n)
        else:
            follow_heavy(pdg, at, u, kinetic, reach, rng, waiting, left, n)
