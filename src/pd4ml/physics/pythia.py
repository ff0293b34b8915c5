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
    "TUNES",
    "EventRecord",
    "Particles",
    "final_state",
    "make_pythia",
    "next_batch",
    "overlay",
    "stable_particles",
]

BATCH = 256  # events of a batch; their full records take about 40 MB

# Tune:pp of Pythia 8.3 (manual, "Tunes"), without the four whose parton densities only LHAPDF brings.
TUNES = tuple(n for n in range(1, 34) if n not in (11, 16, 17, 22))

# Pythia takes seeds from 1 to 900,000,000; 0 would mean the time of day (manual, "Random-Number Seed").
_N_SEEDS = 900_000_000
_MM_PER_M = 1000.0


@dataclass(frozen=True)
class EventRecord:
    """The full event records of B events with M entries in all.

    ``offsets`` (B + 1,) says where an event begins and ends; ``pdg_id``, ``status``, ``daughter1`` and
    ``daughter2`` are (M,) int32, daughters counted within the event as in Pythia's manual ("Particle
    Properties"); ``energy``, ``px``, ``py``, ``pz`` are (M,) float64 in GeV, ``x``, ``y``, ``z`` the place of
    production in mm.
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
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]


@dataclass(frozen=True)
class Particles:
    """Stable particles of B events.

    ``offsets`` (B + 1,), ``pdg_id`` (M,), ``p4`` (M, 4) in GeV, ``vertex`` (M, 3) where they are produced, in m.
    """

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    p4: NDArray[np.float64]
    vertex: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64], offsets: NDArray[np.int64]) -> Particles:
        """The particles at ``rows``, which are events that begin at ``offsets``."""
        return Particles(offsets, self.pdg_id[rows], self.p4[rows], self.vertex[rows])


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
    offsets = np.asarray(events.offsets.data, dtype=np.int64)
    return EventRecord(offsets, *columns, *momenta, *_vertices(particles["vProd"]))


def _vertices(vertex: Any) -> NDArray[np.float64]:
    """(3, M) places of production of entries, most of which have none: it is the origin then."""
    at = np.flatnonzero(vertex.index.data >= 0)
    places = np.zeros((3, len(vertex)))
    for place, name in zip(places, ("px", "py", "pz"), strict=True):  # Pythia has one class of four-vectors
        place[at] = vertex.content[name].data[vertex.index.data[at]]
    return places


def final_state(record: EventRecord, eta_max: float) -> Particles:
    """The stable particles of ``record`` within the pseudorapidity ``eta_max``, without neutrinos."""
    rows, offsets = _final_state(
        record.offsets, record.pdg_id, record.status, record.px, record.py, record.pz, eta_max
    )
    p4, place = (record.energy, record.px, record.py, record.pz), (record.x, record.y, record.z)
    return Particles(
        offsets,
        record.pdg_id[rows],
        np.stack([component[rows] for component in p4], axis=1),
        np.stack([component[rows] for component in place], axis=1) / _MM_PER_M,
    )


def stable_particles(pythia: Any, n_events: int, eta_max: float) -> Particles:
    """Generate ``n_events`` events and keep their ``final_state`` only, batch by batch."""
    parts = [Particles(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty((0, 4)), np.empty((0, 3)))]
    n_done = 0
    while n_done < n_events:
        parts.append(final_state(next_batch(pythia, min(BATCH, n_events - n_done)), eta_max))
        n_done += len(parts[-1].offsets) - 1
    starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [start + part.offsets[1:] for start, part in zip(starts[:-1], parts, strict=True)]
    columns = [[getattr(part, name) for part in parts] for name in ("pdg_id", "p4", "vertex")]
    return Particles(np.concatenate([[0], *offsets]), *map(np.concatenate, columns))


def overlay(first: Particles, second: Particles, per_event: NDArray[np.int64]) -> Particles:
    """Add to event i of ``first`` the next ``per_event[i]`` events of ``second``."""
    second_offsets = second.offsets[np.concatenate([[0], np.cumsum(per_event)])]
    # Rows of both, one after the other, sorted by event; of an event those of the first come first.
    event = np.concatenate(
        [np.repeat(np.arange(len(at) - 1), np.diff(at)) for at in (first.offsets, second_offsets)]
    )
    rows = np.argsort(event, kind="stable")
    used = second_offsets[-1]
    return Particles(
        first.offsets + second_offsets,
        np.concatenate([first.pdg_id, second.pdg_id[:used]])[rows],
        np.concatenate([first.p4, second.p4[:used]])[rows],
        np.concatenate([first.vertex, second.vertex[:used]])[rows],
    )


@njit(cache=True)
def _final_state(
    offsets: NDArray[np.int64],
    pdg_id: NDArray[np.int32],
    status: NDArray[np.int32],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    eta_max: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the particles that are kept, and the offsets of the events among them."""
    rows = np.empty(int(np.count_nonzero(status > 0)), dtype=np.int64)
    new_offsets = np.zeros_like(offsets)
    n = 0
    for event in range(offsets.size - 1):
        for i in range(offsets[event], offsets[event + 1]):
            if status[i] <= 0 or abs(pdg_id[i]) in (12, 14, 16):
                continue
            if abs(pseudorapidity(np.hypot(px[i], py[i]), pz[i])) >= eta_max:
                continue
            rows[n] = i
            n += 1
        new_offsets[event + 1] = n
    return rows[:n].copy(), new_offsets
