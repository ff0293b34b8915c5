from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from pd4ml.card import Task
from pd4ml.errors import DataError, MissingExtraError
from pd4ml.metrics.by_task import SIGNAL_EFFICIENCIES, Measurement, metrics
from pd4ml.metrics.calibration import CALIBRATION_BINS, CalibrationBins
from pd4ml.metrics.classification import one_against_rest
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import Ranked, background_efficiency, roc_curve_with_band


def toy(n: int, seed: int, shift: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(0, 2, n - 2), [0, 1])
    return rng.normal(shift * (truth - 0.5)), truth


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 200), st.integers(0, 2**32 - 1), st.sampled_from([None, 0, 1]))
def test_weighted_curves_are_those_of_scikit_learn(n: int, seed: int, decimals: int | None) -> None:
    logit, truth = toy(n, seed)
    if decimals is not None:  # ties
        logit = np.round(logit, decimals)
    weights = np.random.default_rng(seed).integers(1, 4, n).astype(float)
    ranked = Ranked(logit, truth.astype(float))
    tpr, fpr = ranked.curve(weights[ranked.order])
    assert np.trapezoid(tpr, fpr) == pytest.approx(sk.roc_auc_score(truth, logit, sample_weight=weights))
    fpr_sk, tpr_sk, _ = sk.roc_curve(truth, logit, sample_weight=weights, drop_intermediate=False)
    wanted = [background_efficiency(tpr_sk, fpr_sk, e) for e in SIGNAL_EFFICIENCIES]
    np.testing.assert_allclose(background_efficiency(tpr, fpr, SIGNAL_EFFICIENCIES), wanted)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 200), st.integers(0, 2**32 - 1), st.sampled_from([None, 1]))
def test_values_are_those_of_scikit_learn_and_scipy(n: int, seed: int, decimals: int | None) -> None:
    from scipy.stats import mannwhitneyu

    logit, truth = toy(n, seed)
    if decimals is not None:
        logit = np.round(logit, decimals)
    measured = {name: m.value for name, m in metrics("classification", logit, truth, n_resamples=10).items()}
    signal, background = logit[truth == 1], logit[truth == 0]
    mid_rank = mannwhitneyu(signal, background).statistic / (len(signal) * len(background))
    assert measured["auc"] == pytest.approx(mid_rank)
    assert measured["accuracy"] == pytest.approx(np.mean((logit > 0) == truth))
    assert measured["log_loss"] == pytest.approx(np.mean(np.log1p(np.exp(np.where(truth == 1, -logit, logit)))))


def test_background_efficiency_between_and_on_points() -> None:
    tpr, fpr = np.array([0, 0.2, 0.4, 0.4, 1.0]), np.array([0, 0.0, 0.1, 0.3, 1.0])
    assert background_efficiency(tpr, fpr, 0.3) == 0.1  # no cut lies between the points
    assert background_efficiency(tpr, fpr, 0.4) == 0.1  # the first time it is reached
    assert background_efficiency(tpr, fpr, 0.7) == 1.0
    assert background_efficiency(np.array([0, 0.4 - 1e-16, 1]), np.array([0, 0.1, 1]), 0.4) == 0.1


def cut(logit: Any, truth: Any, weight: Any, wanted: float) -> float:
    """Background efficiency of the largest threshold that keeps ``wanted`` of the signal, by trying all."""
    signal, background = truth == 1, truth == 0
    for threshold in sorted(set(logit.tolist()), reverse=True):
        passed = logit >= threshold
        if weight[signal & passed].sum() >= wanted * weight[signal].sum() * (1 - 1e-12):
            return float(weight[background & passed].sum() / weight[background].sum())
    raise AssertionError("the lowest threshold keeps all")


