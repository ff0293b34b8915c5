"""Metrics of regressions with bootstrap errors, of all events and in bins of the target.

A target of D components has the metrics of each, ``<metric>_<d>``, and mean squared and absolute difference over
all components, which share a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights

__all__ = ["TargetBin", "by_target", "regression"]


@dataclass(frozen=True)
class TargetBin:
    """Events whose target lies from ``low`` to ``high`` (its unit), and their metrics.

    ``component`` is that of a vector target the bin is of; None of a single value.
    """

    low: float
    high: float
    n_events: int
    metrics: dict[str, Measurement]
    component: int | None = None


def regression(
    residual: Floats,
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
) -> dict[str, Measurement]:
    """MSE, bias (mean), resolution (standard deviation) and MAE of ``residual`` = prediction - truth.

    Of residuals (N, D), ``mse`` and ``mae`` are means over the components, and all four follow for each of them as
    ``mse_0``, ``bias_0``, ... Events count as their ``weight`` (N,).
    """
    columns = residual.reshape(len(residual), -1)
    values = _values(columns, weight)
    resampled = _resampled(columns, values["bias"], n_resamples, rng, group, weight)
    if residual.ndim == 1:
        return _measured(values, resampled, 0, "")
    overall = {
        name: Measurement(float(values[name].mean()), float(resampled[name].mean(axis=1).std(ddof=1)))
        for name in ("mse", "mae")
    }
    for d in range(columns.shape[1]):
        overall |= _measured(values, resampled, d, f"_{d}")
    return overall


def _values(residual: Floats, weight: Floats | None) -> dict[str, Floats]:
    """Each metric of residuals (N, D), (D,)."""
    bias = np.array([np.average(column, weights=weight) for column in residual.T])
    variance = [np.average((column - b) ** 2, weights=weight) for column, b in zip(residual.T, bias, strict=True)]
    return {
        "mse": np.average(residual**2, axis=0, weights=weight),
        "bias": bias,
        "resolution": np.sqrt(variance),
        "mae": np.average(np.abs(residual), axis=0, weights=weight),
    }


def _resampled(
    residual: Floats,
    centre: Floats,
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64] | None,
    weight: Floats | None,
) -> dict[str, Floats]:
    """Each metric in each resample, (n_resamples, D).

    Moments are taken about ``centre`` (D,), the mean of all, so that a large bias costs no digits.
    """
    moments = np.concatenate([(residual - centre).T, ((residual - centre) ** 2).T, np.abs(residual).T])
    drawn = bootstrap_weights(rng, len(residual), n_resamples, group, weight)
    sums = np.array([moments @ w / w.sum() for w in drawn])
    first, second, absolute = np.moveaxis(sums.reshape(n_resamples, 3, -1), 1, 0)
    return {
        "mse": second + 2 * centre * first + centre**2,
        "bias": first + centre,
        "resolution": np.sqrt(np.maximum(second - first**2, 0)),
        "mae": absolute,
    }


def _measured(
    values: dict[str, Floats], resampled: dict[str, Floats], d: int, suffix: str
) -> dict[str, Measurement]:
    return {
        name + suffix: Measurement(float(value[d]), float(resampled[name][:, d].std(ddof=1)))
        for name, value in values.items()
    }


def by_target(
    value: NDArray[Any],
    truth: NDArray[Any],
    n_bins: int = 10,
    *,
    group: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> list[TargetBin]:
    """Metrics of a regression in bins of the target that hold about equal numbers of events.

    Equal targets are never split, so that there are fewer bins where the target takes few values; bins of a
    single event are left out.

    Parameters
    ----------
    value : NDArray
        Predictions (N,) or, of vectors, (N, D), in the target's unit.
    truth : NDArray
        The target, (N,) or (N, D) as ``value``.
    n_bins : int
        How many.
    group : NDArray, optional
        (N,); events of the same group are drawn together.
    weight : NDArray, optional
        (N,), positive: what each event counts.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples.

    Returns
    -------
    list[TargetBin]
        Range, number of events and metrics of each; of vectors the bins of each component, one component after the
        other.
    """
    value, truth = np.asarray(value, np.float64), np.asarray(truth, np.float64)
    options: dict[str, Any] = {"group": group, "weight": weight, "n_resamples": n_resamples, "seed": seed}
    if truth.ndim == 1:
        return _bins(value, truth, n_bins, None, **options)
    components = range(truth.shape[1])
    return [b for d in components for b in _bins(value[:, d], truth[:, d], n_bins, d, **options)]


def _bins(
    value: Floats,
    truth: Floats,
    n_bins: int,
    component: int | None,
    *,
    group: NDArray[Any] | None,
    weight: NDArray[Any] | None,
    n_resamples: int,
    seed: int,
) -> list[TargetBin]:
    edges = np.unique(np.quantile(truth, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher"))
    place = np.searchsorted(edges, truth, side="right")
    rng = np.random.default_rng(seed)
    bins = []
    for i in range(len(edges) + 1):
        inside = place == i
        n_inside = int(inside.sum())
        if n_inside > 1:
            target = truth[inside]
            codes = None if group is None else np.unique(group[inside], return_inverse=True)[1]
            counts = None if weight is None else np.asarray(weight[inside], np.float64)
            measured = regression(value[inside] - target, n_resamples, rng, codes, counts)
            bins.append(TargetBin(float(target.min()), float(target.max()), n_inside, measured, component))
    return bins
