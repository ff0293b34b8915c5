"""Simulated images of W and QCD jets: Pythia 8, a calorimeter, anti-kT jets, trimming, pixels.

This module imports numba; it is imported when events are generated.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.jet_images.calorimeter import cells
from pd4ml.datasets.jet_images.config import Config
from pd4ml.datasets.jet_images.images import images, subjet_distance
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator
from pd4ml.physics.jets import Jets, antikt_jets, trimmed
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.physics.pythia import BATCH, final_state, make_pythia, next_batch
from pd4ml.physics.substructure import substructure

__all__ = ["JET_RADIUS", "SIMULATOR", "SUBJET_FRACTION", "SUBJET_RADIUS", "Config", "select", "simulate"]

JET_RADIUS, SUBJET_RADIUS, SUBJET_FRACTION = 1.0, 0.3, 0.05
_PT_BINS = 5  # in which the classes have the same numbers of jets
_MAX_EVENTS_PER_JET = 300  # beyond, the window holds no jets to speak of
_PROCESS = {
    "QCD": ("HardQCD:all = on",),
    "W": (
        *("NewGaugeBoson:ffbar2Wprime = on", "Wprime:coup2WZ = 1"),
        *("34:onMode = off", "34:onIfAny = 23 24", "24:onMode = off", "24:onIfAny = 1 2 3 4"),
        *("23:onMode = off", "23:onIfAny = 12 14 16"),
    ),
}

Arrays = dict[str, NDArray[Any]]


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` jets, half of them W jets, in random order.

    Gives the arrays of the card: ``image`` (N, 25, 25) float32 in GeV, ``label`` (N,) uint8 and what the jets are,
    (N,) each. The result depends on the first three arguments only: both splits are made alike.
    """
    *seeds, own = (int(word) for word in seed.generate_state(3, np.uint64))
    rng = np.random.default_rng(own)
    n_w = (n_events + int(rng.integers(2))) // 2  # an odd one out belongs to either class
    n_qcd = n_events - n_w
    edges = np.linspace(config.pt_min, config.pt_max, _PT_BINS + 1)
    w = _jets("W", seeds[0], np.array([n_w]), edges[[0, -1]], config)
    if config.match_pt and n_w:  # one QCD jet for each W jet of its bin; if there is one more, like the first
        pt = np.resize(w["pt"], n_qcd).clip(edges[0], edges[-1])  # which rounding to float32 may have left
        qcd = _jets("QCD", seeds[1], np.histogram(pt, edges)[0], edges, config)
    else:
        qcd = _jets("QCD", seeds[1], np.array([n_qcd]), edges[[0, -1]], config)
    order = rng.permutation(n_events)
    arrays = {name: np.concatenate([w[name], qcd[name]])[order] for name in w}
    return {**arrays, "label": (order < n_w).astype(np.uint8)}


def _jets(
    process: str, seed: int, wanted: NDArray[np.int64], edges: NDArray[np.float64], config: Config
) -> Arrays:
    """The first ``wanted`` (B,) jets of ``process`` in each bin of pT between ``edges`` (B + 1,)."""
    pythia = make_pythia(_settings(process, config), seed)
    missing, parts, n_events = wanted.copy(), [_none()], 0
    while missing.sum():
        n_found = wanted.sum() - missing.sum()
        per_jet = max(n_events, 1) / max(n_found, 1)
        record = next_batch(pythia, min(BATCH, 8 + math.ceil(missing.sum() * per_jet)))
        found = select(*cells(*_particles(record)), config)
        # Numbers that no other source has: 43 bits of the seed.
        found["event_id"] += (seed >> 21 << 20) + n_events
        n_events += len(record.offsets) - 1
        place = np.clip(np.searchsorted(edges, found["pt"], "right") - 1, 0, len(wanted) - 1)
        keep = np.concatenate([np.flatnonzero(place == k)[:n] for k, n in enumerate(missing)])
        missing -= np.bincount(place[keep], minlength=len(missing))
        parts.append({name: array[np.sort(keep)] for name, array in found.items()})
        if n_events > _MAX_EVENTS_PER_JET * (n_found + 10):
            window = (
                f"{config.pt_min:g} to {config.pt_max:g} GeV and {config.mass_min:g} to {config.mass_max:g} GeV"
            )
            raise DataError(
                f"only {n_found} {process} jets with pT and mass of {window} in {n_events} events: "
                f"choose another window{'' if process == 'W' else ' or range of pTHat'}"
            )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _none() -> Arrays:
    return select(np.empty((0, 4)), np.zeros(1, np.int64), Config())


def _particles(record: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    particles = final_state(record, math.inf)
    return particles.p4, particles.offsets


def _settings(process: str, config: Config) -> list[str]:
    """Pythia's settings."""
    lines = [
        f"Tune:pp = {config.tune}",
        "Beams:eCM = 14000.",
        f"PartonLevel:MPI = {'on' if config.mpi else 'off'}",
    ]
    if process == "W":
        return [*lines, *_PROCESS[process], f"34:m0 = {config.w_prime_mass}"]
    limits = [f"PhaseSpace:pTHatMin = {config.pthat_min}", f"PhaseSpace:pTHatMax = {config.pthat_max}"]
    return [*lines, *_PROCESS[process], *limits]


def select(p4: NDArray[np.float64], offsets: NDArray[np.int64], config: Config) -> Arrays:
    """The leading jets of events of cells ``p4`` (C, 4) that pass the cuts, and their images.

    ``event_id`` is the number of the event. Trimming only takes pT away, so jets below the window are dropped
    before it.
    """
    jets = antikt_jets(p4, offsets, JET_RADIUS, config.pt_min)
    pt = np.hypot(jets.p4[:, 1], jets.p4[:, 2])
    order = np.lexsort((-pt, jets.event))
    jets = jets.take(order[np.unique(jets.event[order], return_index=True)[1]])
    subjets = trimmed(p4, jets, SUBJET_RADIUS, SUBJET_FRACTION)
    total = np.zeros((len(jets.event), 4))
    np.add.at(total, subjets.event, subjets.p4)
    pt, _, _, mass = pt_eta_phi_mass(total)
    keep = (pt > config.pt_min) & (pt < config.pt_max) & (mass > config.mass_min) & (mass < config.mass_max)
    left = subjets.take(np.flatnonzero(keep[subjets.event]))
    number = np.cumsum(keep) - 1
    left = Jets(left.p4, number[left.event], left.offsets, left.constituents)
    n_jets = int(keep.sum())
    image = images(p4, left, n_jets, config.pixel, config.rotate)
    if config.normalise:
        image /= np.sqrt(np.square(image).sum(axis=(1, 2), keepdims=True))
    bounds = left.offsets[np.searchsorted(left.event, np.arange(n_jets + 1))]
    return {
        "image": image,
        "mass": mass[keep].astype(np.float32),
        "tau21": substructure(p4[left.constituents], bounds, JET_RADIUS).tau21.astype(np.float32),
        "delta_r": subjet_distance(left, n_jets).astype(np.float32),
        "pt": pt[keep].astype(np.float32),
        "event_id": jets.event[keep].astype(np.int64),
    }


SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("pythia8mc", "fastjet", "awkward", "numba", "numpy"),
    chunk_events=1000,
    draw_events=100,
    truth=("mass", "tau21", "delta_r", "pt", "event_id", "label"),
)
