"""Whether posteriors are right: ranks of the truth among samples, and how often regions contain it. Arrays in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.card import Measurement
from pd4ml.metrics.measurement import Floats, require_scikit_learn

__all__ = ["Calibration", "calibration", "coverage", "mean", "ranks"]


@dataclass(frozen=True)
class Calibration:
    """How ranks are spread: ``counts`` in bins that should hold ``expected`` each, and chi2 of that."""

    counts: NDArray[np.int64]
    expected: float
    chi2: float
    p_value: float


def ranks(samples: Floats, truth: Floats) -> Floats:
    """(B,) the share of the ``samples`` (L, B) that lie below ``truth`` (B,); ties are shared out evenly."""
    below = (samples < truth).mean(0)
    return np.asarray(below + 0.5 * (samples == truth).mean(0))


def calibration(rank: ArrayLike, n_bins: int = 20) -> Calibration:
    """Hold ranks (B,), shares from 0 to 1, against a uniform distribution: simulation-based calibration.

    Of posteriors that are right ranks are uniform. Humps in the middle are those of posteriors that are too wide,
    at the ends of such that are too narrow, a slope is a bias (arXiv:1804.06788).
    """
    require_scikit_learn("simulation-based calibration")
    from scipy.stats import chi2

    counts, _ = np.histogram(np.asarray(rank), np.linspace(0, 1, n_bins + 1))
    expected = counts.sum() / n_bins
    statistic = float(((counts - expected) ** 2).sum() / expected)
    return Calibration(counts, float(expected), statistic, float(chi2.sf(statistic, n_bins - 1)))


def coverage(
    log_density: Floats, log_density_of_samples: Floats, levels: ArrayLike = (0.5, 0.68, 0.9, 0.95)
) -> dict[float, Measurement]:
    """How often the smallest region of each level contains the truth, with its binomial error.

    The region of level a holds the share a of a posterior, where its density is largest: the truth, with
    ``log_density`` (B,), is in it if fewer than that share of the samples, ``log_density_of_samples`` (L, B), are
    denser.
    """
    place = (log_density_of_samples > log_density).mean(0)
    n, found = len(place), {}
    for level in np.atleast_1d(np.asarray(levels, np.float64)):
        inside = float((place < level).mean())
        found[float(level)] = Measurement(inside, float(np.sqrt(level * (1 - level) / n)))
    return found


def mean(values: Floats) -> Measurement:
    """The mean of ``values`` (B,), and its error."""
    average, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return Measurement(average, error if error > 1e-12 * abs(average) else 0.0)  # else it is rounding
