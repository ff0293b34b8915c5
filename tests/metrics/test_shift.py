"""Differences between nominal and varied events: errors against direct computations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.metrics.by_task import metrics
from pd4ml.metrics.shift import Predicted, Shift, paired_difference, signal_thresholds

N = 4000


def error(shift: Shift, name: str) -> float:
    found = shift.difference[name].error
    assert found is not None
    return found


def jets(seed: int, shift: float = 0.0, smear: float = 0.1) -> tuple[Predicted, Predicted]:
    """The same events twice: logits that differ by ``shift`` and a little noise."""
    rng = np.random.default_rng(seed)
    truth = np.arange(N) % 2
    logit = rng.normal(2.0 * truth - 1)
    return Predicted(logit, truth), Predicted(logit + shift + rng.normal(0, smear, N), truth)


def test_thresholds_let_the_wanted_share_of_the_signal_pass() -> None:
    nominal, _ = jets(1)
    signal = nominal.output[nominal.truth == 1]
    for name, cut in signal_thresholds(nominal.output, nominal.truth).items():
        assert np.mean(signal >= cut) == pytest.approx(float(name), abs=1 / len(signal))
        assert np.mean(signal > cut) < float(name) <= np.mean(signal >= cut)
    weight = np.random.default_rng(2).exponential(size=N)
    cut = signal_thresholds(nominal.output, nominal.truth, weight)["0.5"]
    inside = (nominal.truth == 1) & (nominal.output >= cut)
    assert weight[inside].sum() / weight[nominal.truth == 1].sum() == pytest.approx(0.5, abs=3e-3)


def test_values_are_those_of_each_side_at_the_nominal_threshold() -> None:
    nominal, varied = jets(2, 0.3)
    found = paired_difference("classification", nominal, varied, paired=True)
    for side, measured in ((nominal, found.nominal), (varied, found.variant)):
        plain = metrics("classification", side.output, side.truth, n_resamples=2)
        for name in ("accuracy", "auc", "log_loss"):
            assert measured[name].value == pytest.approx(plain[name].value)
        cut = found.thresholds["0.5"]
        for name, label in (("signal", 1), ("background", 0)):
            passed = np.mean(side.output[side.truth == label] >= cut)
            assert measured[f"{name}_efficiency_at_0.5"].value == pytest.approx(passed)
    assert found.nominal["signal_efficiency_at_0.3"].value == pytest.approx(0.3, abs=1e-3)
    for name, difference in found.difference.items():
        assert difference.value == pytest.approx(found.variant[name].value - found.nominal[name].value)
    again = paired_difference("classification", nominal, varied, paired=True, thresholds={"0.5": 10.0})
    assert again.variant["signal_efficiency_at_0.5"].value == 0


def test_the_error_of_a_paired_difference_of_means() -> None:
    """Of a mean over events it is the spread of the events' differences, over sqrt(N)."""
    nominal, varied = jets(3, 0.2)
    found = paired_difference("classification", nominal, varied, paired=True, n_resamples=1000)
    correct = [(side.output > 0) == side.truth for side in (nominal, varied)]
    direct = np.std(correct[1].astype(float) - correct[0]) / math.sqrt(N)
    assert error(found, "accuracy") == pytest.approx(direct, rel=0.1)
    signal = nominal.truth == 1
    passes = [(side.output >= found.thresholds["0.5"])[signal].astype(float) for side in (nominal, varied)]
    direct = np.std(passes[1] - passes[0]) / math.sqrt(signal.sum())
    assert error(found, "signal_efficiency_at_0.5") == pytest.approx(direct, rel=0.1)
    alone = paired_difference("classification", nominal, varied, paired=False, n_resamples=1000)
    assert error(alone, "accuracy") == pytest.approx(
        math.hypot(alone.nominal["accuracy"].error or 0, alone.variant["accuracy"].error or 0), rel=0.15
    )
    assert error(found, "accuracy") < 0.5 * error(alone, "accuracy")


@pytest.mark.parametrize("paired", [True, False])
def test_errors_are_the_spread_of_repeated_samples(paired: bool) -> None:
    """Of paired and of independent events, also of an AUC, which is no mean."""

    def sample(seed: int, n_resamples: int) -> Shift:
        nominal, varied = jets(seed, 0.2, 0.5)
        varied = varied if paired else jets(10_000 + seed, 0.2, 0.5)[1]
        cuts = {"0.5": 1.0}
        return paired_difference(
            "classification", nominal, varied, paired=paired, thresholds=cuts, n_resamples=n_resamples
        )

    samples, errors = [sample(i, 2) for i in range(200)], [sample(i, 100) for i in range(10)]
    for name in ("auc", "accuracy", "log_loss", "background_efficiency_at_0.5"):
        spread = np.std([s.difference[name].value for s in samples])
        assert np.mean([error(e, name) for e in errors]) == pytest.approx(spread, rel=0.2), name


