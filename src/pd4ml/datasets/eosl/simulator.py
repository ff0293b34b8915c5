"""Pion spectra of heavy-ion collisions with one of two equations of state.

A hydrodynamic event gives several spectra: each is a Poisson draw of its own, or the mean of some. Everything
but the equation of state is drawn from the same distributions in both classes, and both get the same entropy,
which becomes (nearly) the same number of pions. What is seen of an event has random numbers of its own. This
module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.eosl.config import Config
from pd4ml.generation.simulator import Simulator
from pd4ml.physics.hydro.cooper_frye import all_pions, pion_spectrum
from pd4ml.physics.hydro.equation_of_state import eosq, s95p, s95p_pce
from pd4ml.physics.hydro.freezeout import freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, collide, entropy_density, impact_parameter
from pd4ml.physics.hydro.solver import Fluid

__all__ = ["CHUNK_SPECTRA", "N_BINS", "PT_MAX", "SIMULATOR", "Config", "rotate", "simulate"]

Floats = NDArray[np.float64]

N_BINS, PT_MAX = 24, 2.0  # bins in pT (0 to 2 GeV) and in azimuth
CHUNK_SPECTRA = 200
_AVERAGED = 40  # collisions whose mean is a smooth initial state
_WIDTH = 0.5  # of the entropy that one nucleon deposits, fm
# The published spectra flow most near columns 5.5 and 17.5, a quarter of the circle from their left edge.
_REACTION_PLANE = np.pi / 2
# What is kept of each hydrodynamic event beside its spectra, float32.
_TRUTH = ("tau0", "freeze_out", "centrality", "impact_parameter")


@dataclass(frozen=True)
class _Event:
    """A hydrodynamic event: mean numbers of pions (24, 24), a unit of rapidity, impact parameter along azimuth 0.

    tau0: start of the hydrodynamics, fm; freeze_out: GeV; centrality in per cent; impact_parameter in fm;
    system: 0 = Au+Au, 1 = Pb+Pb; smooth: whether its initial state is an average.
    """

    expected: Floats
    tau0: float
    freeze_out: float
    centrality: float
    impact_parameter: float
    system: int
    smooth: bool


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` spectra, from as many hydrodynamic events as are needed, in random order.

    Gives the arrays of the card: ``pion_spectrum`` (N, 24, 24) float32, ``label`` (N,) uint8, ``event_id`` (N,)
    int64 and what each spectrum was made with. ``event_id`` is drawn from 63 bits: no two events, of whatever
    split, share one.
    """
    rng = np.random.default_rng(seed)
    seen = np.random.default_rng(rng.integers(2**63))
    n_hydro = math.ceil(n_events / config.spectra_per_event)
    ids, labels = rng.integers(2**63, size=n_hydro), rng.integers(2, size=n_hydro)
    index = rng.permutation(n_events) // config.spectra_per_event
    events = [_hydro_event(int(label), config, split, rng) for label in labels]
    mean = seen.random(n_events) < config.coarse_share
    turn = seen.uniform(0, 2 * np.pi, n_events)
    plane = turn if config.rotated else np.full(n_events, _REACTION_PLANE)
    draws = np.where(mean, config.draws, 1)
    spectra = np.empty((n_events, N_BINS, N_BINS), np.float32)
    for i, k in enumerate(index):
        expected = np.maximum(rotate(config.rapidity * events[k].expected, plane[i]), 0)
        spectra[i] = seen.poisson(draws[i] * expected) / draws[i]
    truth = {name: np.array([getattr(e, name) for e in events], np.float32)[index] for name in _TRUTH}
    return {
        "pion_spectrum": spectra,
        "event_id": ids[index],
        "kind": mean.astype(np.uint8),
        "smooth": np.array([e.smooth for e in events], np.uint8)[index],
        "system": np.array([e.system for e in events], np.uint8)[index],
        **truth,
        "reaction_plane": plane.astype(np.float32),
        "label": labels[index].astype(np.uint8),
    }


def rotate(spectrum: Floats, angle: float) -> Floats:
    """Rotate a spectrum (24, 24) by ``angle``: each Fourier component along the azimuth gets its phase."""
    components = np.fft.rfft(spectrum, axis=1)
    phase = np.exp(-1j * angle * np.arange(components.shape[1]))
    return np.fft.irfft(components * phase, N_BINS, axis=1)


def _hydro_event(label: int, config: Config, split: str, rng: np.random.Generator) -> _Event:
    """A new hydrodynamic event."""
    shifted = config.shift and split == "test"
    tau0 = rng.uniform(*((0.2, config.tau0_min) if shifted else (config.tau0_min, config.tau0_max)))
    low, high = (config.freeze_out_max, 0.16) if shifted else (config.freeze_out_min, config.freeze_out_max)
    temperature = rng.uniform(low, high)
    lead, smooth = rng.random() < config.pb_share, rng.random() < config.smooth_share
    system, centrality = SYSTEMS["Pb+Pb" if lead else "Au+Au"], rng.uniform(0, config.centrality_max)
    b = impact_parameter(system, centrality)
    entropy = np.mean(
        [
            entropy_density(collide(system, b, config.fluctuation, rng), tau0, config.n_cells, config.cell, _WIDTH)
            for _ in range(_AVERAGED if smooth else 1)
        ],
        axis=0,
    )
    eos = eosq() if label else s95p_pce() if config.pce else s95p()
    fluid = Fluid(eos.energy_of_entropy(entropy), tau0, config.cell, eos)
    (surface,) = freeze_out(fluid, [temperature], every=2, coarsen=1)
    pt = (np.arange(N_BINS) + 0.5) * PT_MAX / N_BINS
    phi = (np.arange(N_BINS) + 0.5) * 2 * np.pi / N_BINS
    bin_size = PT_MAX / N_BINS * 2 * np.pi / N_BINS
    pions = all_pions(surface, pt, phi, eos) if config.feed_down else pion_spectrum(surface, pt, phi)
    return _Event(bin_size * pions, tau0, temperature, centrality, b, int(lead), bool(smooth))


# Drawn settings change with every hydrodynamic event, of which each gives five spectra if nothing else is said.
SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("numba", "numpy"),
    chunk_events=CHUNK_SPECTRA,
    draw_events=Config().spectra_per_event,
    truth=("event_id", "smooth", "system", *_TRUTH, "label"),
)
