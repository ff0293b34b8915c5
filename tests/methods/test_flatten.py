"""A score by its rank among background of nearly the same value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from pd4ml.errors import DataError
from pd4ml.methods.flatten import NEIGHBOURS, conditional_rank
from pd4ml.metrics.decorrelation import sculpting


def background(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose mean and width follow the mass."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(0, 1, n)
    return rng.normal(3 * mass, 0.5 + mass), mass


def test_ranks_of_other_background_are_uniform_at_every_mass() -> None:
    score, mass = background(6000, 1)
    rank = conditional_rank(score, mass, *background(20_000, 2))
    for low in np.arange(0, 1, 0.2):
        here = (mass >= low) & (mass < low + 0.2)
        # 1,200 of them, and the noise of some 4,000 neighbours
        assert kstest(rank[here], "uniform").statistic < 0.06
    exact = norm.cdf(score, 3 * mass, 0.5 + mass)
    assert np.abs(rank - exact).mean() < 1.2 * 0.4 / np.sqrt(NEIGHBOURS)


def test_events_of_one_mass_keep_their_order_and_are_not_tied() -> None:
    score = np.linspace(-20, 30, 2001)
    rank = conditional_rank(score, np.full(2001, 0.4), *background(2000, 3))
    assert (np.diff(rank) >= 0).all()
    inside = (rank > 0.01) & (rank < 0.99)
    assert (np.diff(rank[inside]) > 0).all()
    assert rank.min() > 0
    assert rank.max() < 1


def test_a_flattened_score_is_at_the_limit_and_ranking_among_the_judged_flatters() -> None:
    rng = np.random.default_rng(4)
    score, mass = background(4000, 5)
    label = np.r_[np.zeros(4000), np.ones(4000)]
    signal_mass = rng.uniform(0, 1, 4000)
    every, of_every = np.r_[score, rng.normal(3 * signal_mass + 1, 1)], np.r_[mass, signal_mass]
    before = sculpting(every, label, of_every, n_resamples=20)
    fair = sculpting(conditional_rank(every, of_every, *background(4000, 6)), label, of_every, n_resamples=20)
    unfair = sculpting(conditional_rank(every, of_every, score, mass), label, of_every, n_resamples=20)
    assert before["inverse_jsd_0.8"].value < 10
    assert fair["inverse_jsd_0.8"].value > 10 * before["inverse_jsd_0.8"].value
    assert unfair["ks_0"].value < fair["ks_0"].value


def test_few_background_events_are_refused() -> None:
    with pytest.raises(DataError, match="at least 500 background events to rank among, found 499"):
        conditional_rank(np.zeros(3), np.zeros(3), *background(499, 7))
