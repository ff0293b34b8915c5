"""How fast showers are simulated, against one station after the other in Python."""

from __future__ import annotations

import json
import math
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pd4ml.datasets.airshower.showers import draw_showers, station_positions
from pd4ml.datasets.airshower.simulator import Config, simulate

__all__ = ["rows"]

_REPEATS = 5
_SHOWERS, _PLAIN_SHOWERS = 2000, 100
# The plain simulation that the tests hold the fast one to.
_PLAIN = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "helpers" / "plain_airshower.py"))


def _plain(seed: np.random.SeedSequence) -> None:
    config, rng = Config(), np.random.default_rng(seed)
    energies = (config.lg_energy_min, config.lg_energy_max)
    zenith_max = math.radians(config.zenith_max)
    showers = draw_showers(_PLAIN_SHOWERS, config.primaries, energies, zenith_max, config.core_radius, rng)
    threshold = 80 * config.noise * config.trigger
    _PLAIN["plain_detect"](
        showers, station_positions(config.spacing, config.layout), rng, config.noise, threshold, one_by_one=False
    )


def _rate(work: Callable[[], object], n: int) -> float:
    start = time.perf_counter()
    work()
    return n / (time.perf_counter() - start)


def rows() -> list[dict[str, Any]]:
    """Showers per second of both in turn, in one process and on one core."""
    simulate(2, np.random.SeedSequence(0), Config())  # compiles
    pairs = [
        (
            _rate(lambda seed=seed: simulate(_SHOWERS, seed, Config()), _SHOWERS),  # type: ignore[misc]
            _rate(lambda seed=seed: _plain(seed), _PLAIN_SHOWERS),  # type: ignore[misc]
        )
        for seed in np.random.SeedSequence(2024).spawn(_REPEATS)
    ]
    ours, plain = (median(side) for side in zip(*pairs, strict=True))
    row = {"name": f"generate {_SHOWERS:,} Airshower events, one core", "ours": ours, "unit": "showers/s"}
    row["repeats"] = _REPEATS
    return [
        {
            **row,
            "other": plain,
            "other_name": "a Python loop over stations, NumPy within",
            "ratio": median(a / b for a, b in pairs),
            "target": "at least 30",
        },
        {
            **row,
            "other": 1000.0,
            "other_name": "the rate that is wanted",
            "ratio": ours / 1000,
            "target": "at least 1",
        },
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
