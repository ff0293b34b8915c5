"""TopTagging from first principles: Pythia 8 events, an ATLAS-like detector, anti-kT jets.

The chain and the cuts are those of the published sample (arXiv:1902.09914, arXiv:1707.08966); what is known to
differ, and the evidence, is in this room's README.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pd4ml.datasets.top_tagging.config import PTHAT_RANGE, Config
from pd4ml.datasets.top_tagging.matching import match_tops
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator
from pd4ml.physics.detector import ETA_MAX, detector_response
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


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` jets, half of them tops, in random order.

    Gives ``constituents`` (N, 200, 4) float32 in GeV, ``ttv`` (N,) uint8 (0 for the split train, 1 for test) and
    ``label`` (N,) uint8. The result depends on the arguments only. All jets of an event that pass are taken, so
    two jets of this call may come from one event, but never jets of two calls.
    """
    *hard_seeds, soft_seed, own = (int(word) for word in seed.generate_state(4, np.uint64))
    rng = np.random.default_rng(own)
    n_top = (n_events + int(rng.integers(2))) // 2  # an odd one out belongs to either class
    label = np.zeros(n_events, dtype=np.uint8)
    label[:n_top] = 1
    constituents = np.zeros((n_events, N_CONSTITUENTS, 4), dtype=np.float32)
    # Minimum-bias events start slowly (5 s), so both classes share one source of them.
    soft = make_pythia([*_common(config), *_MINIMUM_BIAS], soft_seed) if config.pileup else None
    for process, jets, hard_seed in zip(_PROCESS, np.split(constituents, [n_top]), hard_seeds, strict=True):
        _fill(jets, process, config, make_pythia(pythia_settings(process, config), hard_seed), soft, rng)
    order = rng.permutation(n_events)
    ttv = np.full(n_events, split == "test", dtype=np.uint8)
    return {"constituents": constituents[order], "ttv": ttv, "label": label[order]}


def _fill(
    jets: NDArray[np.float32], process: str, config: Config, hard: Any, soft: Any, rng: np.random.Generator
) -> None:
    """Fill ``jets`` (n, 200, 4) with jets of ``process``, from a Pythia of hard and one of soft collisions."""
    n_done = n_tried = 0
    while n_done < len(jets):
        # As many events as the jets that are missing need, from what the events so far gave.
        per_jet = max(n_tried, 1) / max(n_done, 1)
        record = next_batch(hard, min(BATCH, 8 + math.ceil((len(jets) - n_done) * per_jet)))
        n_batch = len(record.offsets) - 1
        particles = final_state(record, ETA_MAX)
        if soft is not None:
            per_event = rng.poisson(config.pileup, n_batch)
            particles = overlay(particles, stable_particles(soft, int(per_event.sum()), ETA_MAX), per_event)
        found = _select(record, particles, process == "top", config, rng)
        n_new = min(len(found), len(jets) - n_done)
        jets[n_done : n_done + n_new] = found[:n_new]
        n_done, n_tried = n_done + n_new, n_tried + n_batch
        if n_tried > _MAX_EVENTS_PER_JET * (n_done + 10):
            window = f"{config.pt_min:g} to {config.pt_max:g} GeV"
            msg = f"only {n_done} {process} jets of {window} in {n_tried} events: choose a wider or higher window"
            raise DataError(msg)


def _common(config: Config) -> list[str]:
    """Settings of all events; K0S and Lambda (c tau above 10 mm) reach the calorimeter."""
    decays = ("ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10.")
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
    record: EventRecord, particles: Particles, match: bool, config: Config, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The detector's jets that pass the cuts, as constituents (J, 200, 4)."""
    flow = detector_response(particles, rng)
    p4 = flow.p4 * config.energy_scale
    jets = antikt_jets(p4, flow.offsets, JET_RADIUS, config.pt_min)
    pt, eta, phi, _ = pt_eta_phi_mass(jets.p4)
    keep = (pt > config.pt_min) & (pt < config.pt_max) & (np.abs(eta) < JET_ETA_MAX)
    if match:
        keep &= match_tops(record, jets.event, eta, phi)
    return _leading(p4, jets.offsets, jets.constituents, np.flatnonzero(keep))


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


SIMULATOR = Simulator(simulate, Config, packages=("pythia8mc", "fastjet", "awkward", "numba", "numpy"))
