"""Air showers on an array of 9x9 stations: the parametrised simulation of arXiv:1708.00647, written anew.

What is chosen where the formulae are silent is said in ``signal.py``; evidence, and what is tuned, in the README.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.airshower.config import Config
from pd4ml.datasets.airshower.showers import N_SIDE, draw_showers, station_positions
from pd4ml.datasets.airshower.signal import N_BINS, detect
from pd4ml.generation.simulator import Simulator

__all__ = ["SIMULATOR", "Config", "simulate"]


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` showers and what the stations see of them.

    Gives ``traces`` (N, 9, 9, 80) float32 in VEM, ``arrival_time`` (N, 9, 9, 1) float32 in s, ``stations`` (81, 3)
    float32 in m and ``xmax`` (N,) float32 in g/cm2. Silent stations are -1 in traces and arrival times. The result
    depends on the first three arguments only: both splits are made alike.
    """
    rng = np.random.default_rng(seed)
    stations = station_positions(config.spacing)
    energies = (config.lg_energy_min, config.lg_energy_max)
    zenith_max = np.deg2rad(config.zenith_max)
    showers = draw_showers(n_events, config.primaries, energies, zenith_max, config.core_radius, rng)
    threshold = config.trigger * N_BINS * config.noise
    scale = config.signal_scale
    traces, time = detect(showers, stations, rng, noise=config.noise, threshold=threshold, signal_scale=scale)
    return {
        "traces": traces.reshape(n_events, N_SIDE, N_SIDE, N_BINS),
        "arrival_time": time.reshape(n_events, N_SIDE, N_SIDE, 1),
        "stations": stations.astype(np.float32),
        "xmax": showers.xmax.astype(np.float32),
    }


SIMULATOR = Simulator(simulate, Config, packages=("numba", "numpy"))
