"""Pion spectra of heavy-ion collisions with one of two equations of state.

A hydrodynamic event gives several spectra: each has one of its freeze-out temperatures, a rotation and a Poisson
draw of its own. Everything but the equation of state is drawn from the same distributions in both classes, and
both get the same entropy, which becomes (nearly) the same number of pions.
This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math

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


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` spectra, from as many hydrodynamic events as are needed, in random order.

    Gives ``pion_spectrum`` (N, 24, 24) float32, ``event_id`` (N,) int64, ``kind`` and ``label`` (N,) uint8.
    ``event_id`` is drawn from 63 bits: no two events, of whatever split, share one.
    """
    rng = np.random.default_rng(seed)
    spectra, index = np.empty((n_events, N_BINS, N_BINS), np.float32), np.empty(n_events, np.int64)
    n_hydro = math.ceil(n_events / config.spectra_per_event)
    ids, labels = rng.integers(2**63, size=n_hydro), rng.integers(2, size=n_hydro)
    smooth = rng.random(n_hydro) < config.smooth_share
    for k in range(n_hydro):
        expected = _expected(int(labels[k]), bool(smooth[k]), config, split, rng)
        for i in range(k * config.spectra_per_event, min((k + 1) * config.spectra_per_event, n_events)):
            mean = rotate(expected[rng.integers(len(expected))], rng.uniform(0, 2 * np.pi))
            spectra[i], index[i] = rng.poisson(np.maximum(mean, 0)), k
    order = rng.permutation(n_events)
    index = index[order]
    return {
        "pion_spectrum": spectra[order],
        "event_id": ids[index],
        "kind": smooth[index].astype(np.uint8),
        "label": labels[index].astype(np.uint8),
    }


def rotate(spectrum: Floats, angle: float) -> Floats:
    """Rotate a spectrum (24, 24) by ``angle``: each Fourier component along the azimuth gets its phase."""
    components = np.fft.rfft(spectrum, axis=1)
    phase = np.exp(-1j * angle * np.arange(components.shape[1]))
    return np.fft.irfft(components * phase, N_BINS, axis=1)


def _expected(label: int, smooth: bool, config: Config, split: str, rng: np.random.Generator) -> list[Floats]:
    """Mean numbers of pions (24, 24) of a new hydrodynamic event, at some freeze-out temperatures."""
    shifted = config.shift and split == "test"
    tau0 = rng.uniform(*((0.2, config.tau0_min) if shifted else (config.tau0_min, config.tau0_max)))
    low, high = (config.freeze_out_max, 0.16) if shifted else (config.freeze_out_min, config.freeze_out_max)
    temperatures = rng.uniform(low, high, _TEMPERATURES)
    system = SYSTEMS["Pb+Pb" if rng.random() < config.pb_share else "Au+Au"]
    b = impact_parameter(system, rng.uniform(0, config.centrality_max))
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
    return [config.rapidity * bin_size * s for s in spectra]


SIMULATOR = Simulator(simulate, Config, packages=("numba", "numpy"), chunk_events=CHUNK_SPECTRA)
