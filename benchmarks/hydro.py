"""How fast a heavy-ion collision is run to freeze-out, and the fluid against the same scheme in plain NumPy."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.hydro.equation_of_state import s95p
from pd4ml.physics.hydro.freezeout import freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, collide, entropy_density
from pd4ml.physics.hydro.solver import Fluid

__all__ = ["rows"]

_CELLS, _CELL, _TAU0, _FREEZE_OUT = 100, 0.25, 0.6, 0.145  # of 25 fm
_REPEATS, _STEPS = 5, 60
# The plain scheme that the tests hold the fast one to.
_PLAIN = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "helpers" / "plain_hydro.py"))["PlainFluid"]


def _energy(seed: int) -> NDArray[np.float64]:
    """A Monte-Carlo Glauber event: Au+Au at 200 GeV, b = 5 fm."""
    collision = collide(SYSTEMS["Au+Au"], 5.0, 1.0, np.random.default_rng(seed))
    return s95p().energy_of_entropy(entropy_density(collision, _TAU0, _CELLS, _CELL, 0.5))


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _steps(fluid: Any, n: int) -> float:
    return _seconds(lambda: [fluid.step() for _ in range(n)]) / n


def rows() -> list[dict[str, Any]]:
    """Events per second to freeze-out, and time steps per second of both schemes in turn, on one core."""
    freeze_out(Fluid(_energy(0), _TAU0, _CELL, s95p()), [_FREEZE_OUT])  # compiles
    events, pairs = [], []
    for seed in range(_REPEATS):
        energy = _energy(seed)
        events.append(_seconds(lambda e=energy: freeze_out(Fluid(e, _TAU0, _CELL, s95p()), [_FREEZE_OUT])))
        ours = _steps(Fluid(energy, _TAU0, _CELL, s95p()), _STEPS)
        pairs.append((1 / ours, 1 / _steps(_PLAIN(energy, _TAU0, _CELL, s95p()), _STEPS)))
    event = median(events)
    ours, plain = (median(side) for side in zip(*pairs, strict=True))
    return [
        {
            "name": f"one event of {_CELLS} x {_CELLS} cells to its freeze-out surface, one core",
            "ours": 1 / event,
            "unit": "events/s",
            "repeats": _REPEATS,
            "other": 1.0,
            "other_name": "the rate that is wanted",
            "ratio": 1 / event,
            "target": "at least 1",
        },
        {
            "name": f"time steps of a fluid of {_CELLS} x {_CELLS} cells, one core",
            "ours": ours,
            "unit": "steps/s",
            "repeats": _REPEATS,
            "other": plain,
            "other_name": "the same scheme in plain NumPy",
            "ratio": median(a / b for a, b in pairs),
            "target": "at least 20",
        },
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
