"""How fast Airshower's reference model is trained, against nn.LSTM over all stations or those with a signal."""

from __future__ import annotations

import copy
import json
import runpy
import time as clock
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from pd4ml.datasets.airshower.features import fit_time_spread
from pd4ml.datasets.airshower.graph import graphs
from pd4ml.datasets.airshower.reference import LSTMResidual, TraceEncoder
from pd4ml.datasets.airshower.simulator import Config, simulate
from pd4ml.models.batch import GraphBatch

__all__ = ["rows"]

_BATCH, _REPEATS = 32, 7  # the batch size of the published recipe
# The plain network that the tests hold the fast one to.
_PLAIN = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "helpers" / "plain_lstm_residual.py"))


def _batches() -> list[tuple[GraphBatch, torch.Tensor]]:
    """Generated events, with the share of silent stations that they have."""
    arrays = simulate(_BATCH * (_REPEATS + 1), np.random.SeedSequence(2024), Config())
    spread = fit_time_spread(np.asarray(arrays["arrival_time"], np.float32))
    batches = []
    for start in range(0, len(arrays["xmax"]), _BATCH):
        part = {name: array[start : start + _BATCH] for name, array in arrays.items()}
        traces, time = (np.asarray(part[name], np.float32) for name in ("traces", "arrival_time"))
        batch = GraphBatch.from_packed(graphs({"traces": traces, "arrival_time": time}, {"time_spread": spread}))
        batches.append((batch, torch.from_numpy(part["xmax"].astype(np.float32)).reshape(-1)))
    return batches


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, batch: GraphBatch, target: torch.Tensor) -> float:
    """Seconds of one training step."""
    start = clock.perf_counter()
    optimiser.zero_grad()
    nn.functional.mse_loss(model(batch), target).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return clock.perf_counter() - start


class _WithoutKernel(TraceEncoder):
    """Silent stations share one result, the others go through nn.LSTM."""

    def _encoded(self, traces: torch.Tensor) -> torch.Tensor:
        return self._plain(traces)


def rows() -> list[dict[str, Any]]:
    """Training steps per second, in turns, in one process and on all cores."""
    made_for = LSTMResidual.made_for
    assert made_for is not None
    model = LSTMResidual(made_for)
    model.set_target(770.0, 56.0)
    shared = copy.deepcopy(model)
    shared.traces.__class__ = _WithoutKernel
    batches = _batches()
    silent = 1 - torch.cat([batch.nodes.any(1) for batch, _ in batches]).float().mean().item()
    sides = [
        (side.train(), torch.optim.Adam(side.parameters(), 3e-3, amsgrad=True, fused=fused))
        for side, fused in ((model, True), (_PLAIN["PlainLSTMResidual"](model), False), (shared, True))
    ]
    times = [[_step(*side, *batch) for side in sides] for batch in batches][1:]  # the first warms up
    title = (
        f"training step of Airshower's reference model, {_BATCH} events, "
        f"{silent:.0%} of the stations silent, {torch.get_num_threads()} threads"
    )
    return [
        {
            "name": title,
            "ours": 1 / median(ours for ours, *_ in times),
            "unit": "steps/s",
            "repeats": _REPEATS,
            "other": 1 / median(turn[other] for turn in times),
            "other_name": f"nn.LSTM over {stations}, the same residual network",
            "ratio": median(turn[other] / turn[0] for turn in times),
            "target": target,
        }
        for other, stations, target in ((1, "all stations", "at least 4"), (2, "stations with a signal", "shown"))
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