@settings(deadline=None, max_examples=200)
@given(st.integers(3, 30), st.integers(0, 2**32 - 1), st.sampled_from([None, 0, 1]), st.booleans())
def test_rejections_are_those_of_cuts(n: int, seed: int, decimals: int | None, weighted: bool) -> None:
    """Never more than there are background events; a limit where fewer than one passes, and only there."""
    logit, truth = toy(n, seed, shift=3)
    logit = logit if decimals is None else np.round(logit, decimals)
    weight = np.random.default_rng(seed).integers(1, 5, n) / 3 if weighted else np.ones(n)
    background = weight[truth == 0]
    n_background = background.sum() ** 2 / np.sum(background**2)
    measured = metrics("classification", logit, truth, weight=weight if weighted else None, n_resamples=40)
    passed = [cut(logit, truth, weight, at) for at in SIGNAL_EFFICIENCIES]
    assert passed == sorted(passed)
    for at, efficiency in zip(SIGNAL_EFFICIENCIES, passed, strict=True):
        rejection = measured[f"background_rejection_{at}"]
        assert rejection.value <= n_background * (1 + 1e-9)
        assert rejection.lower_limit == (efficiency * n_background < 1 - 1e-9)
        if not rejection.lower_limit:
            assert rejection.value == pytest.approx(1 / efficiency)
        else:
            assert rejection.value <= n_background / 2.9957


def test_rounded_scores_give_no_more_rejection_than_there_are_events() -> None:
    """The single background event beside much signal at 1.00 passes, as does all that shares its score."""
    logit, truth = np.repeat([1.0, 1.0, 0.0], [300, 1, 799]), np.repeat([1, 0, 0], [300, 1, 799])
    measured = metrics("classification", logit, truth)
    for at in SIGNAL_EFFICIENCIES:
        found = measured[f"background_rejection_{at}"]
        assert found.value == pytest.approx(800)
        assert not found.lower_limit


@pytest.mark.parametrize(("passing", "most"), [(0.0, 2.9957), (0.5, 3.9074), (1 - 1e-6, 4.7439)])
def test_limits_count_what_passes(passing: float, most: float) -> None:
    """Half the 95 % quantile of chi squared with 2 (k + 1) degrees of freedom, as tables have it."""
    from scipy.stats import chi2

    assert most == pytest.approx(chi2.ppf(0.95, 2 * (passing + 1)) / 2, abs=1e-4)
    # One light background event lies beside the signal; ten heavy ones far below.
    light = passing * 0.1  # so that about ``passing`` of the effective events passes
    weight = np.array([1.0, max(light, 1e-12), *np.ones(10)])
    n_background = weight[1:].sum() ** 2 / np.sum(weight[1:] ** 2)
    found = metrics("classification", np.r_[1, 1, np.zeros(10)], np.r_[1, np.zeros(11)], weight=weight)
    k = weight[1] / weight[1:].sum() * n_background
    limit = found["background_rejection_0.5"]
    assert limit.lower_limit
    assert limit.value == pytest.approx(n_background / (chi2.ppf(0.95, 2 * (k + 1)) / 2))


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
        "background_rejection_0.8": 1 / (1 - normal.cdf(normal.inv_cdf(0.2) + shift)),
    }
    for name, value in expected.items():
        error = measured[name].error
        assert error is not None
        assert abs(measured[name].value - value) < 4 * error
        assert error < 0.05 * value


