"""Metrics of predictions, each with a bootstrap error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.metrics.classification import SIGNAL_EFFICIENCIES, multi_class, two_classes
from pd4ml.metrics.measurement import Measurement, require_scikit_learn
from pd4ml.metrics.regression import regression

__all__ = ["SIGNAL_EFFICIENCIES", "Measurement", "metrics"]


def metrics(
    task: Task,
    output: NDArray[Any],
    truth: NDArray[Any],
    *,
    group: NDArray[Any] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> dict[str, Measurement]:
    """Metrics of ``output`` against ``truth`` (N,); errors from ``n_resamples`` bootstrap resamples.

    Events with the same value in ``group`` (N,) are not independent, and are drawn together.

    classification (output: logits, (N,) for two classes, (N, K) for K): ``accuracy``, ``auc``, ``log_loss``,
    ``calibration_error`` and ``background_rejection_0.3``, ``_0.5``, ``_0.8``: 1 / eps_B at these signal
    efficiencies. Ranks are taken from the logits, because scores pile up at 1. Where no background event is
    left, the rejection is a lower limit. For K classes, AUC and rejection are those of each class against the
    rest (``auc_class_0``) and their average (``auc_macro``).
    regression (output: values, (N,)): ``mse``, ``bias`` and ``resolution``, mean and standard deviation of
    (prediction - truth), ``mae``, the mean absolute difference.
    """
    output, truth = output.astype(np.float64), truth.astype(np.float64)
    n_columns = output.ndim == 2 and task == "classification" and output.shape[1]
    if truth.shape != output.shape[:1] or not (output.ndim == 1 or n_columns) or len(output) < 2:
        raise DataError(f"predictions and truth must be (N,), found {output.shape} and {truth.shape}")
    finite = np.isfinite(output).reshape(len(output), -1).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise DataError(f"{len(bad):,} predictions are not finite, the first at position {bad[0]}")
    require_scikit_learn("evaluation")
    rng = np.random.default_rng(seed)
    codes = None if group is None else np.unique(group, return_inverse=True)[1]
    if task == "regression":
        return regression(output - truth, n_resamples, rng, codes)
    labels = np.arange(n_columns or 2)
    if not np.array_equal(np.unique(truth), labels):
        wanted = "0 and 1" if len(labels) == 2 else f"0 to {labels[-1]}"
        raise DataError(f"truth must hold the labels {wanted}, found {np.unique(truth)[:5]}")
    if n_columns:
        return multi_class(output, truth.astype(np.int64), n_resamples, rng, codes)
    return two_classes(output, truth, n_resamples, rng, codes)
