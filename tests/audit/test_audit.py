"""Planted duplicates, groups and leaks are found; without them nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from pd4ml.audit.audit import Audit, audit
from pd4ml.audit.duplicates import _threshold
from pd4ml.card import ArraySpec, Card, Measurement, PublishedScore
from pd4ml.dataset import Dataset
from pd4ml.storage.manifest import ArrayFile, Manifest
from pd4ml.storage.store import Events

Arrays = dict[str, np.ndarray]
CARD = Card(
    name="Planted",
    version="1",
    title="points with planted faults",
    task="classification",
    description="Made for tests.",
    inputs=(
        ArraySpec("points", (10, 3), "float32", "1", "ten points"),
        ArraySpec("part", (), "uint8", "1", "bookkeeping"),
    ),
    target=ArraySpec("label", (), "uint8", "1", "0 or 1"),
    extras=(ArraySpec("event_id", (), "int64", "1", "which belong together"),),
    group="event_id",
    classes=("zero", "one"),
    splits=MappingProxyType({"train": 3000, "test": 1000}),
    sources=(),
    variants=MappingProxyType({}),
    licence="MIT",
    citations=(),
    literature=(PublishedScore("best", {"auc": Measurement(0.9, None)}, "none"),),
)


def splits(seed: int = 1) -> tuple[Arrays, Arrays]:
    """Independent events whose label only the spread of the points tells of, weakly."""
    rng = np.random.default_rng(seed)

    def one(n: int, part: int) -> Arrays:
        label = rng.integers(0, 2, n, dtype=np.uint8)
        points = rng.normal(0, 1 + 0.05 * label[:, None, None], (n, 10, 3)).astype(np.float32)
        event_id = rng.integers(0, 2**62, n)
        return {"points": points, "part": np.full(n, part, np.uint8), "label": label, "event_id": event_id}

    return one(3000, 0), one(1000, 1)


def audited(train: Arrays, test: Arrays, monkeypatch: pytest.MonkeyPatch, card: Card = CARD) -> Audit:
    def files(arrays: Arrays) -> dict[str, ArrayFile]:
        return {
            name: ArrayFile(f"{name}.npy", a.dtype.name, a.shape, "0" * 64, True, name == "event_id")
            for name, a in arrays.items()
        }

    both = {"train": train, "test": test}
    manifest = Manifest(
        "Planted", "1", "generated", "default", "label", {s: files(a) for s, a in both.items()}, {}, "now"
    )

    class Planted:
        name = "Planted"

        @classmethod
        def open(cls, split: str, path: Any, **_: Any) -> Events:
            return Events(both[split], manifest, split)

    monkeypatch.setattr(Planted, "card", card, raising=False)
    dataset: type[Dataset] = Planted  # type: ignore[assignment]
    return audit(dataset, Path())


def test_clean_events(monkeypatch: pytest.MonkeyPatch) -> None:
    found = audited(*splits(), monkeypatch)
    assert not found.failed
    assert [d.n_events for d in found.duplicates] == [0, 0, 0]
    assert [d.n_events for d in found.near] == [0, 0, 0]
    assert [(d.first, d.second, d.n_looked_at) for d in found.near] == [
        ("train", "train", 3000),
        ("test", "test", 1000),
        ("train", "test", 1000),
    ]
    assert [g.n_groups for g in found.groups] == [0]
    assert not any(leak.flagged for leak in found.leaks)
    best = found.leaks[0]
    assert best.feature in ("all summaries together", "spread of points", "sum of absolute points")
    assert 0.55 < best.score.value < 0.7
    assert {"place in the file", "parity of the place", "last bit of points"} <= {
        leak.feature for leak in found.leaks if leak.bookkeeping
    }


def test_exact_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = splits()
    test["points"][[5, 6]] = train["points"][[100, 200]]  # `part` differs and must not hide them
    test["label"][5] = train["label"][100]
    test["label"][6] = 1 - train["label"][200]
    train["points"][7] = train["points"][3]
    within, test_only, across = audited(train, test, monkeypatch).duplicates
    assert (within.n_events, within.example) == (1, (3, 7))
    assert test_only.n_events == 0
    assert (across.n_events, across.n_other_label, across.example) == (2, 1, (100, 5))
    assert audited(train, test, monkeypatch).failed


def rounded(points: np.ndarray) -> np.ndarray:
    return np.round(points, 3)


def smeared(points: np.ndarray) -> np.ndarray:
    return points * np.float32(1.003)


def one_number_changed(points: np.ndarray) -> np.ndarray:
    changed = points.copy()
    changed[..., 9, 2] += 0.05
    return changed


@pytest.mark.parametrize("change", [rounded, smeared, one_number_changed])
def test_near_duplicates(change: Callable[[np.ndarray], np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = splits()
    test["points"][20:30] = change(train["points"][1000:1010])
    train["points"][50:55] = change(train["points"][2000:2005])
    found = audited(train, test, monkeypatch)
    within, test_only, across = found.near
    assert across.n_events == 10
    assert across.example is not None
    assert across.example[0] - across.example[1] == 980
    assert within.n_events == 10  # either of a pair
    assert test_only.n_events == 0
    assert [d.n_events for d in found.duplicates] == [0, 0, 0]
    assert not found.failed


@pytest.mark.parametrize("dimension", [2, 5, 8])
def test_the_threshold_lets_a_tenth_of_a_pair_pass(dimension: int) -> None:
    """Independent points in a ball around each event: simulate far more events than the threshold is for."""
    rng = np.random.default_rng(dimension)
    distances = np.sort(rng.uniform(0, 1, (1_000_000, 10)) ** (1 / dimension), axis=1)
    ratio = distances[:, 0] / distances[:, -1]
    threshold = _threshold(ratio[:1000], 10)
    # 0.1 expected of 1,000 events, so 100 of a million, up to what 1,000 events say of the dimension.
    assert 40 < np.sum(ratio < threshold) < 250


def test_groups_in_two_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = splits()
    test["event_id"][:6] = train["event_id"][[1, 1, 1, 2, 3, 3]]
    found = audited(train, test, monkeypatch)
    (shared,) = found.groups
    assert (shared.n_groups, shared.n_events) == (3, 6)
    assert found.failed


def by_sorted(arrays: Arrays) -> None:
    order = np.argsort(arrays["label"], kind="stable")
    for name, array in arrays.items():
        arrays[name] = array[order]


def by_parity_of_the_place(arrays: Arrays) -> None:
    arrays["label"][:] = np.arange(len(arrays["label"])) % 2


def by_last_bit(arrays: Arrays) -> None:
    bits = arrays["points"].view(np.uint32)
    bits &= ~np.uint32(1)
    bits |= arrays["label"][:, None, None].astype(np.uint32) & (np.arange(30).reshape(10, 3) < 20)


def by_sum(arrays: Arrays) -> None:
    arrays["points"][..., 1] += 2 * arrays["label"][:, None]


def by_number(arrays: Arrays) -> None:
    arrays["part"][:] = arrays["label"]


@pytest.mark.parametrize(
    ("plant", "feature", "bookkeeping"),
    [
        (by_sorted, "place in the file", True),
        (by_parity_of_the_place, "parity of the place", True),
        (by_last_bit, "last bit of points", True),
        (by_sum, "sum of points, component 1", False),
        (by_number, "part", False),
    ],
)
def test_leaks(
    plant: Callable[[Arrays], None], feature: str, bookkeeping: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = splits()
    plant(train)
    plant(test)
    leaks = {leak.feature: leak for leak in audited(train, test, monkeypatch).leaks}
    assert leaks[feature].flagged
    assert leaks[feature].bookkeeping == bookkeeping
    assert leaks[feature].score.value > 0.98


def test_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = splits()
    card = replace(CARD, task="regression", target=ArraySpec("label", (), "float32", "1", "a number"), classes=())
    for arrays in (train, test):
        arrays["label"] = (
            np.random.default_rng(len(arrays["label"])).normal(size=len(arrays["label"])).astype("f4")
        )
    clean = audited(train, test, monkeypatch, card).leaks
    assert clean[0].metric == "R2"
    assert clean[0].score.value < 0.1
    for arrays in (train, test):
        arrays["label"] = np.linspace(0, 1, len(arrays["label"]), dtype=np.float32)
    best = audited(train, test, monkeypatch, card).leaks[0]
    assert (best.feature, best.flagged) == ("place in the file", True)
    assert best.score.value > 0.95


def test_the_same_seed_gives_the_same_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert audited(*splits(), monkeypatch) == audited(*splits(), monkeypatch)


@pytest.mark.parametrize("task", ["regression", "segmentation"])
def test_leaks_of_one_component_or_class(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of the points gives the second component, or the share of the second class, away."""
    found = splits()
    for arrays in found:
        rng = np.random.default_rng(len(arrays["label"]))
        n = len(arrays["label"])
        if task == "regression":
            label = rng.normal(size=(n, 3))
            arrays["points"][:, 0, 0] += 30 * label[:, 1]
        else:
            label = rng.integers(0, 2, (n, 8)).astype(np.int8)
            label[np.arange(8) > rng.integers(3, 8, (n, 1))] = -1
            share = (label == 1).sum(axis=1) / (label >= 0).sum(axis=1)
            arrays["points"][:, 0, 0] += (200 * share).astype(np.float32)
        arrays["label"] = label
    target = replace(CARD.target, shape=found[0]["label"].shape[1:], padding=-1)
    card = replace(CARD, task=task, target=target, classes=() if task == "regression" else CARD.classes)
    audit = audited(*found, monkeypatch, card)
    best = audit.leaks[0]
    assert best.metric == "R2"
    assert best.feature in ("sum of points", "sum of points, component 0", "all summaries together")
    assert best.score.value > 0.8
    assert all(leak.score.value < 0.1 for leak in audit.leaks if leak.bookkeeping)


