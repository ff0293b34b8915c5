"""Published scores on Spinodal."""

from __future__ import annotations

from pd4ml.card import Measurement, PublishedScore

__all__ = ["LITERATURE"]

# Mean and spread over trainings, on the published test events.
_PAPER = "arXiv:2107.00656"

LITERATURE = (
    PublishedScore(
        "reference model",
        {"accuracy": Measurement(0.873, 0.004), "auc": Measurement(0.925, 0.005)},
        _PAPER,
    ),
    PublishedScore(
        "GraphNet",
        {"accuracy": Measurement(0.854, 0.004), "auc": Measurement(0.916, 0.005)},
        _PAPER,
    ),
    PublishedScore(
        "FCN",
        {"accuracy": Measurement(0.824, 0.001), "auc": Measurement(0.883, 0.001)},
        _PAPER,
    ),
)
