"""What cuts do to a quantity, against plain formulae and against scores whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from pd4ml.errors import DataError
from pd4ml.metrics.decorrelation import EFFICIENCIES, jensen_shannon, sculpting

N = 6000


@pytest.fixture(scope="module")
def events() -> tuple[Any, ...]:
    """Labels, masses that tell of them, and a score that knows the label but no mass."""
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, N)
    return label, rng.normal(100 + 50 * label, 30), rng.normal(1.5 * label)


def test_the_divergence_is_that_of_scipy() -> None:
    p, q = np.array([3.0, 0, 5, 2]), np.array([1.0, 4, 5, 0])
    assert jensen_shannon(p, q) == pytest.approx(float(jensenshannon(p, q, base=2)) ** 2)
    assert jensen_shannon(p, 3 * p) == pytest.approx(0)
    assert jensen_shannon(np.array([1, 0]), np.array([0, 2])) == 1


def test_numbers_are_their_definitions(events: tuple[Any, ...]) -> None:
    label, mass, score = events
    score = np.round(score + mass / 60, 2)  # with ties
    found = sculpting(score, label, mass, n_resamples=5)
    background = label == 0
    edges = np.quantile(mass[background], np.linspace(0, 1, 11)[1:-1])
    for at in EFFICIENCIES:
        cut = np.sort(score[~background])[::-1][int(np.ceil(at * (~background).sum())) - 1]
        passed = score[background] >= cut
        assert found[f"rejection_{at}"].value == pytest.approx(1 / passed.mean())
        bins = np.searchsorted(edges, mass[background], side="right")
        histograms = [np.bincount(bins[side], minlength=10) for side in (passed, ~passed)]
        assert found[f"inverse_jsd_{at}"].value == pytest.approx(1 / jensen_shannon(*histograms))
    for k in (0, 1):
        high = mass[label == k] > np.median(mass[label == k])
        expected = ks_2samp(score[label == k][high], score[label == k][~high]).statistic
        assert found[f"ks_{k}"].value == pytest.approx(expected)


def test_a_score_that_knows_no_mass_is_at_the_limit(events: tuple[Any, ...]) -> None:
    label, mass, score = events
    found = sculpting(score, label, mass, n_resamples=50)
    for at in EFFICIENCIES:
        flat, limit = found[f"inverse_jsd_{at}"], found[f"inverse_jsd_limit_{at}"]
        assert flat.error is not None
        assert limit.error is not None
        assert abs(1 / flat.value - 1 / limit.value) < 4 * limit.error / limit.value**2
    sculpted = sculpting(score + mass / 50, label, mass, n_resamples=50)
    assert sculpted["inverse_jsd_0.8"].value < 0.1 * found["inverse_jsd_0.8"].value


def test_errors_are_the_spread_of_samples() -> None:
    rng, values = np.random.default_rng(2), []
    for _ in range(60):
        label = rng.integers(0, 2, 1500)
        mass = rng.normal(label, 1)
        found = sculpting(rng.normal(label) + mass, label, mass, n_resamples=30)
        values.append([(found[name].value, found[name].error) for name in ("rejection_0.5", "inverse_jsd_0.8")])
    value, error = np.array(values).transpose(2, 1, 0)
    assert np.allclose(value.std(axis=1), error.mean(axis=1), rtol=0.35)


def test_few_events_are_refused() -> None:
    with pytest.raises(DataError, match="at least 100 events of each class, found 30 of one"):
        sculpting(np.arange(330.0), np.r_[np.zeros(300), np.ones(30)], np.arange(330.0))
