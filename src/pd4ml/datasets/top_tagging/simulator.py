"""TopTagging from first principles: Pythia 8 events, an ATLAS-like detector, anti-kT jets.

The chain and the cuts are those of the published sample (arXiv:1902.09914, arXiv:1707.08966); what is known to
differ, and the evidence, is in this room's README.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.top_tagging.config import PTHAT_RANGE, Config
from pd4ml.datasets.top_tagging.matching import match_tops
from pd4ml.datasets.top_tagging.particle_level import NAMES, particle_jets
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Drawn, Simulator
from pd4ml.physics.detector import ETA_MAX, detector_response
from pd4ml.physics.detector_card import DETECTORS
from pd4ml.physics.jets import antikt_jets
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.physics.pythia import (
    BATCH,
    EventRecord,
    Particles,
    final_state,
    make_pythia,
    next_batch,
    overlay,
    stable_particles,
)

__all__ = [
    "BIAS_POWER",
    "JET_ETA_MAX",
    "JET_RADIUS",
    "N_CONSTITUENTS",
    "PTHAT_RANGE",
    "SIMULATOR",
    "Config",
    "pythia_settings",
    "simulate",
]

N_CONSTITUENTS = 200
JET_RADIUS = 0.8
JET_ETA_MAX = 2.0

# Powers of pTHat by which hard collisions are favoured, tuned so that the jets meet the published pT spectrum.
BIAS_POWER = {"qcd": 2.5, "top": 1.7}
_PROCESS = {
    "top": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", "24:onIfAny = 1 2 3 4 5"),
    "qcd": ("HardQCD:all = on",),
}
_MINIMUM_BIAS = ("SoftQCD:inelastic = on",)
_MAX_EVENTS_PER_JET = 200  # beyond, the window holds no jets to speak of
_PARTICLE_PT = 0.5  # least pT of particle-level jets, in units of the window's

Arrays = dict[str, NDArray[Any]]

# Shape of an event and dtype of what is filled jet by jet.
_ARRAYS: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "constituents": ((N_CONSTITUENTS, 4), np.float32),
    "event_id": ((), np.int64),
    "n_pileup": ((), np.int32),
    **{name: ((), np.int32 if name.endswith("multiplicity") else np.float32) for name in NAMES},
    "label": ((), np.uint8),
}


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train", drawn: Drawn | None = None
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` jets, half of them tops, in random order.

    Gives the arrays of the card: ``constituents`` (N, 200, 4) float32 in GeV, ``ttv`` (N,) uint8 (0 for the split
    train, 1 for test), ``label`` (N,) uint8 and what the jets are at particle level. The result depends on the
    arguments only. All jets of an event that pass are taken, so two jets of this call may come from one event and
    share its ``event_id``, but never jets of two calls.
    """
    *hard_seeds, soft_seed, own = (int(word) for word in seed.generate_state(4, np.uint64))
    rng = np.random.default_rng(own)
    n_top = (n_events + int(rng.integers(2))) // 2  # an odd one out belongs to either class
    arrays: Arrays = {name: np.zeros((n_events, *shape), dtype) for name, (shape, dtype) in _ARRAYS.items()}
    arrays |= {name: np.zeros(n_events) for name in drawn or {}}
    arrays["label"][:n_top] = 1
    # Minimum-bias events start slowly (5 s), so both classes share one source of them.
    soft = make_pythia([*_common(config), *_MINIMUM_BIAS], soft_seed) if config.pileup else None
    places = (slice(n_top), slice(n_top, None))
    for process, place, hard_seed in zip(_PROCESS, places, hard_seeds, strict=True):
        source = _Source(process, make_pythia(pythia_settings(process, config), hard_seed), soft, hard_seed)
        _fill({name: array[place] for name, array in arrays.items()}, source, config, rng, drawn or {})
    order = rng.permutation(n_events)
    arrays = {name: array[order] for name, array in arrays.items()}
    return {**arrays, "ttv": np.full(n_events, split == "test", dtype=np.uint8)}


@dataclass(frozen=True)
class _Source:
    """Where the jets of a process come from: Pythias of hard and of soft collisions, and the hard one's seed."""

    process: str
    hard: Any
    soft: Any
    seed: int

    def event_ids(self, first: int, n: int) -> NDArray[np.int64]:
        """Numbers of the hard collisions from ``first`` on, which no other source has: 43 bits of the seed."""
        return (self.seed >> 21 << 20) + np.arange(first, first + n)


