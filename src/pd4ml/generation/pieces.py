"""One chunk of events: made at once, or in pieces that have drawn settings of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.generation.draws import Draw
from pd4ml.generation.simulator import Simulator
from pd4ml.storage.ragged import concatenated

__all__ = ["simulate_chunk"]

Arrays = Mapping[str, NDArray[np.generic]]


def simulate_chunk(
    simulator: Simulator,
    n_events: int,
    seed: np.random.SeedSequence,
    config: Any,
    split: str,
    draws: tuple[Draw, ...] = (),
    shared: tuple[str, ...] = (),
) -> Arrays:
    """Simulate ``n_events`` events from ``seed``, which is all that they and what is drawn depend on.

    Settings that the simulator varies by itself are drawn for every event; the events are then those of the
    nominal settings with the same seed, seen otherwise. All others are drawn for every ``simulator.draw_events``
    events, which have a seed of their own; the events come in random order. ``shared`` names the arrays without an
    axis of events.
    """
    if not draws:
        return simulator.simulate(n_events, seed, config, split)
    inner = [d for d in draws if d.name in simulator.per_event]
    outer = [d for d in draws if d.name not in simulator.per_event]
    if not outer:
        return _varied(simulator, n_events, seed, config, split, inner)
    rng = np.random.default_rng(_child(seed, "order"))
    starts = range(0, n_events, simulator.draw_events)
    values = {d.name: d.sample(rng, len(starts)) for d in outer}
    parts = []
    for k, start in enumerate(starts):
        n = min(simulator.draw_events, n_events - start)
        own = simulator.replace(config, {d.name: d.typed(values[d.name][k]) for d in outer})
        part = dict(_varied(simulator, n, _child(seed, "piece", k), own, split, inner))
        parts.append(part | {d.array: np.full(n, values[d.name][k]) for d in outer})
    order = rng.permutation(n_events)
    return {
        name: first if name in shared else concatenated([part[name] for part in parts])[order]
        for name, first in parts[0].items()
    }


def _varied(
    simulator: Simulator, n_events: int, seed: np.random.SeedSequence, config: Any, split: str, draws: list[Draw]
) -> Arrays:
    """Let the simulator vary ``draws`` by itself; it gives the values under the settings' names."""
    if not draws:
        return simulator.simulate(n_events, seed, config, split)
    rngs = {d.name: np.random.default_rng(_child(seed, "draw", k)) for k, d in enumerate(draws)}
    drawn = {d.name: partial(d.sample, rngs[d.name]) for d in draws}
    found = dict(simulator.simulate(n_events, seed, config, split, drawn))
    for d in draws:
        found[d.array] = found.pop(d.name) if d.array != d.name else found[d.name]
    return found


_PURPOSES = {"order": 0, "piece": 1, "draw": 2}


def _child(seed: np.random.SeedSequence, purpose: str, number: int = 0) -> np.random.SeedSequence:
    """A seed that follows from ``seed`` alone, whatever has been spawned from it."""
    key = (*seed.spawn_key, 2**31 + _PURPOSES[purpose], number)
    return np.random.SeedSequence(seed.entropy, spawn_key=key)
