"""Intervals and sets of labels that hold the truth as often as they say: split conformal prediction.

A score says how badly an event's truth fits to what was predicted. Of n events that were not trained on, the
ceil((n + 1) c)-th smallest score is the largest that is admitted: a new event is covered with a probability of at
least c, and at most c + 1 / (n + 1), whatever the model, as long as it is exchangeable with those n (V. Vovk et
al., Algorithmic Learning in a Random World, Springer 2005; J. Lei et al., arXiv:1604.04173). A quantile for each
class or bin of a quantity makes it hold in each of them.

Events of a group are not independent, so that groups are what is exchangeable: each of K groups has the weight
1 / (K + 1), its events share it, and the rest is left for the new group (Y. Lee, R. F. Barber, R. Willett,
arXiv:2306.06342). With one event a group this is the quantile above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Measurement
from pd4ml.errors import DataError
from pd4ml.metrics.classification import sigmoid
from pd4ml.metrics.measurement import Floats, bootstrap_weights, spread

__all__ = [
    "Cells",
    "Values",
    "class_scores",
    "conformal_quantile",
    "coverage_error",
    "effective_number",
    "least_number",
    "pulls",
]

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Values:
    """What is predicted of values: ``output`` (N,), and where it is known its ``spread``, or quantiles.

    Scores are |y - output| (intervals of one width), |y - output| / spread (widths as predicted), or, with
    ``lower`` and ``upper``, max(lower - y, y - upper) (conformalised quantiles; Y. Romano, E. Patterson, E. J.
    Candes, arXiv:1905.03222).
    """

    output: Floats
    spread: Floats | None = None
    lower: Floats | None = None
    upper: Floats | None = None

    @property
    def kind(self) -> str:
        """Which scores: ``absolute``, ``normalised`` or ``quantiles``."""
        return "quantiles" if self.lower is not None else "absolute" if self.spread is None else "normalised"

    def scores(self, truth: Floats) -> Floats:
        """(N,) how badly ``truth`` (N,) fits."""
        if self.lower is not None and self.upper is not None:
            return np.maximum(self.lower - truth, truth - self.upper)
        return np.asarray(np.abs(truth - self.output) / (1.0 if self.spread is None else self.spread))

    def bounds(self, quantile: Floats) -> tuple[Floats, Floats]:
        """Lower and upper ends (N,) of the intervals that admit scores up to ``quantile`` (N,).

        Where quantiles are drawn together so far that they cross, both ends are their middle.
        """
        if self.lower is not None and self.upper is not None:
            low, high = self.lower - quantile, self.upper + quantile
            middle = (low + high) / 2
            return np.minimum(low, middle), np.maximum(high, middle)
        half = quantile * (1.0 if self.spread is None else self.spread)
        return self.output - half, self.output + half


@dataclass(frozen=True)
class Cells:
    """In which cell each of N events is, of ``number``, and what each counts: every cell has its own quantile.

    ``group`` (N,), from 0: events that are not independent; ``weight`` (N,), what an event counts.
    """

    code: Codes
    number: int
    group: Codes | None = None
    weight: Floats | None = None

    def quantiles(self, scores: Floats, coverage: float) -> Floats:
        """(number,) the quantile of each cell; DataError if one has too few events to have any."""
        found = np.empty(self.number)
        for cell in range(self.number):
            here = self.code == cell
            group, weight = (None if a is None else a[here] for a in (self.group, self.weight))
            found[cell] = conformal_quantile(scores[here], coverage, group=group, weight=weight)
        return found


def least_number(coverage: float) -> int:
    """So many independent events are needed for intervals of ``coverage``."""
    return int(np.ceil(coverage / (1 - coverage) * (1 - 1e-9)))


def conformal_quantile(
    scores: Floats, coverage: float, *, group: Codes | None = None, weight: Floats | None = None
) -> float:
    """The largest score that is admitted: the ceil((n + 1) c)-th smallest of n.

    Parameters
    ----------
    scores : NDArray
        (n,) scores of events that were not trained on.
    coverage : float
        c, above 0 and below 1.
    group : NDArray, optional
        (n,): events with the same value share the weight of one.
    weight : NDArray, optional
        (n,), what each event counts within its group.

    Returns
    -------
    float
        The quantile, in the unit of the scores.

    Raises
    ------
    DataError
        For fewer independent events than c / (1 - c), of which no quantile is large enough.
    """
    n = len(scores) if group is None else len(np.unique(group))
    if n < least_number(coverage):
        raise DataError(
            f"intervals of coverage {coverage:g} need at least {least_number(coverage)} independent events, "
            f"found {n}: take a smaller coverage, fewer bins, or a run that was validated on more"
        )
    order = np.argsort(scores, kind="stable")
    if group is None and weight is None:
        return float(scores[order[int(np.ceil((n + 1) * coverage - 1e-9)) - 1]])
    mass = np.ones(len(scores)) if weight is None else weight / weight.mean()
    if group is not None:
        code = np.unique(group, return_inverse=True)[1]
        mass = mass / np.bincount(code)[code]
    below = np.cumsum(mass[order]) * (n / (n + 1) / mass.sum())
    return float(scores[order[min(int(np.searchsorted(below, coverage - 1e-9)), len(scores) - 1)]])


def class_scores(logits: NDArray[np.floating]) -> Floats:
    """(N, K) scores of each label: 1 minus its probability, from logits (N,) of two classes or (N, K)."""
    known: Floats = np.asarray(logits, np.float64)
    if known.ndim == 1:
        return np.stack([sigmoid(known), sigmoid(-known)], axis=1)
    return np.asarray(1 - np.exp(known - np.logaddexp.reduce(known, axis=1, keepdims=True)))


def effective_number(
    covered: NDArray[np.bool_], group: Codes | None = None, weight: Floats | None = None
) -> float:
    """So many independent events would tell the share of those ``covered`` (N,) as well as these.

    That is p (1 - p) over the variance of the share p, of which the sums over groups are independent. Without
    groups and weights it is N.
    """
    if group is None and weight is None:
        return float(len(covered))
    counts = np.ones(len(covered)) if weight is None else np.asarray(weight, np.float64)
    share = float(counts @ covered / counts.sum())
    code = np.arange(len(covered)) if group is None else np.unique(group, return_inverse=True)[1]
    if share in (0.0, 1.0):
        return float(code.max() + 1)
    sums = np.bincount(code, counts * (covered - share))
    return float(share * (1 - share) * counts.sum() ** 2 / (sums @ sums))


def coverage_error(coverage: float, n_calibration: float, n_test: float) -> float:
    """The error of a measured coverage: of the events that it is counted on, and of those that fixed the quantile.

    Both are binomial: the quantile of n events has a coverage that varies as sqrt(c (1 - c) / n).
    """
    return float(np.sqrt(coverage * (1 - coverage) * (1 / n_calibration + 1 / n_test)))


def pulls(
    residual: Floats, sigma: Floats, *, group: Codes | None = None, weight: Floats | None = None, seed: int = 0
) -> dict[str, Measurement]:
    """Mean and width (standard deviation) of residual / sigma, with bootstrap errors: 0 and 1 of honest ones."""
    pull = residual / sigma

    def moments(w: Floats) -> list[float]:
        mean = w @ pull / w.sum()
        return [mean, float(np.sqrt(w @ (pull - mean) ** 2 / w.sum()))]

    drawn = bootstrap_weights(np.random.default_rng(seed), len(pull), 100, group, weight)
    values = moments(np.ones(len(pull)) if weight is None else weight)
    errors = spread([moments(w) for w in drawn])
    return {
        name: Measurement(float(value), float(error))
        for name, value, error in zip(("mean", "width"), values, errors, strict=True)
    }
