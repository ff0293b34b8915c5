"""How fast Belle's events are simulated."""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any

import numpy as np

from pd4ml.datasets.belle.simulator import Config, simulate

__all__ = ["rows"]

_REPEATS = 5
_EVENTS = 2000
_WANTED = 300.0  # events per second and core


def _rate(seed: np.random.SeedSequence) -> float:
    start = time.perf_counter()
    simulate(_EVENTS, seed, Config())
    return _EVENTS / (time.perf_counter() - start)


def rows() -> list[dict[str, Any]]:
    """Accepted (balanced) events per second, Pythia's start included, in one process and on one core."""
    simulate(10, np.random.SeedSequence(0), Config())  # compiles
    rate = median(_rate(seed) for seed in np.random.SeedSequence(2024).spawn(_REPEATS))
    return [
        {
            "name": f"generate {_EVENTS:,} Belle events, half of which pass the selection, one core",
            "ours": rate,
            "other": _WANTED,
            "other_name": "the rate that is wanted",
            "unit": "events/s",
            "ratio": rate / _WANTED,
            "target": "at least 1",
            "repeats": _REPEATS,
        }
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
