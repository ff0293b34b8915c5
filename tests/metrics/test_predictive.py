"""Metrics of predicted spreads and quantiles against definitions, SciPy and samples whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from pd4ml.evaluation import metrics
from pd4ml.metrics.predictive import normal_crps, normal_nll, predictive

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(("residual", "spread"), [(0.0, 1.0), (-3.0, 2.0), (40.0, 10.0), (1.0, 0.1)])
def test_scores_of_one_event(residual: float, spread: float) -> None:
    density = stats.norm(residual, spread)  # of predictions around a truth of zero
    r, s = np.array([residual]), np.array([spread])
    assert normal_nll(r, s)[0] == pytest.approx(-density.logpdf(0), rel=1e-12)
    below = integrate.quad(lambda x: density.cdf(x) ** 2, residual - 12 * spread, 0, limit=500, points=[residual])
    above = integrate.quad(lambda x: density.sf(x) ** 2, 0, residual + 12 * spread, limit=500, points=[residual])
    assert normal_crps(r, s)[0] == pytest.approx(below[0] + above[0], rel=1e-6)


def test_of_a_true_density() -> None:
    n = 20_000
    spread = RNG.gamma(4, 2, n)
    truth = RNG.normal(700, 50, n)
    value = truth + spread * RNG.normal(0, 1, n)
    found = metrics("regression", value, truth, spread=spread, lower=value - spread, upper=value + spread)
    wanted = {"pull_mean": 0.0, "pull_width": 1.0, "coverage": 0.6827}
    for name, number in wanted.items():
        error = found[name].error or 0.0
        assert 0 < error < 0.01
        assert abs(found[name].value - number) < 4 * error, name
    assert found["half_width"].value == pytest.approx(spread.mean())
    # No other spread of the same events has a better density.
    for factor in (0.9, 1.1):
        other = metrics("regression", value, truth, spread=factor * spread)
        assert other["nll"].value > found["nll"].value
        assert other["crps"].value > found["crps"].value
    assert found["nll"].value == pytest.approx(np.mean(normal_nll(value - truth, spread)))
    plain = metrics("regression", value, truth)
    assert {name: found[name] for name in plain} == plain


def test_weights_count() -> None:
    value, truth, spread = RNG.normal(0, 1, 300), RNG.normal(0, 1, 300), RNG.gamma(4, 1, 300)
    weight = RNG.integers(1, 4, 300)
    again = [np.repeat(x, weight) for x in (value, truth, spread)]
    found = predictive(value, truth, 5, np.random.default_rng(1), None, weight.astype(float), spread=spread)
    wanted = predictive(again[0], again[1], 5, np.random.default_rng(1), spread=again[2])
    for name, measured in wanted.items():
        assert found[name].value == pytest.approx(measured.value, rel=1e-12)


def test_a_group_that_is_one_event_many_times_has_the_error_of_one() -> None:
    value, truth = RNG.normal(0, 1, 200), np.zeros(200)
    lower, upper = value - 1, value + 1
    one = predictive(value, truth, 400, np.random.default_rng(1), lower=lower, upper=upper)["coverage"]
    v, t, low, high = (np.repeat(x, 9) for x in (value, truth, lower, upper))
    group = np.repeat(np.arange(200), 9)
    nine = predictive(v, t, 400, np.random.default_rng(1), group, lower=low, upper=high)["coverage"]
    assert one.error is not None
    assert nine.error == pytest.approx(one.error, rel=0.01)
