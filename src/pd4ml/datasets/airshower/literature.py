"""Published scores on Airshower."""

from __future__ import annotations

from pd4ml.card import Measurement, PublishedScore

__all__ = ["LITERATURE"]

# Mean and spread over trainings, on the published test events.
_PAPER = "arXiv:2107.00656"

LITERATURE = (
    PublishedScore(
        "reference model",
        {"mse": Measurement(1000, 52), "resolution": Measurement(31.32, 0.75)},
        _PAPER,
    ),
    PublishedScore(
        "GraphNet",
        {"mse": Measurement(1185, 26), "resolution": Measurement(34.12, 0.47)},
        _PAPER,
    ),
    PublishedScore(
        "FCN",
        {"mse": Measurement(1816, 41), "resolution": Measurement(42.6, 0.47)},
        _PAPER,
    ),
)
