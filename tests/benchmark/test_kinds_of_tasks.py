"""Every kind of task from events to report and leaderboard; weights, groups, a split to validate on; methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pd4ml
from helpers.learnable import LEARNABLE, Classes, Nodes, Values, Vectors, Weighted
from helpers.methods import Adversarial, Sharper
from pd4ml.benchmark import Run, evaluate, transform
from pd4ml.benchmark.leaderboard import add_run, check
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.models.batch import GraphBatch
from pd4ml.report.html import write_report
from pd4ml.report.table import to_markdown
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.history import read_history

N_EVENTS = 1000


def recipe(name: str = "graph_net_quick", **changes: Any) -> Recipe:
    small: dict[str, Any] = {"fcn_quick": {"width": 16, "depth": 2}, "gbdt": {}, "graph_net_quick": {"width": 16}}
    fast: dict[str, Any] = {"max_epochs": 12, "learning_rate": 0.01}
    return load_recipe(name).override(**{"batch_size": 32, "hyperparameters": small[name], **fast, **changes})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    for dataset in LEARNABLE:
        dataset.generate(folder, N_EVENTS, seed=1)
    return folder


def run_of(dataset: type[Dataset], path: Path, runs: Path, name: str = "graph_net_quick", **changes: Any) -> Run:
    return pd4ml.train(dataset.at(path, source="generated"), recipe(name, **changes), runs_dir=runs)


@pytest.mark.parametrize(
    ("dataset", "name", "metric", "wanted"),
    [
        (Classes, "fcn_quick", "auc_macro", (0.9, 1.0)),
        (Classes, "gbdt", "auc_macro", (0.9, 1.0)),
        (Vectors, "fcn_quick", "resolution_1", (0.0, 60.0)),
        (Vectors, "gbdt", "resolution_1", (0.0, 90.0)),
        (Weighted, "graph_net_quick", "auc", (0.8, 1.0)),
        (Weighted, "gbdt", "auc", (0.9, 1.0)),
        (Nodes, "graph_net_quick", "accuracy", (0.8, 1.0)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_is_learned_kept_and_recomputed(
    dataset: type[Dataset], name: str, metric: str, wanted: tuple[float, float], path: Path, tmp_path: Path
) -> None:
    # After 12 epochs a graph network has learnt it with some seeds, or on some machines, only.
    run = run_of(dataset, path, tmp_path, name, **({} if name == "gbdt" else {"max_epochs": 24}))
    record = run.record
    assert wanted[0] < record.metrics[metric].value < wanted[1]
    assert evaluate(run.folder, path) == record.metrics
    loaded = pd4ml.load_run(run.folder)
    sample = dataset.at(path, source="generated")
    np.testing.assert_array_equal(loaded.predict(sample).output, run.predict(sample).output)
    assert metric in to_markdown([record]) or to_markdown([record]).count("|") > 20
    write_report([record], tmp_path / "report.html", path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") > 2
    assert "left out" not in page
    add_run(run.folder, tmp_path / "board", path)
    assert [result.problem for result in check(tmp_path / "board", path)] == [""]


def test_own_models_give_as_many_numbers_as_the_task_needs(path: Path, tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self, n_outputs: int) -> None:
            super().__init__()
            self.layer = nn.Linear(12, n_outputs)

        def forward(self, batch: GraphBatch) -> Tensor:
            x: Tensor = self.layer(batch.to_dense().flatten(1))
            return x

    sample = Classes.at(path, source="generated")
    run = pd4ml.train(sample, recipe("fcn_quick"), model=Own(3), runs_dir=tmp_path)
    assert run.record.metrics["auc_macro"].value > 0.8
    with pytest.raises(DataError, match=r"must give \(2, 3\) for 2 events of \d+ nodes, found \(2, 2\)"):
        pd4ml.train(sample, recipe("fcn_quick"), model=Own(2), runs_dir=tmp_path)


def test_what_a_task_cannot_do_is_said_before_the_first_epoch(path: Path, tmp_path: Path) -> None:
    for name, reason in (
        ("gbdt", "one prediction an event"),
        ("fcn_quick", "per node"),
    ):
        with pytest.raises(DataError, match=reason):
            run_of(Nodes, path, tmp_path, name)
    with pytest.raises(DataError, match="balance_classes is for classes"):
        run_of(Vectors, path, tmp_path, "gbdt", balance_classes=True)
    assert not list(tmp_path.glob("*/history.csv"))


def test_components_of_a_vector_are_learned_alike(path: Path, tmp_path: Path) -> None:
    """The second component is spread a hundred times as wide; the first is not forgotten for it."""
    metrics = run_of(Vectors, path, tmp_path, "fcn_quick").record.metrics
    assert metrics["resolution_0"].value < 0.6
    assert metrics["resolution_1"].value < 60


def test_weights_are_in_loss_and_metrics(path: Path, tmp_path: Path) -> None:
    weighted = run_of(Weighted, path, tmp_path, "fcn_quick", max_epochs=1)
    plain_card = replace(Weighted.card, weight="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Weighted, "card", plain_card)
        plain = run_of(Weighted, path, tmp_path / "plain", "fcn_quick", max_epochs=1)
    losses = [read_history(run.folder / "history.csv")[0]["train_loss"] for run in (weighted, plain)]
    assert losses[0] != losses[1]
    # The metric is the weighted one: as computed here by hand.
    sample = Weighted.at(path, source="generated")
    test = sample.open("test")
    right = (weighted.predict(sample).output > 0) == (np.asarray(test.y) == 1)
    expected = np.average(right, weights=np.asarray(test["event_weight"], np.float64))
    assert weighted.record.metrics["accuracy"].value == pytest.approx(expected, rel=1e-6)


def test_doubled_weights_change_nothing(path: Path) -> None:
    from pd4ml.training.data import EventBatches, Share
    from pd4ml.training.material import prepare

    sample = Weighted.at(path, source="generated")
    material = prepare({"train": sample}, recipe("fcn_quick"))
    weight = np.asarray(sample.open("train")["event_weight"])[material.train.index]
    batches = EventBatches(material.graphs(material.train), material.task, material.weight, material.mean_weight)
    every = batches[Share(material.train.index, 1.0)].event_weight
    assert every is not None
    assert every.mean().item() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(every.numpy(), weight / weight.mean(), rtol=1e-5)


def test_groups_are_never_on_both_sides(path: Path, tmp_path: Path) -> None:
    run = run_of(Weighted, path, tmp_path, "fcn_quick", max_epochs=1)
    pair = np.asarray(Weighted.open("train", path, source="generated")["pair"])
    with np.load(run.folder / "predictions_valid.npz") as valid:
        places = valid["event_id"]
    others = np.setdiff1d(np.arange(len(pair)), places)
    assert len(places) == run.record.events["valid"]
    assert not np.isin(pair[places], pair[others]).any()


def test_a_split_to_validate_on_is_used_as_it_is(tmp_path: Path) -> None:
    splits = MappingProxyType({"train": 140, "test": 40, "valid": 20})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Values, "card", replace(Values.card, splits=splits))
        Values.generate(tmp_path, 500, seed=1)
        sample = Values.at(tmp_path, source="generated")
        assert [len(sample.open(split)) for split in splits] == [350, 100, 50]
        run = pd4ml.train(sample, recipe("fcn_quick", max_epochs=1), runs_dir=tmp_path / "runs")
        assert run.record.events == {"train": 350, "valid": 50, "test": 100}
        with np.load(run.folder / "predictions_valid.npz") as valid:
            np.testing.assert_array_equal(valid["event_id"], np.arange(50))
            np.testing.assert_array_equal(valid["value"], run.predict(sample, "valid").output)


def test_a_method_with_two_optimisers_trains_and_is_recorded(path: Path, tmp_path: Path) -> None:
    method = {"kind": "adversarial_for_tests", "strength": 0.01}
    run = run_of(Values, path, tmp_path, "fcn_quick", method=method, max_epochs=2)
    assert run.record.method == {**method, "array": "n_points"}
    assert Recipe.from_dict(run.record.recipe).method == Adversarial(strength=0.01)
    assert pd4ml.load_run(run.folder).fitted.n_parameters == run.record.model["parameters"]
    with pytest.raises(DataError, match="needs the array nothing, which these events lack"):
        run_of(Values, path, tmp_path, "fcn_quick", method={**method, "array": "nothing"})
    with pytest.raises(DataError, match="gbdt has no gradients for the method adversarial_for_tests"):
        run_of(Values, path, tmp_path, "gbdt", method=method)


def test_each_optimiser_steps_with_the_gradients_of_its_own_loss(path: Path, tmp_path: Path) -> None:
    """Without strength the adversary does not exist for the model: the same as training without it."""
    plain = run_of(Values, path, tmp_path / "a", "fcn_quick", max_epochs=2)
    other = run_of(
        Values, path, tmp_path / "b", "fcn_quick", max_epochs=2, method={"kind": Adversarial.kind, "strength": 0.0}
    )
    first, second = (torch.load(run.folder / "model.pt", weights_only=True)["state"] for run in (plain, other))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-5, atol=1e-6)


def test_a_transform_makes_a_run_with_a_parent(path: Path, tmp_path: Path) -> None:
    sample = Weighted.at(path, source="generated")
    run = run_of(Weighted, path, tmp_path, "fcn_quick", max_epochs=2)
    sharper = transform(run, Sharper(3.0), sample, runs_dir=tmp_path)
    np.testing.assert_allclose(sharper.predict(sample).output, 3 * run.predict(sample).output, rtol=1e-5)
    record = sharper.record
    assert record.parents == [run.record.sha256]
    assert record.method == {"kind": "sharper", "factor": 3.0}
    assert record.metrics["auc"] == run.record.metrics["auc"]
    assert record.metrics["log_loss"] != run.record.metrics["log_loss"]
    assert evaluate(sharper.folder, path) == record.metrics
    loaded = pd4ml.load_run(sharper.folder)
    np.testing.assert_array_equal(loaded.predict(sample).output, sharper.predict(sample).output)
    assert transform(run, Sharper(3.0), sample, runs_dir=tmp_path).folder == sharper.folder
    with pytest.raises(DataError, match="is not the sample"):
        transform(run, Sharper(), sample.subset(0.5), runs_dir=tmp_path)
