"""Air showers on an array of 9x9 stations: the parametrised simulation of arXiv:1708.00647, written anew.

What is chosen where the formulae are silent is said in ``signal.py``; evidence, and what is tuned, in the README.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.airshower.config import Config
from pd4ml.datasets.airshower.showers import N_SIDE, Showers, draw_showers, station_positions
from pd4ml.datasets.airshower.signal import N_BINS, detect
from pd4ml.generation.simulator import Drawn, Simulator

__all__ = ["PER_EVENT", "SIMULATOR", "Config", "simulate"]

# Settings that may differ from event to event.
PER_EVENT = ("signal_scale", "noise", "trigger")


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train", drawn: Drawn | None = None
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` showers and what the stations see of them.

    Gives the arrays of the card: ``traces`` (N, 9, 9, 80) in VEM, ``arrival_time`` (N, 9, 9, 1) in s, ``stations``
    (81, 3) in m, ``xmax`` (N,) in g/cm2, all float32, and what the showers are. Silent stations are -1 in traces
    and arrival times. The result depends on all arguments but ``split``: both splits are made alike. Showers are
    drawn before anything is seen of them, so that they do not depend on the settings of the response.
    """
    rng = np.random.default_rng(seed)
    stations = station_positions(config.spacing, config.layout)
    energies = (config.lg_energy_min, config.lg_energy_max)
    zenith_max = np.deg2rad(config.zenith_max)
    showers = draw_showers(n_events, config.primaries, energies, zenith_max, config.core_radius, rng)
    varied = {name: draw(n_events) for name, draw in (drawn or {}).items()}
    scale, noise, trigger = (varied.get(name, getattr(config, name)) for name in PER_EVENT)
    threshold = trigger * N_BINS * noise
    traces, time = detect(showers, stations, rng, noise=noise, threshold=threshold, signal_scale=scale)
    return {
        "traces": traces.reshape(n_events, N_SIDE, N_SIDE, N_BINS),
        "arrival_time": time.reshape(n_events, N_SIDE, N_SIDE, 1),
        "stations": stations.astype(np.float32),
        **_truth(showers),
        **varied,
    }


def _truth(showers: Showers) -> dict[str, NDArray[np.generic]]:
    return {
        "primary": showers.mass.astype(np.uint8),
        "lg_energy": showers.lg_energy.astype(np.float32),
        "zenith": showers.zenith.astype(np.float32),
        "azimuth": showers.azimuth.astype(np.float32),
        "core": showers.core[:, :2].astype(np.float32),
        "xmax": showers.xmax.astype(np.float32),
    }


SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("numba", "numpy"),
    per_event=PER_EVENT,
    draw_events=10,
    truth=("primary", "lg_energy", "zenith", "azimuth", "core", "xmax"),
)
