"""Images of baryon density after a first-order phase transition, with or without spinodal instability.

A toy of arXiv:1906.06562: a lumpy fireball expands through the region where two phases coexist. Both classes start
alike and follow the same equation, ``dynamics.py``, but for the free energy between the two phases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.config import Config
from pd4ml.datasets.spinodal.dynamics import evolve
from pd4ml.datasets.spinodal.fireball import SPACING, Fireballs, draw_fireballs
from pd4ml.datasets.spinodal.image import image
from pd4ml.generation.simulator import Simulator

__all__ = ["SIMULATOR", "Config", "draw", "expand", "simulate"]


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` collisions.

    Gives ``density`` (N, 20, 20) float32 in 1/fm3, 0 outside the freeze-out contour, ``temperature`` (N,) float32,
    at the beginning over the critical one, and ``label`` (N,) uint8, 1 = spinodal, 0 = Maxwell, equally likely.
    The result depends on the first three arguments only: both splits are made alike. All that is drawn is drawn
    before the expansion, so that it does not depend on the medium.
    """
    rng = np.random.default_rng(seed)
    fireballs = draw(n_events, config, rng)
    label = rng.integers(0, 2, n_events, dtype=np.uint8)
    density = config.critical_density * expand(fireballs, label == 1, config)
    temperature = fireballs.temperature.astype(np.float32)
    return {"density": density.astype(np.float32), "temperature": temperature, "label": label}


def draw(n_events: int, config: Config, rng: np.random.Generator) -> Fireballs:
    """Draw what events begin with; their classes are not known here."""
    return draw_fireballs(
        n_events,
        (config.density, config.density_spread),
        (config.radius, config.radius_spread),
        (config.noise, config.noise_length),
        (config.temperature_min, config.temperature_max),
        (config.transverse_flow, config.longitudinal_flow, config.flow_spread),
        rng,
    )


def expand(fireballs: Fireballs, spinodal: NDArray[np.bool_], config: Config) -> NDArray[np.float64]:
    """Images (N, 20, 20) of the fireballs at freeze-out, over the critical density; ``spinodal``: (N,)."""
    medium = (float(config.well), float(config.surface), float(config.mobility))
    duration = float(config.duration)
    density = evolve(fireballs.density, spinodal, fireballs.flow, fireballs.temperature, medium, duration, SPACING)
    growth = 1 + fireballs.flow[:, 0] * config.duration
    return image(density, growth, config.freeze_out)


SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("numba", "numpy"),
    chunk_events=500,
    draw_events=1,
    truth=("temperature", "label"),
)