def test_duplicates_of_events_without_a_target_of_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the same points, one with another label for one of its nodes."""
    train, test = splits()
    for arrays in (train, test):
        arrays["label"] = np.zeros((len(arrays["label"]), 8), np.int8)
    test["points"][:2] = train["points"][:2]
    test["label"][1, 5] = 1
    card = replace(CARD, task="segmentation", target=replace(CARD.target, shape=(8,), dtype="int8", padding=-1))
    between = audited(train, test, monkeypatch, card).duplicates[-1]
    assert (between.n_events, between.n_other_label) == (2, 1)


def test_few_groups_whose_events_may_all_be_of_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resample may then hold one class only, and a feature may be the same for all of one split."""
    train, test = splits()
    few = {name: array[:60] for name, array in train.items()}, {name: array[:20] for name, array in test.items()}
    for place, arrays in enumerate(few):
        arrays["event_id"] = 100 * place + np.arange(len(arrays["label"])) // 10
        arrays["label"] = (arrays["event_id"] % 2).astype(np.uint8)
    few[1]["points"][:, :, 0] = 0
    found = audited(*few, monkeypatch)
    assert found.leaks
    assert all(np.isfinite(leak.score.value) for leak in found.leaks)
    few[1]["label"][:] = 1
    assert all(leak.score.error is None or leak.on == "train" for leak in audited(*few, monkeypatch).leaks)
