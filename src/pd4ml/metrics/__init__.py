"""Numbers with errors: arrays in, measurements out."""

from pd4ml.metrics.measurement import Measurement
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import RocCurve, roc_curve_with_band
from pd4ml.metrics.shift import Predicted, Shift, paired_difference

__all__ = [
    "Measurement",
    "Predicted",
    "RocCurve",
    "Shift",
    "by_target",
    "paired_difference",
    "roc_curve_with_band",
]
