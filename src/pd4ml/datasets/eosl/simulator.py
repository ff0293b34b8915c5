"""Pion spectra of heavy-ion collisions with one of two equations of state.

A hydrodynamic event gives several spectra: each has one of its freeze-out temperatures, a rotation and a Poisson
draw of its own. Everything but the equation of state is drawn from the same distributions in both classes, and
both get the same entropy, which becomes (nearly) the same number of pions.
This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.eosl.config import Config
from pd4ml.generation.simulator import Simulator
from pd4ml.physics.hydro.cooper_frye import pion_spectrum
from pd4ml.physics.hydro.decays import decay_pions
from pd4ml.physics.hydro.equation_of_state import eosq, s95p
from pd4ml.physics.hydro.freezeout import freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, collide, entropy_density, impact_parameter
from pd4ml.physics.hydro.solver import Fluid

__all__ = ["CHUNK_SPECTRA", "N_BINS", "PT_MAX", "SIMULATOR", "Config", "rotate", "simulate"]

Floats = NDArray[np.float64]

N_BINS, PT_MAX = 24, 2.0  # bins in pT (0 to 2 GeV) and in azimuth
CHUNK_SPECTRA = 200
_TEMPERATURES = 2  # freeze-out temperatures of one hydrodynamic event
_AVERAGED = 40  # collisions whose mean is a smooth initial state
_WIDTH = 0.5  # of the entropy that one nucleon deposits, fm
# What is kept of each spectrum beside it, float32.
_TRUTH = ("tau0", "freeze_out", "centrality", "impact_parameter", "reaction_plane")


@dataclass(frozen=True)
class _Event:
    """A hydrodynamic event: mean numbers of pions (24, 24) at each of its freeze-out temperatures (GeV).

    tau0: start of the hydrodynamics, fm; system: 0 = Au+Au, 1 = Pb+Pb; centrality in per cent; b in fm.
    """

    expected: list[Floats]
    freeze_out: Floats
    tau0: float
    system: int
    centrality: float
    b: float


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` spectra, from as many hydrodynamic events as are needed, in random order.

    Gives the arrays of the card: ``pion_spectrum`` (N, 24, 24) float32, ``label`` (N,) uint8, ``event_id`` (N,)
    int64 and what each spectrum was made with. ``event_id`` is drawn from 63 bits: no two events, of whatever
    split, share one.
    """
    rng = np.random.default_rng(seed)
    spectra, index = np.empty((n_events, N_BINS, N_BINS), np.float32), np.empty(n_events, np.int64)
    truth = {name: np.empty(n_events, np.float32) for name in _TRUTH}
    system = np.empty(n_events, np.uint8)
    n_hydro = math.ceil(n_events / config.spectra_per_event)
    ids, labels = rng.integers(2**63, size=n_hydro), rng.integers(2, size=n_hydro)
    smooth = rng.random(n_hydro) < config.smooth_share
    for k in range(n_hydro):
        event = _hydro_event(int(labels[k]), bool(smooth[k]), config, split, rng)
        for i in range(k * config.spectra_per_event, min((k + 1) * config.spectra_per_event, n_events)):
            which, angle = rng.integers(len(event.expected)), rng.uniform(0, 2 * np.pi)
            mean = rotate(event.expected[which], angle)
            spectra[i], index[i] = rng.poisson(np.maximum(mean, 0)), k
            values = (event.tau0, event.freeze_out[which], event.centrality, event.b, angle)
            for array, value in zip(truth.values(), values, strict=True):
                array[i] = value
            system[i] = event.system
    order = rng.permutation(n_events)
    index = index[order]
    return {
        "pion_spectrum": spectra[order],
        "event_id": ids[index],
        "kind": smooth[index].astype(np.uint8),
        "system": system[order],
        **{name: array[order] for name, array in truth.items()},
        "label": labels[index].astype(np.uint8),
    }


def rotate(spectrum: Floats, angle: float) -> Floats:
    """Rotate a spectrum (24, 24) by ``angle``: each Fourier component along the azimuth gets its phase."""
    components = np.fft.rfft(spectrum, axis=1)
    phase = np.exp(-1j * angle * np.arange(components.shape[1]))
    return np.fft.irfft(components * phase, N_BINS, axis=1)


def _hydro_event(label: int, smooth: bool, config: Config, split: str, rng: np.random.Generator) -> _Event:
    """A new hydrodynamic event, seen at some freeze-out temperatures."""
    shifted = config.shift and split == "test"
    tau0 = rng.uniform(*((0.2, config.tau0_min) if shifted else (config.tau0_min, config.tau0_max)))
    low, high = (config.freeze_out_max, 0.16) if shifted else (config.freeze_out_min, config.freeze_out_max)
    temperatures = rng.uniform(low, high, _TEMPERATURES)
    lead = bool(rng.random() < config.pb_share)
    system, centrality = SYSTEMS["Pb+Pb" if lead else "Au+Au"], rng.uniform(0, config.centrality_max)
    b = impact_parameter(system, centrality)
    entropy = np.mean(
        [
            entropy_density(collide(system, b, config.fluctuation, rng), tau0, config.n_cells, config.cell, _WIDTH)
            for _ in range(_AVERAGED if smooth else 1)
        ],
        axis=0,
    )
    eos = eosq() if label else s95p()
    fluid = Fluid(eos.energy_of_entropy(entropy), tau0, config.cell, eos)
    pt = (np.arange(N_BINS) + 0.5) * PT_MAX / N_BINS
    phi = (np.arange(N_BINS) + 0.5) * 2 * np.pi / N_BINS
    bin_size = PT_MAX / N_BINS * 2 * np.pi / N_BINS
    surfaces = freeze_out(fluid, temperatures.tolist(), every=2, coarsen=1)
    spectra = [pion_spectrum(surface, pt, phi) for surface in surfaces]
    if config.feed_down:
        spectra = [s + decay_pions(surface, pt, phi) for s, surface in zip(spectra, surfaces, strict=True)]
    expected = [config.rapidity * bin_size * s for s in spectra]
    return _Event(expected, temperatures, tau0, int(lead), centrality, b)


# Drawn settings change with every hydrodynamic event, of which each gives five spectra if nothing else is said.
SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("numba", "numpy"),
    chunk_events=CHUNK_SPECTRA,
    draw_events=Config().spectra_per_event,
)
