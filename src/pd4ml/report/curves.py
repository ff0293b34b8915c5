"""The numbers behind the plots, where evaluation does not have them: bands of several trainings, confusion.

Events count as their weight, where they have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.classification import one_against_rest
from pd4ml.metrics.measurement import bootstrap_weights
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import Ranked, background_efficiency, effective_number, is_seen
from pd4ml.report.runs import Outputs

__all__ = [
    "SIGNAL_EFFICIENCY",
    "BinnedResiduals",
    "RocBand",
    "against_rest",
    "binned_residuals",
    "component",
    "confusion",
    "confusion_shares",
    "predicted_class",
    "roc_band",
]

Floats = NDArray[np.float64]

# Where ROC curves are looked up.
SIGNAL_EFFICIENCY = np.linspace(0.02, 1, 99)
_SIXTY_EIGHT = (0.1587, 0.8413)


@dataclass(frozen=True)
class RocBand:
    """Background efficiency at ``SIGNAL_EFFICIENCY``: mean of the trainings, and the central 68 % of resamples.

    ``n_background`` is their effective number: below one of them, the sample gives no more than a limit.
    """

    background: Floats
    low: Floats
    high: Floats
    n_background: float

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Where a table has a value rather than a limit."""
        return is_seen(self.background, self.n_background)


@dataclass(frozen=True)
class BinnedResiduals:
    """Bias and resolution in bins of the truth with bootstrap errors, each (M,); ``width`` is half a bin's."""

    centre: Floats
    width: Floats
    bias: Floats
    bias_error: Floats
    resolution: Floats
    resolution_error: Floats


def roc_band(trainings: Sequence[Outputs], *, n_resamples: int = 60, seed: int = 0) -> RocBand:
    """ROC band of trainings on the same events, truth 1 for signal and 0 for background.

    Bootstrap resamples of all trainings are pooled, so that the band holds the spread between them, too. Events
    of a group are drawn together.
    """
    rng = np.random.default_rng(seed)
    curves, resampled = [], []
    for one in trainings:
        ranked = Ranked(one.output.astype(np.float64), one.truth.astype(np.float64))
        n_events = len(ranked.truth)
        base = one.counts[ranked.order]
        curves.append(background_efficiency(*ranked.curve(base), SIGNAL_EFFICIENCY))
        group = None if one.group is None else np.unique(one.group, return_inverse=True)[1][ranked.order]
        for weights in bootstrap_weights(rng, n_events, -(-n_resamples // len(trainings)), group, base):
            if ranked.has_both(weights):
                resampled.append(background_efficiency(*ranked.curve(weights), SIGNAL_EFFICIENCY))
    low, high = np.quantile(resampled, _SIXTY_EIGHT, axis=0)
    first = trainings[0]
    n_background = effective_number(first.counts, (first.truth == 0).astype(np.float64))
    return RocBand(np.mean(curves, axis=0), low, high, n_background)


def against_rest(trainings: Sequence[Outputs], k: int) -> list[Outputs]:
    """The trainings of K classes as ones of class ``k`` (truth 1) against all others."""
    return [
        Outputs(one_against_rest(one.output, k), (one.truth == k).astype(np.int64), one.group, one.weight)
        for one in trainings
    ]


def predicted_class(one: Outputs) -> NDArray[np.int64]:
    """(N,) the class that a training takes each event for: logit above 0, or the largest of K."""
    chosen = one.output > 0 if one.output.ndim == 1 else one.output.argmax(axis=1)
    return np.asarray(chosen, np.int64)


def confusion(trainings: Sequence[Outputs], n_classes: int = 2) -> NDArray[np.int64]:
    """(K, K) numbers of events: rows the true class, columns the predicted one."""
    pairs = np.concatenate([n_classes * one.truth.astype(np.int64) + predicted_class(one) for one in trainings])
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def confusion_shares(trainings: Sequence[Outputs], n_classes: int = 2) -> Floats:
    """(K, K) share of a true class (a row) that is taken for each, by the weights of the events."""
    pairs = np.concatenate([n_classes * one.truth.astype(np.int64) + predicted_class(one) for one in trainings])
    weights = np.concatenate([one.counts for one in trainings])
    sums = np.bincount(pairs, weights, n_classes**2).reshape(n_classes, n_classes)
    whole = sums.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(sums, whole, out=np.zeros_like(sums), where=whole > 0), np.float64)


def component(trainings: Sequence[Outputs], d: int) -> list[Outputs]:
    """The trainings of vectors as ones of their component ``d``."""
    return [Outputs(one.output[:, d], one.truth[:, d], one.group, one.weight) for one in trainings]


def binned_residuals(trainings: Sequence[Outputs]) -> BinnedResiduals:
    """Mean and standard deviation of (prediction - truth) in bins of the truth, mean of the trainings.

    The errors are those of one training: the events are the same, so that more trainings do not lessen them.
    """
    binned = [by_target(one.output, one.truth, group=one.group, weight=one.weight) for one in trainings]
    low, high = (np.array([getattr(b, side) for b in binned[0]]) for side in ("low", "high"))
    columns = []
    for name in ("bias", "resolution"):
        measured = np.array(
            [[(b.metrics[name].value, b.metrics[name].error or 0.0) for b in one] for one in binned]
        ).reshape(len(binned), -1, 2)  # too few events have no bins
        columns += [measured[..., 0].mean(axis=0), np.sqrt((measured[..., 1] ** 2).mean(axis=0))]
    return BinnedResiduals((low + high) / 2, (high - low) / 2, *columns)
