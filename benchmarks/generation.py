"""What the whole generation of TopTagging costs against Pythia's own event loop on the same events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

from pd4ml.datasets.top_tagging import simulator
from pd4ml.datasets.top_tagging.simulator import Config, simulate
from pd4ml.physics.pythia import EventRecord, make_pythia, next_batch

__all__ = ["rows"]

_REPEATS = 3
_JETS = 1000
_SEED = np.random.SeedSequence(2024)


class _Run:
    """The Pythia runs that a simulation makes: settings, seed and number of events of each."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def make_pythia(self, settings: Iterable[str], seed: int) -> Any:
        self.runs.append({"settings": list(settings), "seed": seed, "events": 0})
        return make_pythia(self.runs[-1]["settings"], seed)

    def next_batch(self, pythia: Any, n_events: int) -> EventRecord:
        self.runs[-1]["events"] += n_events
        return next_batch(pythia, n_events)


def _observe() -> list[dict[str, Any]]:
    """Simulate once, to see which events it takes; this also compiles the kernels."""
    run = _Run()
    with mock.patch.multiple(simulator, make_pythia=run.make_pythia, next_batch=run.next_batch):
        simulate(_JETS, _SEED, Config())
    return run.runs


def _event_loop(runs: list[dict[str, Any]]) -> None:
    """Pythia alone: the same runs with the same seeds, nothing read out."""
    for run in runs:
        pythia = make_pythia(run["settings"], run["seed"])
        for _ in range(run["events"]):
            pythia.next()


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows() -> list[dict[str, Any]]:
    """The two in turn, in one process and on one core."""
    runs = _observe()
    pairs = [
        (_seconds(lambda: simulate(_JETS, _SEED, Config())), _seconds(lambda: _event_loop(runs)))
        for _ in range(_REPEATS)
    ]
    ours, loop = (median(side) for side in zip(*pairs, strict=True))
    return [
        {
            "name": f"generate {_JETS} TopTagging jets from {sum(r['events'] for r in runs)} events, one core",
            "ours": ours,
            "other": loop,
            "other_name": "Pythia's event loop alone, same events",
            "unit": "s",
            "ratio": median(a / b for a, b in pairs),
            "target": "at most 1.8",
            "repeats": _REPEATS,
            "jets_per_second": _JETS / ours,
        }
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
