"""How much a cut on a score sculpts a quantity: rejection against 1/JSD, as in arXiv:2001.05310.

At a signal efficiency, the background that passes and the background that fails have each a distribution of the
quantity. Their Jensen-Shannon divergence (J. Lin, IEEE Trans. Inf. Theory 37 (1991) 145), in bits, is 0 where a
cut leaves the quantity alone, at most 1; of finite numbers of events it is never 0, so that 1/JSD has a limit,
which is that of the same cut with the quantity shuffled among the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights, spread
from pd4ml.metrics.roc import Ranked

__all__ = ["EFFICIENCIES", "jensen_shannon", "sculpting"]

EFFICIENCIES = (0.5, 0.8)
_N_BINS = 10
_LEAST_BACKGROUND = 100


def jensen_shannon(first: NDArray[Any], second: NDArray[Any]) -> float:
    """The Jensen-Shannon divergence of two histograms (K,), in bits: 0 of equal shapes, 1 of disjoint ones."""
    p, q = (np.asarray(counts, np.float64) / np.sum(counts) for counts in (first, second))
    mean = (p + q) / 2

    def divergence(of: Floats) -> float:
        return float(np.sum(of[of > 0] * np.log2(of[of > 0] / mean[of > 0])))

    return max((divergence(p) + divergence(q)) / 2, 0.0)


def sculpting(
    score: NDArray[np.floating],
    label: NDArray[Any],
    value: NDArray[np.floating],
    *,
    group: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> dict[str, Measurement]:
    """What a cut on a score rejects and what it does to a quantity, with bootstrap errors.

    Parameters
    ----------
    score, value : NDArray
        (N,) scores, or logits, and the quantity.
    label : NDArray
        (N,) 1 for signal and 0 for background.
    group : NDArray, optional
        (N,); events of the same group are drawn together.
    weight : NDArray, optional
        (N,), what each event counts.
    n_resamples, seed : int
        Bootstrap resamples, shuffles, and their seed.

    Returns
    -------
    dict[str, Measurement]
        At signal efficiency E of 0.5 and 0.8: ``rejection_E``, 1/eps_B; ``inverse_jsd_E``, in ten bins of equal
        background; ``inverse_jsd_limit_E``, of the shuffled quantity, whose error is the spread of the shuffles.
        A number is left out where no background passes. ``ks_0`` and ``ks_1``: of each
        class, the distance of Kolmogorov and Smirnov between the scores below and above the quantity's median.

    Raises
    ------
    DataError
        For fewer than 100 events of a class.
    """
    ranked = Ranked(np.asarray(score, np.float64), np.asarray(label, np.float64))
    least = min(int(ranked.truth.sum()), int(ranked.background.sum()))
    if least < _LEAST_BACKGROUND:
        raise DataError(
            f"sculpting needs at least {_LEAST_BACKGROUND} events of each class, found {least:,} of one"
        )
    by_rank = np.asarray(value, np.float64)[ranked.order]
    base = np.ones(len(by_rank)) if weight is None else np.asarray(weight, np.float64)[ranked.order]
    codes = None if group is None else np.unique(group, return_inverse=True)[1][ranked.order]
    is_background = ranked.background == 1
    edges = np.quantile(by_rank[is_background], np.linspace(0, 1, _N_BINS + 1)[1:-1])
    bins = np.searchsorted(edges, by_rank, side="right")
    above = [by_rank > np.median(by_rank[ranked.truth == k]) for k in (0, 1)]

    def numbers(weights: Floats) -> Floats:
        """Background efficiency and JSD at each working point, KS of each class."""
        cuts = [number for at in EFFICIENCIES for number in _at(ranked, weights, bins, at)]
        return np.array([*cuts, *(_ks(ranked, weights * (ranked.truth == k), above[k]) for k in (0, 1))])

    rng = np.random.default_rng(seed)
    found = numbers(base)
    drawn = bootstrap_weights(rng, len(by_rank), n_resamples, codes, base)
    errors = spread(numbers(w) for w in drawn if ranked.has_both(w))
    flat = np.array([_shuffled(ranked, base, bins, is_background, rng) for _ in range(n_resamples)])
    measured = {}
    for i, at in enumerate(EFFICIENCIES):
        shuffles = flat[:, i]
        numbers_of = (
            ("rejection", found[2 * i], errors[2 * i]),
            ("inverse_jsd", found[2 * i + 1], errors[2 * i + 1]),
            ("inverse_jsd_limit", float(shuffles.mean()), float(shuffles.std(ddof=1))),
        )
        for name, number, error in numbers_of:
            if np.isfinite(number) and number > 0:
                measured[f"{name}_{at}"] = Measurement(1 / number, error / number**2)
    return measured | {f"ks_{k}": Measurement(float(found[k - 2]), float(errors[k - 2])) for k in (0, 1)}


def _at(ranked: Ranked, weights: Floats, bins: NDArray[np.int64], efficiency: float) -> Sequence[float]:
    """Background efficiency of the tightest cut that keeps a signal efficiency, and what it does: the JSD."""
    n_passed, background = _n_passed(ranked, weights, efficiency), weights * ranked.background
    passed, every = (np.bincount(bins[:n], background[:n], _N_BINS) for n in (n_passed, len(bins)))
    failed = np.maximum(every - passed, 0)
    share = passed.sum() / every.sum()
    return share, jensen_shannon(passed, failed) if 0 < share < 1 - 1e-12 else np.nan


def _n_passed(ranked: Ranked, weights: Floats, efficiency: float) -> int:
    """How many of the events in falling order pass; equal scores together."""
    signal = np.cumsum(weights * ranked.truth)[ranked.ends]
    last = int(np.searchsorted(signal / signal[-1], efficiency * (1 - 1e-12)))
    return last + 1 if isinstance(ranked.ends, slice) else int(ranked.ends[last]) + 1


def _shuffled(
    ranked: Ranked,
    weights: Floats,
    bins: NDArray[np.int64],
    background: NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[float]:
    """JSD at each working point with the bins shuffled among the background."""
    shuffled = bins.copy()
    shuffled[background] = rng.permutation(bins[background])
    return [_at(ranked, weights, shuffled, at)[1] for at in EFFICIENCIES]


def _ks(ranked: Ranked, weights: Floats, above: NDArray[np.bool_]) -> float:
    """Largest distance between the shares of two kinds of events that score higher."""
    first, second = (np.cumsum(weights * side)[ranked.ends] for side in (above, ~above))
    return float(np.abs(first / max(first[-1], 1e-300) - second / max(second[-1], 1e-300)).max())
