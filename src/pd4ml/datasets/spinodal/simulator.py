"""Images of baryon density after a first-order phase transition, with or without spinodal instability.

After arXiv:1906.06562: the nucleons of two lead nuclei are a lumpy fireball, which expands as an ideal fluid
through the region where two phases coexist. Both classes start alike and follow the same equations,
``fluid.py``, but for the pressure between the two phases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.config import Config
from pd4ml.datasets.spinodal.equation_of_state import tables
from pd4ml.datasets.spinodal.fireball import SPACING, Fireballs, draw_fireballs
from pd4ml.datasets.spinodal.fluid import evolve
from pd4ml.datasets.spinodal.image import image
from pd4ml.generation.simulator import Simulator

__all__ = ["SIMULATOR", "Config", "draw", "expand", "simulate"]


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` collisions.

    Gives ``density`` (N, 20, 20) float32 in 1/fm3, ``impact`` (N,) float32, the impact parameter in fm, and
    ``label`` (N,) uint8, 1 = spinodal, 0 = Maxwell, equally likely. The result depends on the first three
    arguments only: both splits are made alike. All that is drawn is drawn before the expansion, so that it does
    not depend on the medium.
    """
    rng = np.random.default_rng(seed)
    fireballs = draw(n_events, config, rng)
    label = rng.integers(0, 2, n_events, dtype=np.uint8)
    density = config.critical_density * expand(fireballs, label == 1, config)
    return {"density": density.astype(np.float32), "impact": fireballs.impact.astype(np.float32), "label": label}


def draw(n_events: int, config: Config, rng: np.random.Generator) -> Fireballs:
    """Draw what events begin with; their classes are not known here."""
    density = (config.density, config.density_spread)
    return draw_fireballs(n_events, density, config.nucleons, config.smearing, config.impact_max, rng)


def expand(fireballs: Fireballs, spinodal: NDArray[np.bool_], config: Config) -> NDArray[np.float64]:
    """Images (N, 20, 20) of the fireballs at freeze-out, over the critical density; ``spinodal``: (N,)."""
    matter = tables(config.dense, config.unstable, config.width)
    flow, surface, duration = float(config.longitudinal_flow), float(config.surface), float(config.duration)
    return image(evolve(fireballs.density, spinodal, matter, flow, surface, duration, SPACING))


SIMULATOR = Simulator(
    simulate,
    Config,
    packages=("numba", "numpy"),
    chunk_events=500,
    draw_events=1,
    truth=("impact", "label"),
)