def test_regressions_and_weights() -> None:
    rng = np.random.default_rng(4)
    truth, weight = rng.normal(50, 10, (N, 2)), rng.exponential(size=N)
    value = truth + rng.normal(0, [5, 2], (N, 2))
    moved = value + np.array([1.0, 0.0]) + rng.normal(0, 0.1, (N, 2))
    sides = [Predicted(v, truth, weight=weight) for v in (value, moved)]
    found = paired_difference("regression", *sides, paired=True, n_resamples=1000)
    change = (moved - value)[:, 0]
    mean = np.average(change, weights=weight)
    assert found.difference["bias_0"].value == pytest.approx(mean)
    direct = math.sqrt(float(np.sum(weight**2 * (change - mean) ** 2))) / weight.sum()
    assert error(found, "bias_0") == pytest.approx(direct, rel=0.1)
    one = paired_difference("regression", *(Predicted(s.output[:, 1], truth[:, 1]) for s in sides), paired=True)
    assert set(one.difference) == {"mse", "bias", "resolution", "mae"}


def test_groups_are_drawn_together_on_both_sides() -> None:
    nominal, varied = jets(5, 0.2)
    nine = [
        Predicted(np.tile(s.output, 9), np.tile(s.truth, 9), np.tile(np.arange(N), 9)) for s in (nominal, varied)
    ]
    single = paired_difference("classification", nominal, varied, paired=True)
    together = paired_difference("classification", *nine, paired=True)
    for name, difference in single.difference.items():
        assert together.difference[name].value == pytest.approx(difference.value, abs=1e-12)
        assert error(together, name) == pytest.approx(error(single, name), abs=1e-12)


def test_groups_of_paired_events_may_have_other_names_on_the_other_side() -> None:
    nominal, varied = jets(7, 0.2)
    group = np.arange(N) // 2
    sides = [Predicted(s.output, s.truth, g) for s, g in ((nominal, group), (varied, group + 10**6))]
    same = paired_difference(
        "classification", sides[0], Predicted(varied.output, varied.truth, group), paired=True
    )
    assert paired_difference("classification", *sides, paired=True) == same


def test_classes_and_nodes() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, N)
    logits = rng.normal(size=(N, 3)) + 2 * np.eye(3)[labels]
    worse = logits + rng.normal(0, 0.5, (N, 3))
    classes = paired_difference("classification", Predicted(logits, labels), Predicted(worse, labels), paired=True)
    assert set(classes.difference) == {"accuracy", "auc_macro", "log_loss"}
    assert classes.difference["accuracy"].value < 0
    # Nodes that are lost in the variation: pairs are events, not nodes.
    event = np.repeat(np.arange(N // 10), 10)
    kept = rng.uniform(size=N) < 0.9
    lost = Predicted(worse[kept], labels[kept], event[kept])
    nodes = paired_difference("segmentation", Predicted(logits, labels, event), lost, paired=True)
    with pytest.raises(DataError, match="same group on both sides"):
        paired_difference("segmentation", Predicted(logits, labels, event + N), lost, paired=True)
    plain = metrics("segmentation", lost.output, lost.truth, event=event[kept])
    assert nodes.variant["iou_macro"].value == pytest.approx(plain["iou_macro"].value)
    assert nodes.variant["iou_macro"].error == pytest.approx(plain["iou_macro"].error, rel=0.3)


@pytest.mark.parametrize(
    ("task", "varied", "message"),
    [
        (
            "classification",
            Predicted(np.zeros(3), np.array([0, 1, 0])),
            "same events row by row, found 4,000 and 3",
        ),
        ("classification", Predicted(np.zeros(N), np.zeros(N, int)), "every class must be there"),
        ("unlabelled", Predicted(np.zeros(N), np.zeros(N, int)), "no metrics to compare"),
        ("segmentation", Predicted(np.zeros((N, 2)), np.zeros(N, int)), "nodes need group"),
    ],
)
def test_bad_input(task: Any, varied: Predicted, message: str) -> None:
    with pytest.raises(DataError, match=message):
        paired_difference(task, jets(1)[0], varied, paired=True)


def test_a_difference_is_known_no_better_than_by_one_event() -> None:
    """Paired events that all stay on their side of the cut leave no spread; there are a hundred of each class."""
    truth = np.repeat([0, 1], 100)
    logit = np.random.default_rng(6).normal(2.0 * truth - 1)
    sides = [Predicted(logit + shift, truth) for shift in (0.0, 1e-9)]
    found = paired_difference("classification", *sides, paired=True, thresholds={"0.5": 1.0}).difference
    assert found["background_efficiency_at_0.5"].value == 0
    assert found["background_efficiency_at_0.5"].error == found["signal_efficiency_at_0.5"].error == 0.01
    assert found["accuracy"].error == 0.005


def test_sides_with_some_events_in_common_are_paired_by_their_groups() -> None:
    """Of 3,000 events 2,400 are on both sides, at other places: they cancel but for what moved."""
    rng = np.random.default_rng(5)
    ids, n, common = rng.permutation(3600), 3000, 2400
    residual = rng.normal(0, 1, 3600)
    first, second = ids[:n], rng.permutation(ids[n - common :])
    moved = 0.1 + rng.normal(0, 0.05, 3600)
    sides = [
        Predicted(residual[of] + extra[of], np.zeros(n), of)
        for of, extra in ((first, np.zeros(3600)), (second, moved))
    ]
    paired, apart = (
        paired_difference("regression", *sides, paired=p, by_group=True, n_resamples=400).difference["bias"]
        for p in (True, False)
    )
    # Events on one side only fluctuate, (n - common) on each; those in common cancel.
    assert paired.value == apart.value
    assert paired.error == pytest.approx(np.sqrt(2 * (n - common)) / n, rel=0.15)
    assert apart.error == pytest.approx(np.sqrt(2 / n), rel=0.15)
