"""How fast Airshower's reference model is trained, against nn.LSTM over the traces of all stations."""

from __future__ import annotations

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
from pd4ml.datasets.airshower.reference import LSTMResidual
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


def rows() -> list[dict[str, Any]]:
    """Training steps per second of both in turn, in one process and on all cores."""
    made_for = LSTMResidual.made_for
    assert made_for is not None
    model = LSTMResidual(made_for)
    model.set_target(770.0, 56.0)
    plain = _PLAIN["PlainLSTMResidual"](model)
    batches = _batches()
    silent = 1 - torch.cat([batch.nodes.any(1) for batch, _ in batches]).float().mean().item()
    sides = [
        (model.train(), torch.optim.Adam(model.parameters(), 3e-3, amsgrad=True, fused=True)),
        (plain.train(), torch.optim.Adam(plain.parameters(), 3e-3, amsgrad=True)),
    ]
    pairs = [[1 / _step(*side, *batch) for side in sides] for batch in batches][1:]  # the first warms up
    ours, other = (median(side) for side in zip(*pairs, strict=True))
    return [
        {
            "name": f"training step of Airshower's reference model, {_BATCH} events, "
            f"{silent:.0%} of the stations silent, {torch.get_num_threads()} threads",
            "ours": ours,
            "unit": "steps/s",
            "repeats": _REPEATS,
            "other": other,
            "other_name": "nn.LSTM over all stations, the same residual network",
            "ratio": median(a / b for a, b in pairs),
            "target": "at least 4",
        }
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
