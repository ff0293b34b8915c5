"""Metrics, each with a bootstrap error.

The value comes from scikit-learn where it has the metric. For the error every resample of the events is a vector
of weights on events that are sorted once, so that half a million predictions take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError

__all__ = ["SIGNAL_EFFICIENCIES", "Measurement", "background_efficiency", "metrics"]

SIGNAL_EFFICIENCIES = (0.3, 0.5)
# With no event seen, a mean above this is excluded at 95 % confidence (Poisson: exp(-mean) = 0.05).
_LIMIT_EVENTS = -math.log(0.05)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """A value and its standard error; a lower limit (95 % confidence) has no error."""

    value: float
    error: float | None
    lower_limit: bool = False


def metrics(
    task: Task, output: NDArray[Any], truth: NDArray[Any], *, n_resamples: int = 100, seed: int = 0
) -> dict[str, Measurement]:
    """Metrics of ``output`` (N,) against ``truth`` (N,); errors from ``n_resamples`` bootstrap resamples.

    classification (output: logits): ``accuracy``, ``auc``, ``log_loss`` and ``background_rejection_0.3`` and
    ``_0.5``: 1 / eps_B at signal efficiency 0.3 and 0.5. Ranks are taken from the logits, because scores pile up
    at 1. Where no background event is left, the rejection is a lower limit.
    regression (output: values): ``mse``, ``bias`` and ``resolution``, mean and standard deviation of
    (prediction - truth).
    """
    output, truth = output.astype(np.float64), truth.astype(np.float64)
    if output.shape != truth.shape or output.ndim != 1 or len(output) < 2:
        raise DataError(f"predictions and truth must be (N,), found {output.shape} and {truth.shape}")
    if not np.isfinite(output).all():
        bad = np.flatnonzero(~np.isfinite(output))
        raise DataError(f"{len(bad):,} predictions are not finite, the first at position {bad[0]}")
    rng = np.random.default_rng(seed)
    if task == "regression":
        return _regression(output - truth, n_resamples, rng)
    if set(np.unique(truth)) != {0.0, 1.0}:
        raise DataError(f"truth must hold the labels 0 and 1, found {np.unique(truth)[:5]}")
    return _classification(output, truth, n_resamples, rng)


def background_efficiency(tpr: Floats, fpr: Floats, signal_efficiency: float) -> float:
    """Background efficiency where the ROC curve (from (0, 0) to (1, 1)) first reaches ``signal_efficiency``."""
    i = int(np.searchsorted(tpr, signal_efficiency))
    step = tpr[i] - tpr[i - 1]
    return float(fpr[i - 1] + (fpr[i] - fpr[i - 1]) * (signal_efficiency - tpr[i - 1]) / step)


def _classification(
    logit: Floats, truth: Floats, n_resamples: int, rng: np.random.Generator
) -> dict[str, Measurement]:
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, roc_curve

    sample = _Ranked(logit, truth)
    # A resample of very few events may lack a class; it says nothing then.
    drawn = (w for w in _weights(rng, len(truth), n_resamples) if 0 < w @ sample.truth < len(truth))
    resamples = np.array([sample.metrics(weights) for weights in drawn])
    errors = resamples.std(axis=0, ddof=1)
    fpr, tpr, _ = roc_curve(truth, logit, drop_intermediate=False)
    values = {
        "accuracy": accuracy_score(truth, logit > 0),
        "auc": roc_auc_score(truth, logit),
        "log_loss": log_loss(truth, 1 / (1 + np.exp(-np.clip(logit, -700, 700)))),
    }
    measured = {
        name: Measurement(float(value), float(error))
        for (name, value), error in zip(values.items(), errors[:3], strict=True)
    }
    n_background = int(np.sum(truth == 0))
    for efficiency, error in zip(SIGNAL_EFFICIENCIES, errors[3:], strict=True):
        passed = background_efficiency(tpr, fpr, efficiency)
        measured[f"background_rejection_{efficiency}"] = _rejection(passed, float(error), n_background)
    return measured


def _rejection(efficiency: float, error: float, n_background: int) -> Measurement:
    """1 / eps_B; its error is propagated from that of eps_B, which is finite in every resample."""
    if efficiency * n_background < 0.5:
        return Measurement(n_background / _LIMIT_EVENTS, None, lower_limit=True)
    return Measurement(1 / efficiency, error / efficiency**2)


class _Ranked:
    """Predictions in falling order, for metrics of the same events with many different weights."""

    def __init__(self, logit: Floats, truth: Floats) -> None:
        order = np.argsort(-logit, kind="stable")
        logit, self.truth = logit[order], truth[order]
        # The ROC curve has a point after the last of equal logits.
        self.ends = np.append(np.flatnonzero(np.diff(logit)), len(logit) - 1)
        self.correct = ((logit > 0) == (self.truth == 1)).astype(np.float64)
        self.loss = np.logaddexp(0, np.where(self.truth == 1, -logit, logit))

    def metrics(self, weights: Floats) -> tuple[float, ...]:
        """Accuracy, area under the curve, log loss, background efficiency at each signal efficiency."""
        total = weights.sum()
        signal = np.cumsum(weights * self.truth)[self.ends]
        every = np.cumsum(weights)[self.ends]
        tpr = np.concatenate(([0], signal / signal[-1]))
        fpr = np.concatenate(([0], (every - signal) / (total - signal[-1])))
        passed = (background_efficiency(tpr, fpr, efficiency) for efficiency in SIGNAL_EFFICIENCIES)
        area = float(np.trapezoid(tpr, fpr))
        return float(weights @ self.correct / total), area, float(weights @ self.loss / total), *passed


def _regression(residual: Floats, n_resamples: int, rng: np.random.Generator) -> dict[str, Measurement]:
    from sklearn.metrics import mean_squared_error

    values = {
        "mse": mean_squared_error(residual, np.zeros_like(residual)),
        "bias": residual.mean(),
        "resolution": residual.std(),
    }
    # Moments about the mean of all, so that a large bias costs no digits.
    bias = values["bias"]
    moments = np.stack([residual - bias, (residual - bias) ** 2])
    first, second = np.array([moments @ w for w in _weights(rng, len(residual), n_resamples)]).T / len(residual)
    resampled = {
        "mse": second + 2 * bias * first + bias**2,
        "bias": first + bias,
        "resolution": np.sqrt(np.maximum(second - first**2, 0)),
    }
    return {name: Measurement(float(v), float(resampled[name].std(ddof=1))) for name, v in values.items()}


def _weights(rng: np.random.Generator, n: int, n_resamples: int) -> Iterator[Floats]:
    """How often each of ``n`` events is in each bootstrap resample."""
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64)
