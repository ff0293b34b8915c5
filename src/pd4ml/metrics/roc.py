"""The ROC curve of one class against another, with the band that the number of test events leaves.

Events are sorted once; a bootstrap resample is a vector of weights on the sorted events, so that half a million
predictions take seconds. The area takes equal scores as one straight piece of the curve, which is what mid-ranks
give. A working point is a cut, and no cut parts equal scores: all events at the threshold pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.metrics.measurement import Floats, bootstrap_weights

__all__ = ["Ranked", "RocCurve", "background_efficiency", "effective_number", "is_seen", "roc_curve_with_band"]


def background_efficiency(tpr: Floats, fpr: Floats, signal_efficiency: ArrayLike) -> Floats:
    """Background efficiency of the tightest cut that keeps at least each signal efficiency.

    That is the first point of the ROC curve (from (0, 0) to (1, 1)) which reaches it. ``signal_efficiency`` lies
    above 0 and is at most 1; the result has its shape.
    """
    # Sums of weights may end a rounding error below what they should be.
    wanted = np.asarray(signal_efficiency, np.float64) * (1 - 1e-12)
    return np.asarray(fpr[np.searchsorted(tpr, wanted)])


def effective_number(weights: Floats, background: Floats) -> float:
    """Of ``background`` (1, others 0) events; their number if all weigh the same.

    (sum w)^2 / sum w^2, L. Kish, Survey Sampling (1965).
    """
    chosen = weights * background
    return float(chosen.sum() ** 2 / (chosen @ chosen))


def is_seen(efficiency: ArrayLike, n_background: float) -> NDArray[np.bool_]:
    """Where at least one of ``n_background`` (effective) events passes: elsewhere 1/eps_B is only a limit."""
    return np.asarray(np.asarray(efficiency) * n_background > 1 - 1e-9)


class Ranked:
    """Predictions in falling order, for numbers of the same events with many different weights.

    ``logit`` and ``truth`` are (N,), truth 1 for signal and 0 for background. All weights are (N,) in the order
    ``order`` of the ranks, which is also that of ``logit`` and ``truth`` here.
    """

    def __init__(self, logit: Floats, truth: Floats) -> None:
        self.order = np.argsort(-logit, kind="stable")
        self.logit, self.truth = logit[self.order], truth[self.order]
        self.background = 1.0 - self.truth
        # The curve has a point after the last of equal logits.
        ends = np.append(np.flatnonzero(np.diff(self.logit)), len(logit) - 1)
        self.ends: NDArray[np.int64] | slice = ends if len(ends) < len(logit) else slice(None)

    def curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """Signal and background efficiency at each threshold, from (0, 0) to (1, 1)."""
        signal = np.cumsum(weights * self.truth)[self.ends]
        background = np.cumsum(weights * self.background)[self.ends]
        return np.concatenate(([0], signal / signal[-1])), np.concatenate(([0], background / background[-1]))

    def has_both(self, weights: Floats) -> bool:
        """Whether signal and background are left; a resample of very few events may lack one."""
        return bool(weights @ self.truth > 0 and weights @ self.background > 0)


@dataclass(frozen=True)
class RocCurve:
    """Background efficiency at given signal efficiencies, with its 68 % band.

    Parameters
    ----------
    signal_efficiency, background_efficiency : NDArray[np.float64]
        (M,), from 0 to 1. Below ``1 / n_background`` a background efficiency says no more than that no event is
        left.
    low, high : NDArray[np.float64]
        (M,), the band of the background efficiency.
    n_background : int
        Number of background events.
    """

    signal_efficiency: Floats
    background_efficiency: Floats
    low: Floats
    high: Floats
    n_background: int


def roc_curve_with_band(
    logit: NDArray[np.floating],
    truth: NDArray[np.generic],
    signal_efficiency: ArrayLike | None = None,
    *,
    group: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> RocCurve:
    """The ROC curve of two classes; the band holds the central 68 % of bootstrap resamples.

    Parameters
    ----------
    logit : NDArray[np.floating]
        (N,), larger for signal; any rising function of it gives the same curve.
    truth : NDArray[np.generic]
        (N,), 1 for signal and 0 for background.
    signal_efficiency : ArrayLike, optional
        (M,), above 0 and at most 1; 0.01, 0.02, ... 1 by default.
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
    RocCurve
        Efficiencies (M,) and their band.

    References
    ----------
    B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (percentile intervals).
    """
    wanted = np.linspace(0.01, 1, 100) if signal_efficiency is None else np.asarray(signal_efficiency, np.float64)
    ranked = Ranked(np.asarray(logit, np.float64), np.asarray(truth, np.float64))
    n = len(ranked.truth)
    codes = None if group is None else np.unique(group, return_inverse=True)[1][ranked.order]
    base = np.ones(n) if weight is None else np.asarray(weight, np.float64)[ranked.order]
    drawn = bootstrap_weights(np.random.default_rng(seed), n, n_resamples, codes, base)
    resamples = [background_efficiency(*ranked.curve(w), wanted) for w in drawn if ranked.has_both(w)]
    low, high = np.quantile(resamples, (0.1587, 0.8413), axis=0)
    value = background_efficiency(*ranked.curve(base), wanted)
    return RocCurve(wanted, value, low, high, int(n - ranked.truth.sum()))
