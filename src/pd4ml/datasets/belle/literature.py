"""Published scores on Belle."""

from __future__ import annotations

from pd4ml.card import Measurement, PublishedScore

__all__ = ["LITERATURE"]

# Mean and spread over trainings, on the published test events.
_PAPER = "arXiv:2107.00656"

LITERATURE = (
    PublishedScore(
        "reference model",
        {"accuracy": Measurement(0.823, 0.001), "auc": Measurement(0.906, 0.009)},
        _PAPER,
    ),
    PublishedScore(
        "GraphNet",
        {"accuracy": Measurement(0.824, 0.001), "auc": Measurement(0.903, None)},
        _PAPER,
    ),
    PublishedScore(
        "FCN",
        {"accuracy": Measurement(0.736, 0.001), "auc": Measurement(0.81, 0.001)},
        _PAPER,
    ),
)
