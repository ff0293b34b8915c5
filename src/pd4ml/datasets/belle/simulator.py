"""Belle from first principles: Pythia 8's decays of the Upsilon(4S), a detector, a reconstructed hadronic B0.

The label says whether the event passes the selection after the detector; nothing else enters it. What is known to
differ from the published sample, and the evidence, is in this room's README.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays
from pd4ml.datasets.belle.detector import see
from pd4ml.datasets.belle.reconstruction import Candidates, reconstruct
from pd4ml.datasets.belle.selection import Event, event_quantities, passes
from pd4ml.datasets.belle.tokens import pdg_tokens
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator

__all__ = ["BATCH", "N_PARTICLES", "SIMULATOR", "Config", "measured", "record", "simulate"]

N_PARTICLES = 100
BATCH = 2000  # events that Pythia decays at once
_MEASURED: dict[str, type[np.generic]] = {
    "m_bc": np.float32,
    "delta_e": np.float32,
    "signal_probability": np.float32,
    "n_candidates": np.int32,
    "visible_energy": np.float32,
    "n_tracks": np.int32,
    "n_photons": np.int32,
}
_NO_CANDIDATE = -1.0
_FARTHEST = 10.0  # cm
_MAX_EVENTS_PER_PASS = 20_000  # beyond, the selection leaves nothing to speak of


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` events, half of which pass the selection, in random order.

    Gives ``particles`` (N, 100, 9) float32, ``mother_index`` (N, 100) int16, ``label`` (N,) uint8 and what was
    measured of each event, as on the card. The result depends on the first three arguments only. Of the events
    that fail, which are many more, those that come first are kept.
    """
    pythia_seed, own = (int(word) for word in seed.generate_state(2, np.uint64))
    rng = np.random.default_rng(own)
    generate = DecayGenerator(config, pythia_seed, rng)
    n_pass = (n_events + int(rng.integers(2))) // 2  # an odd one out belongs to either class
    wanted = np.array([n_events - n_pass, n_pass])
    particles = np.zeros((n_events, N_PARTICLES, 9), np.float32)
    mother_index = np.full((n_events, N_PARTICLES), -1, np.int16)
    label = np.repeat(np.array([0, 1], np.uint8), wanted)
    reconstructed = {name: np.zeros(n_events, dtype) for name, dtype in _MEASURED.items()}
    done, n_tried = np.zeros(2, np.int64), 0
    while (done < wanted).any():
        decays = generate(BATCH)
        seen = see(decays, config, rng)
        candidates = reconstruct(seen, config)
        event = event_quantities(seen, config)
        passed = passes(event, candidates, config)
        values = measured(event, candidates)
        for outcome in (0, 1):
            found = np.flatnonzero(passed == outcome)[: wanted[outcome] - done[outcome]]
            start = done[outcome] + outcome * wanted[0]
            place = slice(start, start + len(found))
            particles[place], mother_index[place] = record(decays, found)
            for name, array in reconstructed.items():
                array[place] = values[name][found]
            done[outcome] += len(found)
        n_tried += len(passed)
        if n_tried > _MAX_EVENTS_PER_PASS * (done.min() + 1):
            missing = "fail" if done[0] < done[1] else "pass"
            msg = (
                f"only {done.min()} of {n_tried} events {missing} the selection: choose other cuts or efficiencies"
            )
            raise DataError(msg)
    order = rng.permutation(n_events)
    arrays: dict[str, NDArray[Any]] = {"particles": particles, "mother_index": mother_index, "label": label}
    arrays |= reconstructed
    return {name: array[order] for name, array in arrays.items()}


def measured(event: Event, candidates: Candidates) -> dict[str, NDArray[np.generic]]:
    """What the reconstruction measures of B events, (B,) each; -1 for the candidate where there is none."""
    none = candidates.number == 0
    return {
        "m_bc": np.where(none, _NO_CANDIDATE, candidates.m_bc),
        "delta_e": np.where(none, _NO_CANDIDATE, candidates.delta_e),
        "signal_probability": np.where(none, _NO_CANDIDATE, candidates.probability),
        "n_candidates": candidates.number,
        "visible_energy": event.visible_energy,
        "n_tracks": event.tracks,
        "n_photons": event.photons,
    }


def record(decays: Decays, events: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """The arrays ``particles`` (n, 100, 9) and ``mother_index`` (n, 100) of ``events`` (n,).

    Particles made 10 cm or farther from the origin, along any axis, are left out; whose mother is left out has
    none (-1), as in basf2's generators/scripts/smartBKG/utils/preprocess.py. Of more than 100 the first are kept;
    daughters come after their mothers, so that what is kept is a forest of its own.
    """
    near = np.max(np.abs(decays.vertex[:, 1:]), axis=1) < _FARTHEST
    before: NDArray[np.int64] = np.cumsum(near) - near
    column_of = before - before[decays.offsets[decays.event]]
    row_of = np.full(len(decays), -1)
    row_of[events] = np.arange(len(events))
    source = np.flatnonzero(near & (row_of[decays.event] >= 0) & (column_of < N_PARTICLES))
    event = decays.event[source]
    row, column, start = row_of[event], column_of[source], decays.offsets[event]
    particles = np.zeros((len(events), N_PARTICLES, 9), np.float32)
    mother_index = np.full((len(events), N_PARTICLES), -1, np.int16)
    particles[row, column, 0] = decays.vertex[source, 0] - decays.vertex[start, 0]
    particles[row, column, 1] = decays.p4[source, 0]
    particles[row, column, 2:5] = decays.vertex[source, 1:]
    particles[row, column, 5:8] = decays.p4[source, 1:]
    particles[row, column, 8] = pdg_tokens(decays.pdg_id[source])
    mother = decays.mother[source]
    linked = (mother >= 0) & near[start + mother]
    mother_index[row, column] = np.where(linked, column_of[start + mother], -1)
    return particles, mother_index


SIMULATOR = Simulator(
    simulate, Config, packages=("pythia8mc", "awkward", "numba", "numpy"), chunk_events=4000, draw_events=160
)
