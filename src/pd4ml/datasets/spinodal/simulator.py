"""Images of baryon density after a first-order phase transition, with or without spinodal instability.

A toy of arXiv:1906.06562: a lumpy fireball expands through the region where two phases coexist. Both classes start
alike and follow the same equation, ``dynamics.py``, but for the free energy between the two phases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.dynamics import evolve
from pd4ml.datasets.spinodal.fireball import SPACING, Fireballs, draw_fireballs
from pd4ml.datasets.spinodal.image import image
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator

__all__ = ["SIMULATOR", "Config", "draw", "expand", "simulate"]


@dataclass(frozen=True)
class Config:
    """What can be varied. How the defaults were chosen is said in the room's README.

    At the beginning: ``density`` in the middle over the critical density ``critical_density`` (1/fm3), ``radius``
    (fm) of the Gaussian profile; ``noise``: relative spread of the lumps, ``noise_length``: their correlation
    length (fm). ``temperature_min``, ``temperature_max``: over the critical one, uniform from event to event.
    ``transverse_flow``, ``longitudinal_flow``: expansion rates (1/fm). ``density_spread``, ``radius_spread``,
    ``flow_spread``: relative spreads from event to event. ``duration``: until freeze-out (fm/c). ``freeze_out``:
    density over the critical one below which a pixel is 0.

    The medium: ``mobility`` (fm) sets how fast waves grow; ``surface`` (fm), the length in the gradient term;
    ``well``: half the distance of the two phases' densities at T = 0, over the critical one. ``mobility`` and
    ``temperature_max`` set the difficulty: how much lumps grow, and how many events hardly become unstable.
    """

    density: float = 2.0
    density_spread: float = 0.12
    radius: float = 2.75
    radius_spread: float = 0.03
    noise: float = 0.65
    noise_length: float = 0.85
    temperature_min: float = 0.4
    temperature_max: float = 1.25
    transverse_flow: float = 0.075
    longitudinal_flow: float = 0.22
    flow_spread: float = 0.1
    duration: float = 3.8
    freeze_out: float = 0.009
    mobility: float = 0.7
    surface: float = 0.33
    well: float = 1.1
    critical_density: float = 0.8

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise DataError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}")
        if self.temperature_max < self.temperature_min:
            found = f"{self.temperature_max:g} and {self.temperature_min:g}"
            raise DataError(f"temperature_max must not be below temperature_min, found {found}")


_RANGES = {
    "density": (0.1, 5.0),
    "density_spread": (0.0, 0.3),
    "radius": (1.0, 5.0),
    "radius_spread": (0.0, 0.3),
    "noise": (0.0, 1.0),
    "noise_length": (0.5, 5.0),
    "temperature_min": (0.0, 3.0),
    "temperature_max": (0.0, 3.0),
    "transverse_flow": (0.0, 0.3),
    "longitudinal_flow": (0.0, 2.0),
    "flow_spread": (0.0, 0.3),
    "duration": (0.0, 20.0),
    "freeze_out": (0.0, 1.0),
    "mobility": (0.01, 10.0),
    "surface": (0.05, 2.0),
    "well": (0.3, 3.0),
    "critical_density": (0.01, 10.0),
}


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` collisions.

    Gives ``density`` (N, 20, 20) float32 in 1/fm3, 0 outside the freeze-out contour, and ``label`` (N,) uint8,
    1 = spinodal, 0 = Maxwell, equally likely. The result depends on the first three arguments only: both splits
    are made alike.
    """
    rng = np.random.default_rng(seed)
    fireballs = draw(n_events, config, rng)
    label = rng.integers(0, 2, n_events, dtype=np.uint8)
    density = config.critical_density * expand(fireballs, label == 1, config)
    return {"density": density.astype(np.float32), "label": label}


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


SIMULATOR = Simulator(simulate, Config, packages=("numba", "numpy"), chunk_events=500)
