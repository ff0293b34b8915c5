"""A record and a shift file, for tests of what is made from them."""

from __future__ import annotations

from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.evaluation import Measurement
from pd4ml.training import load_recipe

__all__ = ["example_record", "example_shift"]


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


def example_shift(**changes: Any) -> dict[str, Any]:
    """What a ``shift.json`` of two classes and two variants holds, with ``changes``."""

    def measured(**values: tuple[float, float]) -> dict[str, Any]:
        names = {name.replace("_at", "_efficiency_at_0.5"): of for name, of in values.items()}
        return {n: {"value": value, "error": error, "lower_limit": False} for n, (value, error) in names.items()}

    nominal = measured(auc=(0.968, 0.001), signal_at=(0.5, 0.004), background_at=(0.0081, 0.0005))
    up = {
        "variant": "scale_up",
        "description": "energies 2 % higher",
        "fingerprint": "1" * 64,
        "events": 4000,
        "paired": True,
        "metrics": measured(auc=(0.967, 0.001), signal_at=(0.52, 0.004), background_at=(0.0091, 0.0005)),
        "difference": measured(auc=(-0.001, 0.0002), signal_at=(0.02, 0.001), background_at=(0.001, 0.0002)),
    }
    other = {
        **up,
        "variant": "other_generator",
        "events": 3000,
        "paired": False,
        "difference": measured(auc=(-0.003, 0.0015), signal_at=(-0.03, 0.006), background_at=(0.002, 0.0008)),
    }
    body: dict[str, Any] = {
        "format": 1,
        "created": "2026-01-02T03:04:05+00:00",
        "predictions": "a" * 64,
        "split": "test",
        "task": "classification",
        "unit": "1",
        "thresholds": {"0.3": 2.5, "0.5": 1.7, "0.8": 0.1},
        "nominal": {"variant": "default", "fingerprint": "0" * 64, "events": 4000, "metrics": nominal},
        "variants": [up, other],
    }
    return {**body, **changes}
