"""A record, for tests of what is made from records."""

from __future__ import annotations

from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.evaluation import Measurement
from pd4ml.training import load_recipe

__all__ = ["example_record"]


def example_record(**changes: Any) -> Record:
    """A classification record with ``changes`` to its fields."""
    fields: dict[str, Any] = {
        "dataset": {
            "name": "Toy",
            "card_version": "1",
            "task": "classification",
            "source": "generated",
            "variant": "default",
            "fingerprint": "0" * 64,
            "provenance": {"seed": 1},
        },
        "model": {"name": "fcn", "parameters": 1234},
        "recipe": load_recipe("fcn").to_dict(),
        "seed": 1,
        "events": {"train": 12800, "valid": 3200, "test": 4000},
        "epochs": {"trained": 20, "best": 18},
        "metrics": {
            "accuracy": Measurement(0.91234, 0.00456),
            "auc": Measurement(0.968123, 0.001234),
            "log_loss": Measurement(0.2, 0.01),
            "background_rejection_0.3": Measurement(667.6, None, lower_limit=True),
            "background_rejection_0.5": Measurement(123.4, 45.6),
        },
        "timing": {
            "train_seconds": 83.0,
            "predict_seconds": 1.0,
            "train_events_per_second": 3000.0,
            "predict_events_per_second": 4000.0,
        },
        "predictions": {"file": "predictions.npz", "sha256": "a" * 64},
        "versions": {"python": "3.11.0"},
        "machine": {"cpu": "some", "cores": 2, "platform": "linux x86_64"},
        "created": "2026-01-02T03:04:05+00:00",
    }
    return Record(**{**fields, **changes})
