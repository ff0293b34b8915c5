"""Published scores on EOSL."""

from __future__ import annotations

from pd4ml.card import Measurement, PublishedScore

__all__ = ["LITERATURE"]

# Mean and spread over trainings, on the published test events.
_PAPER = "arXiv:2107.00656"

LITERATURE = (
    PublishedScore(
        "reference model",
        {"accuracy": Measurement(0.691, 0.005), "auc": Measurement(0.788, 0.005)},
        _PAPER,
    ),
    PublishedScore(
        "GraphNet",
        {"accuracy": Measurement(0.687, 0.005), "auc": Measurement(0.766, 0.005)},
        _PAPER,
    ),
    PublishedScore(
        "FCN",
        {"accuracy": Measurement(0.605, 0.019), "auc": Measurement(0.739, 0.008)},
        _PAPER,
    ),
)
