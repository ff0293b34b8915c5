"""Folders of finished runs, made without a training, for tests of what is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from helpers.records import example_record
from helpers.toy import Toy
from pd4ml.benchmark.record import Record, read_record
from pd4ml.evaluation import Predictions, metrics
from pd4ml.storage.hashing import sha256_of

__all__ = ["make_events", "make_run"]


def make_events(path: Path, n_events: int = 400) -> Path:
    """Generated events of Toy in ``path``, which is returned."""
    Toy.generate(path, n_events)
    return path


def make_run(
    runs: Path,
    data: Path,
    recipe: str = "fcn",
    seed: int = 1,
    noise: float = 1.0,
    provenance: dict[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """A run on the events in ``data``: logits are the label and noise. ``changes`` are of the record's fields."""
    test = Toy.open("test", data, source="generated")
    truth = np.asarray(test.y, np.int64)
    output = (2 * truth - 1 + np.random.default_rng(seed).normal(0, noise, len(truth))).astype(np.float32)
    folder = runs / f"run{len(list(runs.glob('*'))) if runs.exists() else 0}"
    folder.mkdir(parents=True)
    Predictions("classification", np.arange(len(truth)), output).write(folder / "predictions.npz")
    losses = "".join(f"{epoch},{1 / (epoch + 1)},{1.1 / (epoch + 1)},0.001,1.0\n" for epoch in range(4))
    (folder / "history.csv").write_text("epoch,train_loss,valid_loss,learning_rate,seconds\n" + losses)
    example = example_record()
    dataset = {
        **example.dataset,
        "fingerprint": test.manifest.fingerprint,
        "provenance": provenance or dict(test.manifest.provenance),
    }
    fields: dict[str, Any] = {
        "dataset": dataset,
        "recipe": {**example.recipe, "name": recipe},
        "seed": seed,
        "events": {"train": 256, "valid": 64, "test": len(truth)},
        "metrics": metrics("classification", output, truth),
        "predictions": {"file": "predictions.npz", "sha256": sha256_of(folder / "predictions.npz")},
    }
    example_record(**{**fields, **changes}).write(folder / "record.json")
    return read_record(folder)
