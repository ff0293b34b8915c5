"""Boosted trees on summary features, by the same path as networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from helpers.toy import Toy
from pd4ml.benchmark import evaluate, train
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.storage.store import Array
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.fitted import Options
from pd4ml.training.history import read_history
from pd4ml.training.trees import ESTIMATOR, BoostedTrees, Forest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {"mean": arrays["points"].mean(axis=(1, 2)), "spread": arrays["points"].std(axis=(1, 2))}

    monkeypatch.setattr(Toy, "summary", summary)
    Toy.generate(tmp_path, n_events=500, seed=1)
    return tmp_path


def recipe(**changes: Any) -> Recipe:
    return load_recipe("gbdt").override(**{"max_epochs": 40, "patience": 5, "batch_size": 64, **changes})


def test_a_run_leaves_a_record_that_can_be_recomputed(store: Path) -> None:
    options: dict[str, Any] = {"path": store, "source": "generated", "runs_dir": store / "runs"}
    record = train(Toy, recipe(), **options)
    assert record.metrics["auc"].value > 0.9
    assert record.model["name"] == "gbdt"
    assert record.model["parameters"] > record.epochs["best"]
    assert record.epochs["best"] <= record.epochs["trained"] <= 40
    assert record.folder is not None
    assert evaluate(record.folder, store).keys() == record.metrics.keys()
    assert len(read_history(record.folder / "history.csv")) == record.epochs["trained"]
    assert not [file for file in record.folder.iterdir() if file.suffix in (".pkl", ".joblib", ".ckpt")]
    again = train(Toy, recipe(), **options, force=True)
    assert again.metrics == record.metrics


def grown(store: Path, folder: Path, dataset: type[Dataset] = Toy, n_events: int | None = None) -> BoostedTrees:
    sample = dataset.at(store, source="generated")
    return ESTIMATOR.fit({"train": sample}, recipe(), folder, Options(n_events=n_events))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_best_tree_is_that_of_the_lowest_validation_loss(
    task: Any, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "card", replace(Toy.card, task=task))
    trees = grown(store, tmp_path, n_events=300)
    assert (trees.facts.n_train, trees.facts.n_valid) == (240, 60)
    losses = [row["valid_loss"] for row in read_history(tmp_path / "history.csv")]
    assert trees.facts.best_epoch == 1 + int(np.argmin(losses))
    events = Toy.open("train", store, source="generated")
    y, output = np.asarray(events.y[240:300], float), trees.predict(events, 100)[240:300].astype(float)
    loss = np.square(y - output) if task == "regression" else np.logaddexp(0, output) - y * output
    assert loss.mean() == pytest.approx(min(losses), rel=1e-5)


def test_features_do_not_depend_on_how_many_are_read_at_a_time(store: Path, tmp_path: Path) -> None:
    events, trees = Toy.open("test", store, source="generated"), grown(store, tmp_path)
    np.testing.assert_array_equal(trees.predict(events, 7), trees.predict(events, 1000))


@pytest.mark.parametrize("kind", ["binary", "three classes", "value"])
def test_sums_are_those_of_scikit_learn_to_the_last_bit(kind: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    y = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) ** 2
    labels = (y > 0.5).astype(int) + (2 * (y > 2) if kind == "three classes" else 0)
    model = (
        HistGradientBoostingRegressor(max_iter=20).fit(x, y)
        if kind == "value"
        else HistGradientBoostingClassifier(max_iter=20).fit(x, np.minimum(labels, 2))
    )
    expected = model.predict(x) if kind == "value" else model.decision_function(x)
    sums = Forest.of([model], [20])(x)
    np.testing.assert_array_equal(sums.reshape(expected.shape), expected)
    arrays = Forest.of([model], [20]).arrays()
    np.testing.assert_array_equal(Forest.from_arrays(arrays)(x), sums)
    for name, bad in (("left", -1), ("right", 10**6), ("root", -3), ("output", 9)):
        damaged = {key: a.copy() for key, a in arrays.items()}
        damaged[name][0] = bad
        with pytest.raises(DataError, match="make no trees"):
            Forest.from_arrays(damaged)


def test_trees_that_ask_for_what_is_not_there() -> None:
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    fit = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=2).fit(x, x[:, 2])
    arrays = Forest.of([fit], [2]).arrays()
    with pytest.raises(DataError, match=r"ask for feature \d+, and events have 1"):
        Forest.from_arrays({**arrays, "feature": arrays["feature"] + 2})(x[:, :1])
    for change in ({"value": arrays["value"][:1]}, {"value": arrays["value"][:, None]}):
        with pytest.raises(DataError, match="make no nodes"):
            Forest.from_arrays({**arrays, **change})


def test_errors_in_one_line(store: Path) -> None:
    options: dict[str, Any] = {"path": store, "source": "generated", "runs_dir": store / "runs"}
    with pytest.raises(DataError, match=r"trees cannot be trained with .*leaves"):
        train(Toy, recipe(hyperparameters={"leaves": 3}), **options)
    with pytest.raises(DataError, match="boosting is no optimiser: leave it out, model = 'gbdt' says it all"):
        recipe(optimiser="boosting")


def test_a_dataset_without_summary_says_so() -> None:
    with pytest.raises(DataError, match="Toy: it has no summary features"):
        Toy.summary_features({})