def _fill(arrays: Arrays, source: _Source, config: Config, rng: np.random.Generator, drawn: Drawn) -> None:
    """Fill ``arrays`` (n, ...) with jets of ``source``."""
    n_jets, n_done, n_tried = len(arrays["constituents"]), 0, 0
    while n_done < n_jets:
        # As many events as the jets that are missing need, from what the events so far gave.
        per_jet = max(n_tried, 1) / max(n_done, 1)
        record = next_batch(source.hard, min(BATCH, 8 + math.ceil((n_jets - n_done) * per_jet)))
        n_batch = len(record.offsets) - 1
        events: Arrays = {"event_id": source.event_ids(n_tried, n_batch), "n_pileup": np.zeros(n_batch, np.int64)}
        events |= {name: draw(n_batch) for name, draw in drawn.items()}
        hard = particles = final_state(record, ETA_MAX)
        if source.soft is not None:
            events["n_pileup"] = per_event = rng.poisson(config.pileup, n_batch)
            soft = stable_particles(source.soft, int(per_event.sum()), ETA_MAX)
            particles = overlay(hard, soft, per_event)
        match = record if source.process == "top" else None
        found = _select(match, hard, particles, events, n_jets - n_done, config, rng)
        n_new = len(found["constituents"])
        for name, array in found.items():
            arrays[name][n_done : n_done + n_new] = array
        n_done, n_tried = n_done + n_new, n_tried + n_batch
        if n_tried > _MAX_EVENTS_PER_JET * (n_done + 10):
            window = f"{config.pt_min:g} to {config.pt_max:g} GeV"
            msg = (
                f"only {n_done} {source.process} jets of {window} in {n_tried} events: "
                "choose a wider or higher window"
            )
            raise DataError(msg)


def _common(config: Config) -> list[str]:
    """Settings of all events."""
    decays = ("ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10.") * (config.long_lived == "stable")
    return [f"Tune:pp = {config.tune}", "Beams:eCM = 14000.", *decays]


def pythia_settings(process: str, config: Config) -> list[str]:
    """Pythia's settings for the hard collisions of ``process``."""
    wider = PTHAT_RANGE[config.pt_spectrum]
    low, high = config.pt_min * wider[0], config.pt_max * wider[1]
    lines = [*_common(config), *_PROCESS[process], f"PartonLevel:MPI = {'on' if config.mpi else 'off'}"]
    lines += [f"PhaseSpace:pTHatMin = {low}", f"PhaseSpace:pTHatMax = {high}"]
    if config.pt_spectrum == "reference":
        power = f"PhaseSpace:bias2SelectionPow = {BIAS_POWER[process]}"
        lines += ["PhaseSpace:bias2Selection = on", power, f"PhaseSpace:bias2SelectionRef = {low}"]
    return lines


def _select(
    match: EventRecord | None,
    hard: Particles,
    particles: Particles,
    events: Arrays,
    most: int,
    config: Config,
    rng: np.random.Generator,
) -> Arrays:
    """The first ``most`` of the detector's jets that pass the cuts and, with ``match``, are tops.

    ``hard`` are the particles of the hard collisions, ``particles`` those with pile-up; ``events`` are arrays (B,)
    that the jets take over from their events. Gives J jets' ``constituents`` (J, 200, 4) and all that is known.
    """
    flow = detector_response(particles, rng, DETECTORS[config.detector])
    scale = events.get("energy_scale")
    p4 = flow.p4 * (config.energy_scale if scale is None else np.repeat(scale, np.diff(flow.offsets))[:, None])
    jets = antikt_jets(p4, flow.offsets, JET_RADIUS, config.pt_min)
    pt, eta, phi, _ = pt_eta_phi_mass(jets.p4)
    keep = (pt > config.pt_min) & (pt < config.pt_max) & (np.abs(eta) < JET_ETA_MAX)
    if match is not None:
        keep &= match_tops(match, jets.event, eta, phi)
    chosen = np.flatnonzero(keep)[:most]
    event = jets.event[chosen]
    return {
        "constituents": _leading(p4, jets.offsets, jets.constituents, chosen),
        **particle_jets(hard, event, jets.p4[chosen], JET_RADIUS, _PARTICLE_PT * config.pt_min),
        **{name: array[event] for name, array in events.items()},
    }


@njit(cache=True)
def _leading(
    p4: NDArray[np.float64],
    offsets: NDArray[np.int64],
    constituents: NDArray[np.int64],
    jets: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The constituents of ``jets`` by falling pT, cut and zero-padded to 200: (J, 200, 4)."""
    out = np.zeros((jets.size, N_CONSTITUENTS, 4), dtype=np.float32)
    for i, jet in enumerate(jets):
        members = constituents[offsets[jet] : offsets[jet + 1]]
        order = np.argsort(-np.hypot(p4[members, 1], p4[members, 2]), kind="mergesort")
        for k, member in enumerate(members[order][:N_CONSTITUENTS]):
            out[i, k] = p4[member]
    return out


SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("pythia8mc", "fastjet", "awkward", "numba", "numpy"),
    per_event=("energy_scale",),
    draw_events=100,
)
