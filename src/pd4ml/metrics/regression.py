"""Metrics of regressions with bootstrap errors, of all events and in bins of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights

__all__ = ["TargetBin", "by_target", "regression"]


@dataclass(frozen=True)
class TargetBin:
    """Events whose target lies from ``low`` to ``high`` (its unit), and their metrics."""

    low: float
    high: float
    n_events: int
    metrics: dict[str, Measurement]


def regression(
    residual: Floats, n_resamples: int, rng: np.random.Generator, group: NDArray[np.int64] | None = None
) -> dict[str, Measurement]:
    """MSE, bias (mean), resolution (standard deviation) and MAE of ``residual`` = prediction - truth, (N,)."""
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    zero = np.zeros_like(residual)
    values = {
        "mse": mean_squared_error(residual, zero),
        "bias": residual.mean(),
        "resolution": residual.std(),
        "mae": mean_absolute_error(residual, zero),
    }
    # Moments about the mean of all, so that a large bias costs no digits.
    bias = values["bias"]
    moments = np.stack([residual - bias, (residual - bias) ** 2, np.abs(residual)])
    drawn = bootstrap_weights(rng, len(residual), n_resamples, group)
    first, second, absolute = np.array([moments @ w / w.sum() for w in drawn]).T
    resampled = {
        "mse": second + 2 * bias * first + bias**2,
        "bias": first + bias,
        "resolution": np.sqrt(np.maximum(second - first**2, 0)),
        "mae": absolute,
    }
    return {name: Measurement(float(v), float(resampled[name].std(ddof=1))) for name, v in values.items()}


def by_target(
    value: Floats, truth: Floats, n_bins: int = 10, *, n_resamples: int = 100, seed: int = 0
) -> list[TargetBin]:
    """Metrics of ``value`` (N,) in ``n_bins`` bins of ``truth`` (N,) that hold about equal numbers of events.

    Equal targets are never split, so that there are fewer bins where the target takes few values; bins of a
    single event are left out.
    """
    value, truth = np.asarray(value, np.float64), np.asarray(truth, np.float64)
    edges = np.unique(np.quantile(truth, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher"))
    place = np.searchsorted(edges, truth, side="right")
    rng = np.random.default_rng(seed)
    bins = []
    for i in range(len(edges) + 1):
        inside = place == i
        n_inside = int(inside.sum())
        if n_inside > 1:
            target = truth[inside]
            measured = regression(value[inside] - target, n_resamples, rng)
            bins.append(TargetBin(float(target.min()), float(target.max()), n_inside, measured))
    return bins
