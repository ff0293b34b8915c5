"""A label for each node: values of scikit-learn, errors of whole events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from pd4ml.errors import DataError
from pd4ml.metrics.by_task import metrics


def nodes(n_events: int, seed: int, shared: float = 0.0, k: int = 3) -> tuple[Any, Any, Any]:
    """Logits, labels and events of some twenty nodes an event; ``shared`` is a noise that all nodes of it have."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(n_events), rng.integers(10, 30, n_events))
    labels = np.append(rng.choice(k, len(event) - k, p=[0.6, 0.3, 0.1]), np.arange(k))
    noise = shared * rng.normal(size=(n_events, k))[event]
    return rng.normal(size=(len(event), k)) + 1.5 * np.eye(k)[labels] + noise, labels, event


@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_scikit_learn(weighted: bool) -> None:
    logits, labels, event = nodes(200, 1)
    weight = np.random.default_rng(2).exponential(size=200)[event] if weighted else None
    measured = metrics("segmentation", logits, labels, event=event, weight=weight, n_resamples=10)
    chosen, options = logits.argmax(axis=1), {"sample_weight": weight}
    assert measured["accuracy"].value == pytest.approx(sk.accuracy_score(labels, chosen, **options))
    theirs = {"efficiency": sk.recall_score, "purity": sk.precision_score, "iou": sk.jaccard_score}
    for name, score in theirs.items():
        expected = score(labels, chosen, average=None, **options)
        assert [measured[f"{name}_class_{k}"].value for k in range(3)] == pytest.approx(expected)
        assert measured[f"{name}_macro"].value == pytest.approx(score(labels, chosen, average="macro", **options))


def test_errors_are_the_spread_of_repeated_samples_of_events() -> None:
    """Nodes of an event share a noise, so that errors of single nodes would be too small."""
    samples = [metrics("segmentation", *nodes(60, i, 1.0)[:2], event=nodes(60, i, 1.0)[2]) for i in range(150)]
    naive = metrics("segmentation", *nodes(60, 0, 1.0)[:2], event=np.arange(len(nodes(60, 0, 1.0)[1])))
    for name in ("accuracy", "efficiency_class_1", "iou_macro"):
        spread = np.std([s[name].value for s in samples])
        assert np.mean([s[name].error for s in samples]) == pytest.approx(spread, rel=0.2), name
        assert (naive[name].error or 0) < 0.7 * spread


def test_events_of_a_group_are_drawn_together() -> None:
    logits, labels, event = nodes(100, 3)
    nine = [np.concatenate([a] * 9) for a in (logits, labels)]
    events = np.concatenate([event + 100 * i for i in range(9)])
    single = metrics("segmentation", logits, labels, event=event, n_resamples=300)
    together = metrics("segmentation", *nine, event=events, group=np.tile(event, 9), n_resamples=300)
    for name in ("accuracy", "iou_macro"):
        assert together[name].value == pytest.approx(single[name].value)
        assert together[name].error == pytest.approx(single[name].error)


def test_a_class_that_nothing_is_taken_for_has_no_purity() -> None:
    logits, labels, event = nodes(50, 4)
    logits[:, 2] = -100
    measured = metrics("segmentation", logits, labels, event=event)
    expected = sk.precision_score(labels, logits.argmax(axis=1), average=None, zero_division=0)
    assert [measured[f"purity_class_{k}"].value for k in range(3)] == pytest.approx(expected)
    assert measured["efficiency_class_2"].value == 0


def test_bad_input() -> None:
    logits, labels, event = nodes(50, 5)
    with pytest.raises(DataError, match="need event: whose node"):
        metrics("segmentation", logits, labels)
    with pytest.raises(DataError, match=r"\(M, K\) and \(M,\), found \(\d+,\)"):
        metrics("segmentation", logits[:, 0], labels, event=event)
    with pytest.raises(DataError, match="labels 0 to 2"):
        metrics("segmentation", logits, np.minimum(labels, 1), event=event)
