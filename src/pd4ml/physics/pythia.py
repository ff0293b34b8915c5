"""Pythia 8 runs in batches, as flat NumPy arrays.

Pythia (arXiv:2203.11601) is GPL software of its own; it is loaded when a run is made, not with this module.
``nextBatch`` hands out awkward arrays; what is needed of their memory is viewed, not copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError, missing_extra
from pd4ml.physics.kinematics import pseudorapidity

__all__ = [
    "BATCH",
    "EventRecord",
    "Particles",
    "final_state",
    "make_pythia",
    "next_batch",
    "overlay",
    "stable_particles",
]

BATCH = 256  # events of a batch; their full records take about 40 MB

# Pythia takes seeds from 1 to 900,000,000; 0 would mean the time of day (manual, "Random-Number Seed").
_N_SEEDS = 900_000_000


@dataclass(frozen=True)
class EventRecord:
    """The full event records of B events with M entries in all.

    ``offsets`` (B + 1,) says where an event begins and ends; ``pdg_id``, ``status``, ``daughter1`` and
    ``daughter2`` are (M,) int32, daughters counted within the event as in Pythia's manual ("Particle
    Properties"); ``energy``, ``px``, ``py``, ``pz`` are (M,) float64 in GeV.
    """

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    status: NDArray[np.int32]
    daughter1: NDArray[np.int32]
    daughter2: NDArray[np.int32]
    energy: NDArray[np.float64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]


@dataclass(frozen=True)
class Particles:
    """Stable particles of B events: ``offsets`` (B + 1,), ``pdg_id`` (M,), ``p4`` (M, 4) in GeV."""

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    p4: NDArray[np.float64]


def make_pythia(settings: Iterable[str], seed: int) -> Any:
    """Start a silent Pythia with ``settings`` (lines as in its manual) and a seed made from ``seed`` >= 0."""
    try:
        import pythia8mc
    except ImportError as error:
        raise missing_extra("generating events with Pythia", "generate", error) from error
    pythia = pythia8mc.Pythia("", False)
    lines = ["Print:quiet = on", "Random:setSeed = on", f"Random:seed = {1 + seed % (_N_SEEDS - 1)}"]
    for line in [*lines, *settings]:
        if not pythia.readString(line):
            msg = f"Pythia refuses the setting {line!r}"
            raise DataError(msg)
    if not pythia.init():
        msg = "Pythia cannot start with these settings: " + "; ".join(settings)
        raise DataError(msg)
    return pythia


def next_batch(pythia: Any, n_events: int) -> EventRecord:
    """Generate ``n_events`` events; those that Pythia gives up are left out, so that fewer may come.

    Raises DataError if none comes.
    """
    import awkward as ak

    events = ak.to_layout(pythia.nextBatch(n_events, errorMode="skip")["prt"])
    if len(events) == 0:
        msg = f"Pythia gave up all of {n_events} events: choose another configuration"
        raise DataError(msg)
    particles = events.content
    columns = [particles[name].data for name in ("id", "status", "daughter1", "daughter2")]
    momenta = [particles["p"][name].data for name in ("e", "px", "py", "pz")]
    return EventRecord(np.asarray(events.offsets.data, dtype=np.int64), *columns, *momenta)


def final_state(record: EventRecord, eta_max: float) -> Particles:
    """The stable particles of ``record`` within the pseudorapidity ``eta_max``, without neutrinos."""
    arrays = (record.pdg_id, record.status, record.energy, record.px, record.py, record.pz)
    return Particles(*_final_state(record.offsets, *arrays, eta_max))


def stable_particles(pythia: Any, n_events: int, eta_max: float) -> Particles:
    """Generate ``n_events`` events and keep their ``final_state`` only, batch by batch."""
    offsets, pdg_id, p4 = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)], [np.empty((0, 4))]
    n_done = 0
    while n_done < n_events:
        part = final_state(next_batch(pythia, min(BATCH, n_events - n_done)), eta_max)
        offsets.append(offsets[-1][-1] + part.offsets[1:])
        pdg_id.append(part.pdg_id)
        p4.append(part.p4)
        n_done += len(part.offsets) - 1
    return Particles(np.concatenate(offsets), np.concatenate(pdg_id), np.concatenate(p4))


def overlay(first: Particles, second: Particles, per_event: NDArray[np.int64]) -> Particles:
    """Add to event i of ``first`` the next ``per_event[i]`` events of ``second``."""
    second_offsets = second.offsets[np.concatenate([[0], np.cumsum(per_event)])]
    offsets = first.offsets + second_offsets
    pdg_id = np.empty(offsets[-1], dtype=np.int32)
    p4 = np.empty((offsets[-1], 4))
    for i, start in enumerate(offsets[:-1]):
        for source, at in ((first, first.offsets), (second, second_offsets)):
            stop = start + at[i + 1] - at[i]
            pdg_id[start:stop] = source.pdg_id[at[i] : at[i + 1]]
            p4[start:stop] = source.p4[at[i] : at[i + 1]]
            start = stop
    return Particles(offsets, pdg_id, p4)


@njit(cache=True)
def _final_state(
    offsets: NDArray[np.int64],
    pdg_id: NDArray[np.int32],
    status: NDArray[np.int32],
    energy: NDArray[np.float64],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    eta_max: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    n_final = int(np.count_nonzero(status > 0))
    new_offsets = np.zeros_like(offsets)
    new_id = np.empty(n_final, dtype=np.int32)
    p4 = np.empty((n_final, 4))
    n = 0
    for event in range(offsets.size - 1):
        for i in range(offsets[event], offsets[event + 1]):
            if status[i] <= 0 or abs(pdg_id[i]) in (12, 14, 16):
                continue
            if abs(pseudorapidity(np.hypot(px[i], py[i]), pz[i])) >= eta_max:
                continue
            new_id[n] = pdg_id[i]
            p4[n] = energy[i], px[i], py[i], pz[i]
            n += 1
        new_offsets[event + 1] = n
    return new_offsets, new_id[:n].copy(), p4[:n].copy()
