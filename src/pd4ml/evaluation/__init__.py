"""Evaluation: predictions and metrics with errors."""

from pd4ml.evaluation.predictions import Predictions
from pd4ml.metrics.by_task import metrics
from pd4ml.metrics.measurement import Measurement
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import RocCurve, roc_curve_with_band

__all__ = ["Measurement", "Predictions", "RocCurve", "by_target", "metrics", "roc_curve_with_band"]