def gaussian_classes(n: int, seed: int, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, k) that are the true log probabilities of k Gaussians around the unit vectors."""
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(0, k, n - k), np.arange(k))
    return 1.5 * (rng.normal(size=(n, k)) + 1.5 * np.eye(k)[truth]), truth


def test_multi_class_values_are_those_of_scikit_learn() -> None:
    logits, truth = gaussian_classes(2000, 5)
    measured = metrics("classification", logits, truth)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    values = {name: m.value for name, m in measured.items()}
    assert values["accuracy"] == pytest.approx(sk.accuracy_score(truth, p.argmax(axis=1)))
    assert values["log_loss"] == pytest.approx(sk.log_loss(truth, p))
    assert values["auc_macro"] == pytest.approx(sk.roc_auc_score(truth, p, multi_class="ovr", average="macro"))
    passed = []
    for k in range(3):
        assert values[f"auc_class_{k}"] == pytest.approx(sk.roc_auc_score(truth == k, p[:, k]))
        fpr, tpr, _ = sk.roc_curve(truth == k, p[:, k], drop_intermediate=False)
        passed.append(float(background_efficiency(tpr, fpr, 0.5)))
        assert values[f"background_rejection_0.5_class_{k}"] == pytest.approx(1 / passed[-1])
    assert values["background_rejection_0.5_macro"] == pytest.approx(1 / np.mean(passed))
    assert all(m.error is not None and m.error > 0 for m in measured.values())


def test_two_classes_as_two_columns_are_those_of_one() -> None:
    logit, truth = toy(500, 7)
    two = metrics("classification", np.stack([0 * logit, logit], axis=1), truth)
    one = metrics("classification", logit, truth)
    for name in ("auc", "background_rejection_0.5"):
        assert two[name + "_class_1"].value == pytest.approx(one[name].value)
    assert two["log_loss"].value == pytest.approx(one["log_loss"].value)


def test_one_against_rest_is_a_log_odds() -> None:
    logits = np.array([[1.0, 2.0, -1.0], [800.0, 0.0, 0.0]])
    p = math.exp(2) / (math.exp(1) + math.exp(2) + math.exp(-1))
    assert one_against_rest(logits, 1)[0] == pytest.approx(math.log(p / (1 - p)))
    assert one_against_rest(logits, 0)[1] == pytest.approx(800 - math.log(2))


def test_calibration_error_against_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(3)
    p = np.sort(rng.uniform(0, 1, 150 * CALIBRATION_BINS))
    hit = (rng.uniform(0, 1, len(p)) < p**2).astype(float)
    found = CalibrationBins(p, hit).error(np.ones(len(p)))
    fraction, mean = calibration_curve(hit, p, n_bins=CALIBRATION_BINS, strategy="quantile")
    assert found == pytest.approx(np.mean(np.abs(fraction - mean)), rel=0.01)
    assert found == pytest.approx(1 / 6, abs=0.03)  # the integral of p - p^2


def test_calibrated_probabilities_have_a_small_calibration_error() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.01, 0.99, 50_000)
    truth = (rng.uniform(0, 1, len(p)) < p).astype(int)
    logit = np.log(p / (1 - p))
    assert metrics("classification", logit, truth)["calibration_error"].value < 0.01
    assert metrics("classification", 3 * logit, truth)["calibration_error"].value > 0.1


def test_calibration_does_not_depend_on_the_order_of_equal_scores() -> None:
    logit = np.zeros(300)
    truth = np.repeat([0, 1], 150)
    assert metrics("classification", logit, truth)["calibration_error"].value == pytest.approx(0)
    assert metrics("classification", logit, truth)["auc"].value == pytest.approx(0.5)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_ties_do_not_depend_on_the_order_in_the_file(order: slice) -> None:
    """The area ranks them in the middle; at a working point no order of them is worse."""
    logit, truth = np.round(toy(5000, 8)[0], 0)[order], toy(5000, 8)[1][order]
    measured = metrics("classification", logit, truth)
    jittered = [
        metrics("classification", logit + np.random.default_rng(i).uniform(-0.1, 0.1, 5000), truth, n_resamples=2)
        for i in range(30)
    ]
    broken = [m["auc"].value for m in jittered]
    assert measured["auc"].value == pytest.approx(np.mean(broken), abs=float(np.std(broken)))
    for at in SIGNAL_EFFICIENCIES:
        name = f"background_rejection_{at}"
        assert measured[name].value < min(m[name].value for m in jittered)


def test_roc_band_covers_the_true_curve() -> None:
    from statistics import NormalDist

    normal, shift = NormalDist(), 1.5
    wanted = np.array([0.3, 0.5, 0.8])
    true = np.array([1 - normal.cdf(normal.inv_cdf(1 - e) + shift) for e in wanted])
    inside = []
    for seed in range(100):
        curve = roc_curve_with_band(*toy(2000, seed), wanted, n_resamples=50)
        inside.append((curve.low <= true) & (true <= curve.high))
    assert np.mean(inside) == pytest.approx(0.68, abs=0.1)


def test_roc_curve_agrees_with_the_metrics() -> None:
    logit, truth = toy(3000, 9)
    curve = roc_curve_with_band(logit, truth)
    assert curve.signal_efficiency[[0, -1]].tolist() == [0.01, 1.0]
    assert curve.n_background == np.sum(truth == 0)
    assert np.all(np.diff(curve.background_efficiency) >= 0)
    at = np.argmin(np.abs(curve.signal_efficiency - 0.5))
    rejection = metrics("classification", logit, truth)["background_rejection_0.5"]
    assert 1 / curve.background_efficiency[at] == pytest.approx(rejection.value)


def test_bins_of_the_target() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 100, 20_000)
    value = truth + rng.normal(0.1 * truth, 1 + truth / 20)
    bins = by_target(value, truth, 5)
    assert sum(b.n_events for b in bins) == len(truth)
    assert [b.n_events for b in bins] == pytest.approx([4000] * 5, abs=1)
    for b in bins:
        middle = (b.low + b.high) / 2
        bias, resolution = b.metrics["bias"], b.metrics["resolution"]
        assert bias.error is not None
        assert bias.value == pytest.approx(0.1 * middle, abs=4 * bias.error)
        assert resolution.value == pytest.approx(1 + middle / 20, rel=0.15)


def test_bins_of_a_target_of_few_values() -> None:
    truth = np.repeat([10.0, 20.0, 40.0, 80.0], [500, 10, 200, 1])
    bins = by_target(truth + 1, truth)
    assert [(b.low, b.high, b.n_events) for b in bins] == [(10, 20, 510), (40, 80, 201)]
    assert all(b.metrics["bias"].value == pytest.approx(1) for b in bins)


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
    assert measured["mae"].value == pytest.approx(2.0)


def test_no_background_left_is_a_limit() -> None:
    truth = np.repeat([0, 1], 300)
    measured = metrics("classification", truth * 2.0 - 1, truth)
    limit = measured["background_rejection_0.3"]
    assert limit.value == pytest.approx(300 / 2.9957, rel=1e-4)
    assert limit.lower_limit
    assert limit.error is None
    assert measured["auc"] == Measurement(1.0, 0.0)
    assert repr(Measurement(1.0, 2.5e-17)) == "1"


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


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_events_that_belong_together_make_larger_errors(task: Task) -> None:
    """Every event 9 times over: the errors are those of single events, 3 times the naive ones."""
    logit, truth = toy(1000, 11)
    values = (logit, truth) if task == "classification" else (logit, 0.0 * truth)
    single = metrics(task, *values, n_resamples=400)
    nine = [np.repeat(v, 9) for v in values]
    together = metrics(task, *nine, group=np.repeat(np.arange(1000) * 7, 9), n_resamples=400)
    naive = metrics(task, *nine, n_resamples=400)
    names = ("auc", "accuracy", "log_loss") if task == "classification" else ("mse", "bias", "resolution", "mae")
    for name in names:
        assert together[name].value == pytest.approx(single[name].value)
        assert together[name].error == pytest.approx(single[name].error, rel=0.15)
        assert together[name].error == pytest.approx(3 * (naive[name].error or 0), rel=0.15)


def test_groups_of_one_change_nothing() -> None:
    logit, truth = toy(300, 12)
    logits, labels = gaussian_classes(300, 12)
    alone = np.arange(300)
    assert metrics("regression", logit, truth, group=alone) == metrics("regression", logit, truth)
    assert metrics("classification", logits, labels, group=alone) == metrics("classification", logits, labels)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pd4ml-physics\[evaluate\]'"):
        metrics("classification", *toy(10, 1))


def test_rounding_is_no_error() -> None:
    """A perfect classifier scores 1 in every resample, but for the order of sums."""
    from pd4ml.metrics.measurement import spread

    values = np.array([[1.0, 0.5], [1.0 - 1e-16, 0.6], [1.0 + 2e-16, 0.7]])
    np.testing.assert_allclose(spread(values), [0, 0.1])
