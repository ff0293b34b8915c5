from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.evaluation.metrics import Measurement, _Ranked, background_efficiency, metrics


def toy(n: int, seed: int, shift: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(0, 2, n - 2), [0, 1])
    return rng.normal(shift * (truth - 0.5)), truth


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 200), st.integers(0, 2**32 - 1), st.sampled_from([None, 0, 1]))
def test_weighted_metrics_are_those_of_scikit_learn(n: int, seed: int, decimals: int | None) -> None:
    logit, truth = toy(n, seed)
    if decimals is not None:  # ties
        logit = np.round(logit, decimals)
    weights = np.random.default_rng(seed).integers(1, 4, n).astype(float)
    ranked = _Ranked(logit, truth.astype(float))
    order = np.argsort(-logit, kind="stable")
    accuracy, auc, log_loss, *passed = ranked.metrics(weights[order])
    score = 1 / (1 + np.exp(-logit))
    assert accuracy == pytest.approx(sk.accuracy_score(truth, logit > 0, sample_weight=weights))
    assert auc == pytest.approx(sk.roc_auc_score(truth, logit, sample_weight=weights))
    assert log_loss == pytest.approx(sk.log_loss(truth, score, sample_weight=weights))
    fpr, tpr, _ = sk.roc_curve(truth, logit, sample_weight=weights, drop_intermediate=False)
    assert passed == pytest.approx([background_efficiency(tpr, fpr, e) for e in (0.3, 0.5)])


def test_background_efficiency_between_and_on_points() -> None:
    tpr, fpr = np.array([0, 0.2, 0.4, 0.4, 1.0]), np.array([0, 0.0, 0.1, 0.3, 1.0])
    assert background_efficiency(tpr, fpr, 0.3) == pytest.approx(0.05)
    assert background_efficiency(tpr, fpr, 0.4) == pytest.approx(0.1)  # the first time it is reached
    assert background_efficiency(tpr, fpr, 0.7) == pytest.approx(0.65)


def test_values_of_two_gaussians() -> None:
    """Against the normal distribution: AUC = Phi(shift / sqrt 2), eps_B = 1 - Phi(z(eps_S) + shift)."""
    from statistics import NormalDist

    normal, shift = NormalDist(), 1.5
    logit, truth = toy(200_000, 1, shift)
    measured = metrics("classification", logit, truth)
    expected = {
        "accuracy": normal.cdf(shift / 2),
        "auc": normal.cdf(shift / math.sqrt(2)),
        "background_rejection_0.3": 1 / (1 - normal.cdf(normal.inv_cdf(0.7) + shift)),
        "background_rejection_0.5": 1 / (1 - normal.cdf(shift)),
    }
    for name, value in expected.items():
        error = measured[name].error
        assert error is not None
        assert abs(measured[name].value - value) < 4 * error
        assert error < 0.05 * value


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_bootstrap_errors_are_the_spread_of_repeated_samples(task: Task) -> None:
    def sample(seed: int, n_resamples: int) -> dict[str, Measurement]:
        if task == "classification":
            return metrics(task, *toy(3000, seed), n_resamples=n_resamples)
        return metrics(task, np.random.default_rng(seed).normal(3, 2, 500), np.zeros(500), n_resamples=n_resamples)

    samples = [sample(seed, 2) for seed in range(300)]
    errors = [sample(seed, 100) for seed in range(10)]
    for name in samples[0]:
        spread = np.std([s[name].value for s in samples])
        assert np.mean([e[name].error for e in errors]) == pytest.approx(spread, rel=0.2), name


def test_regression_values() -> None:
    value, truth = np.array([1.0, 2.0, 6.0]), np.array([0.0, 0.0, 3.0])
    measured = metrics("regression", value, truth)
    assert measured["mse"].value == pytest.approx(14 / 3)
    assert measured["bias"].value == pytest.approx(2.0)
    assert measured["resolution"].value == pytest.approx(math.sqrt(2 / 3))


def test_no_background_left_is_a_limit() -> None:
    truth = np.repeat([0, 1], 300)
    measured = metrics("classification", truth * 2.0 - 1, truth)
    limit = measured["background_rejection_0.3"]
    assert limit.value == pytest.approx(300 / 2.9957, rel=1e-4)
    assert limit.lower_limit
    assert limit.error is None
    assert measured["auc"] == Measurement(1.0, 0.0)


def test_logits_that_saturate_the_score_are_still_ranked() -> None:
    logit, truth = toy(5000, 3)
    far = metrics("classification", logit + 60, truth)
    near = metrics("classification", logit, truth)
    assert far["auc"].value == pytest.approx(near["auc"].value)
    assert far["background_rejection_0.3"].value == pytest.approx(near["background_rejection_0.3"].value)


def test_seeded() -> None:
    assert metrics("classification", *toy(100, 1), seed=4) == metrics("classification", *toy(100, 1), seed=4)


@pytest.mark.parametrize(
    ("output", "truth", "message"),
    [
        ([0.1, np.nan, 0.2], [0, 1, 1], "1 predictions are not finite, the first at position 1"),
        ([0.1, 0.3, 0.2], [1, 1, 1], "labels 0 and 1"),
        ([0.1, 0.3, 0.2], [0, 1, 2], "labels 0 and 1"),
        ([0.1, 0.3], [0, 1, 1], r"found \(2,\) and \(3,\)"),
    ],
)
def test_bad_input(output: list[float], truth: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        metrics("classification", np.array(output), np.array(truth))
