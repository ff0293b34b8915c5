"""Split conformal prediction: its quantiles, those of groups, and that the truth is held as often as is said."""

from __future__ import annotations

import numpy as np
import pytest
from crepes import ConformalClassifier, ConformalRegressor

from pd4ml.errors import DataError
from pd4ml.methods.conformal import (
    Cells,
    Values,
    class_scores,
    conformal_quantile,
    coverage_error,
    effective_number,
    least_number,
    pulls,
)

RNG = np.random.default_rng(1)
TRUTH, OUTPUT = RNG.normal(700, 60, (2, 3001))
SPREAD = RNG.gamma(4, 10, 3001)
BINS = np.arange(3001) % 3  # 667 to fit in each: where (n + 1) c is whole, crepes rounds to the next score
FIT, NEW = slice(2001), slice(2001, None)


@pytest.mark.parametrize("coverage", [0.5, 0.68, 0.9, 0.95])
@pytest.mark.parametrize("normalised", [False, True])
def test_intervals_are_those_of_crepes(coverage: float, *, normalised: bool) -> None:
    sigma = SPREAD if normalised else None
    values = Values(OUTPUT, sigma)
    scores = values.scores(TRUTH)
    reference = ConformalRegressor()
    fitted, new = (None if sigma is None else sigma[part] for part in (FIT, NEW))
    reference.fit((TRUTH - OUTPUT)[FIT], sigmas=fitted)
    expected = reference.predict_int(OUTPUT[NEW], sigmas=new, confidence=coverage)
    low, high = values.bounds(np.full(3001, conformal_quantile(scores[FIT], coverage)))
    np.testing.assert_allclose(np.stack([low, high], axis=1)[NEW], expected, rtol=1e-12)
    reference.fit((TRUTH - OUTPUT)[FIT], sigmas=fitted, bins=BINS[FIT])
    expected = reference.predict_int(OUTPUT[NEW], sigmas=new, bins=BINS[NEW], confidence=coverage)
    quantiles = Cells(BINS[FIT], 3).quantiles(scores[FIT], coverage)
    low, high = values.bounds(quantiles[BINS])
    np.testing.assert_allclose(np.stack([low, high], axis=1)[NEW], expected, rtol=1e-12)


def test_sets_are_those_of_crepes() -> None:
    logits = RNG.normal(0, 1.5, (3001, 4))
    labels = np.array([RNG.choice(4, p=1 - row) for row in class_scores(logits)])
    scores = class_scores(logits)
    own = scores[np.arange(3001), labels]
    reference = ConformalClassifier()
    reference.fit(own[FIT], bins=labels[FIT])
    quantiles = Cells(labels[FIT], 4).quantiles(own[FIT], 0.8123)
    expected = np.zeros((1000, 4), int)
    for k in range(4):
        bins = np.full(1000, k)
        here = reference.predict_set(scores[NEW], bins=bins, confidence=0.8123, smoothing=False)
        expected[:, k] = here[:, k]
    np.testing.assert_array_equal(scores[NEW] <= quantiles, expected)


def test_crossed_quantiles_are_no_intervals_of_negative_width() -> None:
    values = Values(np.zeros(2), lower=np.array([-1.0, -3.0]), upper=np.array([1.0, 3.0]))
    assert values.kind == "quantiles"
    np.testing.assert_allclose(values.scores(np.array([4.0, 0.0])), [3, -3])
    low, high = values.bounds(np.array([-2.0, -2.0]))
    np.testing.assert_allclose(low, [0, -1])
    np.testing.assert_allclose(high, [0, 1])


def test_a_group_counts_as_one_event() -> None:
    """Copies of an event say nothing new; without their group they would."""
    scores = RNG.exponential(1, 200)
    once = conformal_quantile(scores, 0.68)
    copies, group = np.repeat(scores, 7), np.repeat(np.arange(200), 7)
    assert conformal_quantile(copies, 0.68, group=group) == once
    single = np.arange(200)
    assert conformal_quantile(scores, 0.68, group=single, weight=np.full(200, 3.0)) == once


def test_groups_are_covered_and_the_error_knows_them() -> None:
    rng = np.random.default_rng(5)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        group = np.repeat(np.arange(n), 5)
        return np.abs(rng.normal(0, 1, n)[group] + rng.normal(0, 0.3, 5 * n)), group

    pulled = []
    for _ in range(200):
        (fit, groups), (new, others) = sample(60), sample(60)
        found = conformal_quantile(fit, 0.8, group=groups)
        numbers = [effective_number(scores <= found, of) for scores, of in ((fit, groups), (new, others))]
        pulled.append(((new <= found).mean() - 0.8) / coverage_error(0.8, *numbers))
    assert numbers[0] < 0.5 * len(fit)
    assert abs(np.mean(pulled)) < 0.3
    assert 0.8 < np.std(pulled) < 1.25, "errors of 300 independent events would give 1.8"
    assert effective_number(fit < 1) == len(fit)


def test_coverage_is_that_of_new_events() -> None:
    """Over many samples the mean coverage lies in [c, c + 1 / (n + 1)], and varies as its error says."""
    rng = np.random.default_rng(2)
    shares = [
        (rng.exponential(1, 400) <= conformal_quantile(rng.exponential(1, 50), 0.9)).mean() for _ in range(3000)
    ]
    low, high = 0.9, 0.9 + 1 / 51
    assert low - 0.003 < np.mean(shares) < high + 0.003
    assert np.std(shares) == pytest.approx(coverage_error(0.9, 50, 400), rel=0.1)


def test_too_few_events_are_refused_in_one_line() -> None:
    assert [least_number(c) for c in (0.5, 0.68, 0.9, 0.95)] == [1, 3, 9, 19]
    with pytest.raises(DataError, match=r"coverage 0\.9 need at least 9 independent events, found 4"):
        conformal_quantile(np.arange(8.0), 0.9, group=np.arange(8) // 2)
    assert conformal_quantile(np.arange(9.0), 0.9) == 8


def test_pulls_of_honest_errors_have_width_one() -> None:
    residual = RNG.normal(0, SPREAD)
    honest, doubled = pulls(residual, SPREAD), pulls(residual + SPREAD, 2 * SPREAD)
    assert abs(honest["width"].value - 1) < 4 * (honest["width"].error or 0)
    assert honest["width"].error == pytest.approx(1 / np.sqrt(2 * 3001), rel=0.3)
    assert doubled["mean"].value == pytest.approx(0.5, abs=0.02)
