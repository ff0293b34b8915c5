"""Boosted trees on summary features, by the same path as networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.toy import Toy
from pd4ml.benchmark import evaluate, train
from pd4ml.errors import DataError
from pd4ml.storage.store import Array
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.boosting import fit_trees
from pd4ml.training.history import read_history


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


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_best_tree_is_that_of_the_lowest_validation_loss(task: Any, store: Path, tmp_path: Path) -> None:
    events = Toy.open("train", store, source="generated")
    trees = fit_trees(events, Toy.summary_features, task, recipe(), tmp_path, seed=1, n_events=300)
    assert (trees.n_train, trees.n_valid) == (240, 60)
    losses = [row["valid_loss"] for row in read_history(tmp_path / "history.csv")]
    assert trees.best_epoch == 1 + int(np.argmin(losses))
    y, output = np.asarray(events.y[240:300], float), trees.predict(events, 100)[240:300].astype(float)
    loss = np.square(y - output) if task == "regression" else np.logaddexp(0, output) - y * output
    assert loss.mean() == pytest.approx(min(losses), rel=1e-5)


def test_features_do_not_depend_on_how_many_are_read_at_a_time(store: Path, tmp_path: Path) -> None:
    events = Toy.open("test", store, source="generated")
    trees = fit_trees(events, Toy.summary_features, "classification", recipe(), tmp_path, seed=1, n_events=None)
    np.testing.assert_array_equal(trees.predict(events, 7), trees.predict(events, 1000))


def test_errors_in_one_line(store: Path) -> None:
    options: dict[str, Any] = {"path": store, "source": "generated", "runs_dir": store / "runs"}
    with pytest.raises(DataError, match=r"trees cannot be trained with .*leaves"):
        train(Toy, recipe(hyperparameters={"leaves": 3}), **options)
    with pytest.raises(DataError, match="boosting trains gbdt and nothing else, found adam for gbdt"):
        recipe(optimiser="adam")
    with pytest.raises(DataError, match="boosting trains gbdt and nothing else, found boosting for fcn"):
        recipe(model="fcn")


def test_a_dataset_without_summary_says_so() -> None:
    with pytest.raises(DataError, match="Toy has no summary features"):
        Toy.summary_features({})
