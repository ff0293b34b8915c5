"""The toy of arXiv:1611.01046, and the best score that does not depend on its nuisance.

Class 0 is normal around (0, 0) with variances 1 and covariance -1/2, class 1 around (1, 1 + z) with unit
covariance, and the nuisance z is a unit normal. Given z and class 1, x2 is normal around 1 + z: a complete family,
so that a score whose distribution is the same for all z must, given x2, be distributed alike for every x2.
The best of these orders events of equal x2 by the likelihood ratio of x1 (Neyman and Pearson).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import ks_2samp, rankdata

import pd4ml
from pd4ml.sample import Sample

__all__ = [
    "auc",
    "best_given",
    "best_pivot",
    "best_score",
    "every_toy",
    "largest_ks",
    "make_toy",
    "shifted_toys",
    "toy_events",
]

Floats = NDArray[np.floating]
SHIFTS = (-1, 0, 1)


def toy_events(n: int, seed: int, z: float | None = None) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Events x (n, 2) of both classes alike, labels and nuisances (n,), drawn or all ``z``."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    nuisance = rng.normal(size=n) if z is None else np.full(n, float(z))
    x = rng.normal(size=(n, 2))
    x[label == 0] = x[label == 0] @ np.linalg.cholesky([[1, -0.5], [-0.5, 1]]).T
    x[label == 1] += np.stack([np.ones(n), 1 + nuisance], axis=1)[label == 1]
    return x, label, nuisance


def best_score(x: Floats) -> Floats:
    """The best score with the nuisance integrated out: the logarithm of the likelihood ratio.

    Class 1 is then normal around (1, 1) with variances 1 and 2.
    """
    of_1 = -0.5 * ((x[:, 0] - 1) ** 2 + (x[:, 1] - 1) ** 2 / 2) - 0.5 * np.log(2)
    of_0 = -0.5 * (x[:, 0] ** 2 + x[:, 0] * x[:, 1] + x[:, 1] ** 2) / 0.75 - 0.5 * np.log(0.75)
    return np.asarray(of_1 - of_0)


def best_given(x: Floats, z: Floats) -> Floats:
    """The best score where the nuisance is known: class 1 is then normal around (1, 1 + z) with unit variances."""
    of_1 = -0.5 * ((x[:, 0] - 1) ** 2 + (x[:, 1] - 1 - z) ** 2)
    of_0 = -0.5 * (x[:, 0] ** 2 + x[:, 0] * x[:, 1] + x[:, 1] ** 2) / 0.75 - 0.5 * np.log(0.75)
    return np.asarray(of_1 - of_0)


def best_pivot(x: Floats) -> Floats:
    """The best score whose distribution for class 1 is the same for every z.

    Given x2, x1 is normal around -x2/2 with variance 3/4 in class 0, around 1 with variance 1 in class 1: their
    ratio is least at c and rises on both sides, and the score is class 1's share of smaller ratios.
    """
    m, v = -x[:, 1] / 2, 0.75
    c = (m / v - 1) / (1 / v - 1)
    d = np.abs(x[:, 0] - c)
    return np.asarray(ndtr(c + d - 1) - ndtr(c - d - 1))


def auc(score: Floats, label: NDArray[np.int64]) -> float:
    """Area under the ROC curve (Mann and Whitney)."""
    n_1 = int(label.sum())
    return float((rankdata(score)[label == 1].sum() - n_1 * (n_1 + 1) / 2) / (n_1 * (len(label) - n_1)))


def largest_ks(scores: list[Floats]) -> float:
    """The largest distance of Kolmogorov and Smirnov between the scores of all events at different z."""
    pairs = [(a, b) for i, a in enumerate(scores) for b in scores[i + 1 :]]
    return max(float(ks_2samp(a, b).statistic) for a, b in pairs)


def make_toy(path: Path, n_events: int = 75_000) -> Sample:
    """The toy as somebody's own data, the nuisance among the extras; a fifth of it is the test split."""
    x, label, z = toy_events(n_events, seed=1)
    return pd4ml.own_data(x, label, path, name="PivotToy", extras={"z": z}, graph="none")


def every_toy(path: Path, n_events: int = 200_000) -> Sample:
    """Events of all z, a test split that is large enough."""
    return _only_tested(path, "every", *toy_events(n_events, seed=2))


def shifted_toys(path: Path, n_events: int = 100_000) -> list[Sample]:
    """For the nuisance at -1, 0 and 1: events of a test split."""
    return [_only_tested(path, f"z{z}", *toy_events(n_events, 10 + z, z)) for z in SHIFTS]


def _only_tested(path: Path, variant: str, x: Floats, label: NDArray[np.int64], z: Floats) -> Sample:
    split = np.where(np.arange(len(x)) < 10, "train", "test")  # there must be one of each
    return pd4ml.own_data(
        x, label, path, name="PivotToy", extras={"z": z}, graph="none", split=split, variant=variant
    )
