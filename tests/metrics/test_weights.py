"""Weights of events: against scikit-learn's, against events that are there several times, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.metrics.by_task import SIGNAL_EFFICIENCIES, metrics
from pd4ml.metrics.regression import by_target
from pd4ml.metrics.roc import background_efficiency, roc_curve_with_band

N = 3000
RNG = np.random.default_rng(21)
WEIGHT = RNG.gamma(2, size=N) + 0.01
LABELS = np.append(RNG.integers(0, 2, N - 2), [0, 1])
LOGIT = RNG.normal(1.5 * LABELS - 0.75)
KINDS = np.append(RNG.integers(0, 3, N - 3), np.arange(3))
LOGITS = 1.5 * (RNG.normal(size=(N, 3)) + np.eye(3)[KINDS])
VECTOR = RNG.normal(50, 10, (N, 2))
ESTIMATE = VECTOR + RNG.normal([3, -1], [5, 2], (N, 2))
CASES: dict[str, tuple[Task, Any, Any]] = {
    "two classes": ("classification", LOGIT, LABELS),
    "classes": ("classification", LOGITS, KINDS),
    "regression": ("regression", ESTIMATE[:, 0], VECTOR[:, 0]),
    "vectors": ("regression", ESTIMATE, VECTOR),
}


def values(case: str, **options: Any) -> dict[str, float]:
    return {name: m.value for name, m in metrics(*CASES[case], n_resamples=3, **options).items()}


def test_two_classes_are_those_of_scikit_learn() -> None:
    found = values("two classes", weight=WEIGHT)
    score = 1 / (1 + np.exp(-LOGIT))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(LABELS, LOGIT > 0, sample_weight=WEIGHT))
    assert found["auc"] == pytest.approx(sk.roc_auc_score(LABELS, LOGIT, sample_weight=WEIGHT))
    assert found["log_loss"] == pytest.approx(sk.log_loss(LABELS, score, sample_weight=WEIGHT))
    fpr, tpr, _ = sk.roc_curve(LABELS, LOGIT, sample_weight=WEIGHT, drop_intermediate=False)
    for at in SIGNAL_EFFICIENCIES:
        passed = float(background_efficiency(tpr, fpr, at))
        assert found[f"background_rejection_{at}"] == pytest.approx(1 / passed)
    curve = roc_curve_with_band(LOGIT, LABELS, weight=WEIGHT, n_resamples=5)
    assert curve.background_efficiency == pytest.approx(background_efficiency(tpr, fpr, curve.signal_efficiency))


def test_classes_are_those_of_scikit_learn() -> None:
    found = values("classes", weight=WEIGHT)
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(KINDS, p.argmax(axis=1), sample_weight=WEIGHT))
    assert found["log_loss"] == pytest.approx(sk.log_loss(KINDS, p, sample_weight=WEIGHT))
    aucs = [sk.roc_auc_score(k == KINDS, p[:, k], sample_weight=WEIGHT) for k in range(3)]
    assert [found[f"auc_class_{k}"] for k in range(3)] == pytest.approx(aucs)
    assert found["auc_macro"] == pytest.approx(np.mean(aucs))


def test_regressions_are_those_of_scikit_learn() -> None:
    found = values("vectors", weight=WEIGHT)
    options: dict[str, Any] = {"sample_weight": WEIGHT}
    assert found["mse"] == pytest.approx(sk.mean_squared_error(VECTOR, ESTIMATE, **options))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(VECTOR, ESTIMATE, **options))
    for d in range(2):
        residual = ESTIMATE[:, d] - VECTOR[:, d]
        bias = np.average(residual, weights=WEIGHT)
        assert found[f"mse_{d}"] == pytest.approx(sk.mean_squared_error(VECTOR[:, d], ESTIMATE[:, d], **options))
        assert found[f"bias_{d}"] == pytest.approx(bias)
        assert found[f"resolution_{d}"] == pytest.approx(np.sqrt(np.cov(residual, aweights=WEIGHT, bias=True)))


@pytest.mark.parametrize("case", CASES)
def test_weights_of_one_change_nothing(case: str) -> None:
    assert metrics(*CASES[case], weight=np.ones(N, np.float32)) == metrics(*CASES[case])


@pytest.mark.parametrize("case", CASES)
def test_an_event_of_weight_two_is_an_event_that_is_there_twice(case: str) -> None:
    """In value and, drawn together, in error."""
    task, output, truth = CASES[case]
    times = np.random.default_rng(5).integers(1, 4, N)
    event = np.repeat(np.arange(N), times)
    weighted = metrics(task, output, truth, weight=times, group=np.arange(N))
    repeated = metrics(task, output[event], truth[event], group=event)
    assert list(weighted) == list(repeated)
    for name, measured in repeated.items():
        assert weighted[name].value == pytest.approx(measured.value), name
        assert weighted[name].error == pytest.approx(measured.error), name


@pytest.mark.parametrize("case", CASES)
def test_the_unit_of_weights_does_not_matter(case: str) -> None:
    small = metrics(*CASES[case], weight=1e-6 * WEIGHT, n_resamples=20)
    for name, measured in metrics(*CASES[case], weight=WEIGHT, n_resamples=20).items():
        assert small[name].value == pytest.approx(measured.value), name
        assert small[name].error == pytest.approx(measured.error), name


def test_errors_of_weighted_events_are_the_spread_of_repeated_samples() -> None:
    def sample(seed: int, n_resamples: int) -> Any:
        rng = np.random.default_rng(seed)
        weight, labels = rng.exponential(size=800), np.arange(800) % 2
        return metrics(
            "classification", rng.normal(1.5 * labels - 0.75), labels, weight=weight, n_resamples=n_resamples
        )

    samples, errors = [sample(i, 2) for i in range(400)], [sample(i, 100) for i in range(10)]
    for name in ("accuracy", "auc", "log_loss", "background_rejection_0.5"):
        spread = np.std([s[name].value for s in samples])
        assert np.mean([e[name].error for e in errors]) == pytest.approx(spread, rel=0.2), name


def test_a_limit_counts_the_background_by_its_weight() -> None:
    """Half of the background counts a thousandth: a hundred events are left that say anything."""
    truth = np.repeat([0, 0, 1], 100)
    weight = np.repeat([1.0, 1e-3, 1.0], 100)
    limit = metrics("classification", 2.0 * truth - 1, truth, weight=weight)["background_rejection_0.5"]
    assert limit.lower_limit
    assert limit.value == pytest.approx(100 / 2.9957, rel=0.01)


def test_bins_of_the_target_are_weighted_component_by_component() -> None:
    bins = by_target(ESTIMATE, VECTOR, 4, weight=WEIGHT)
    assert [b.component for b in bins] == [0] * 4 + [1] * 4
    one = bins[5]
    inside = (VECTOR[:, 1] >= one.low) & (VECTOR[:, 1] <= one.high)
    residual = (ESTIMATE - VECTOR)[inside, 1]
    assert one.n_events == inside.sum()
    assert one.metrics["bias"].value == pytest.approx(np.average(residual, weights=WEIGHT[inside]))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(np.arange(N) == 7, 0.0, 1.0), "positive and finite, found 0.0 at position 7"),
        (np.where(np.arange(N) == 7, -2.0, 1.0), "found -2.0 at position 7"),
        (np.where(np.arange(N) == 7, np.nan, 1.0), "found nan at position 7"),
        (np.ones(N - 1), r"weights must be numbers \(3000,\)"),
        (np.full(N, "1"), r"weights must be numbers"),
    ],
)
def test_what_is_no_weight(weight: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        metrics("classification", LOGIT, LABELS, weight=weight)


def test_shapes_and_groups_that_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"both \(N,\) or \(N, D\), found \(3000, 2\) and \(3000,\)"):
        metrics("regression", VECTOR, VECTOR[:, 0])
    with pytest.raises(DataError, match=r"group must be \(3000,\)"):
        metrics("regression", VECTOR, VECTOR, group=np.arange(N - 1))
    with pytest.raises(DataError, match="1 values of the truth are not finite, the first at position 4"):
        metrics("regression", VECTOR[:, 0], np.where(np.arange(N) == 4, np.nan, VECTOR[:, 0]))
    assert metrics("unlabelled", VECTOR, VECTOR) == {}
