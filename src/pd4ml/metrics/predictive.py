"""Metrics of what a regression says of its own errors: normal densities and intervals, with bootstrap errors.

The continuous ranked probability score of a normal density is the closed form of T. Gneiting, A. E. Raftery,
J. Am. Stat. Assoc. 102 (2007) 359; for a spread of zero it is the absolute difference.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights
from pd4ml.metrics.measurement import spread as spread_of

__all__ = ["normal_crps", "normal_nll", "predictive"]


def normal_nll(residual: Floats, spread: Floats) -> Floats:
    """(N,) minus the logarithm of a normal density of width ``spread``, ``residual`` away from its centre."""
    return np.asarray((residual / spread) ** 2 / 2 + np.log(spread) + math.log(2 * math.pi) / 2)


def normal_crps(residual: Floats, spread: Floats) -> Floats:
    """(N,) continuous ranked probability scores of such densities, in the unit of ``residual``."""
    from scipy.special import ndtr

    pull = residual / spread
    density = np.exp(-(pull**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(spread * (pull * (2 * ndtr(pull) - 1) + 2 * density - 1 / math.sqrt(math.pi)))


def predictive(
    value: Floats,
    truth: Floats,
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
    *,
    spread: Floats | None = None,
    lower: Floats | None = None,
    upper: Floats | None = None,
) -> dict[str, Measurement]:
    """Metrics of ``spread`` and of the interval from ``lower`` to ``upper``, all (N,), as far as they are there.

    Of a spread: ``nll`` and ``crps``, and ``pull_mean`` and ``pull_width``, mean and standard deviation of
    (prediction - truth) / spread. Of an interval: ``coverage``, the share of the events whose truth lies in it,
    and ``half_width``, the mean. Events count as their ``weight`` (N,).
    """
    columns: dict[str, Floats] = {}
    if spread is not None:
        pull = (value - truth) / spread
        columns |= {"nll": normal_nll(value - truth, spread), "crps": normal_crps(value - truth, spread)}
        columns |= {"pull_mean": pull, "pull_width": pull**2}
    if lower is not None and upper is not None:
        columns["coverage"] = ((lower <= truth) & (truth <= upper)).astype(np.float64)
        columns["half_width"] = (upper - lower) / 2
    if not columns:
        return {}
    table = np.array(list(columns.values()))

    def numbers(counts: Floats) -> Floats:
        found = dict(zip(columns, table @ counts / counts.sum(), strict=True))
        if "pull_width" in found:
            found["pull_width"] = math.sqrt(max(found["pull_width"] - found["pull_mean"] ** 2, 0.0))
        return np.array(list(found.values()))

    values = numbers(np.ones(len(value)) if weight is None else weight)
    errors = spread_of(numbers(drawn) for drawn in bootstrap_weights(rng, len(value), n_resamples, group, weight))
    return {name: Measurement(float(v), float(e)) for name, v, e in zip(columns, values, errors, strict=True)}
