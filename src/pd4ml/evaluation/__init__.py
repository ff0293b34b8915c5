"""Evaluation: predictions and metrics with errors."""

from pd4ml.evaluation.metrics import Measurement, metrics
from pd4ml.evaluation.predictions import Predictions

__all__ = ["Measurement", "Predictions", "metrics"]
