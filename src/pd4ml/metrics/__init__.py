"""Numbers with errors: arrays in, measurements out."""

from pd4ml.metrics.measurement import Measurement
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import RocCurve, roc_curve_with_band

__all__ = ["Measurement", "RocCurve", "by_target", "roc_curve_with_band"]
