"""What a trained model is good for: predicting other events with its own features, and telling what shifts do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pd4ml
from helpers.jets import random_jets
from helpers.learnable import Classes, Values
from pd4ml.benchmark import Run, shift
from pd4ml.benchmark.run import open_data
from pd4ml.errors import DataError, StoreError
from pd4ml.models.batch import GraphBatch
from pd4ml.models.dense import Dense
from pd4ml.report.html import write_report
from pd4ml.training import Recipe, load_recipe


def recipe(name: str = "fcn_quick", **changes: Any) -> Recipe:
    small: dict[str, Any] = {"fcn_quick": {"width": 16, "depth": 2}, "gbdt": {}, "graph_net_quick": {"width": 8}}
    return load_recipe(name).override(
        **{"max_epochs": 4, "batch_size": 32, "hyperparameters": small[name], "learning_rate": 0.01, **changes}
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    for dataset in (Values, Classes):
        dataset.generate(path, n_events=500, seed=1)
        dataset.generate(path, n_events=500, seed=1, variant="scaled")
    return path


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    runs = tmp_path_factory.mktemp("runs")
    return pd4ml.train(Values.at(data, source="generated"), recipe(max_epochs=12), runs_dir=runs)


@pytest.mark.parametrize("name", ["fcn_quick", "graph_net_quick", "gbdt"])
def test_a_run_that_is_loaded_predicts_as_the_one_that_was_trained(name: str, data: Path, tmp_path: Path) -> None:
    sample = Values.at(data, source="generated")
    trained = pd4ml.train(sample, recipe(name), runs_dir=tmp_path)
    loaded = pd4ml.load_run(trained.folder)
    events = sample.open("test")
    np.testing.assert_array_equal(loaded.predict(events).output, trained.predict(sample).output)
    with np.load(trained.folder / "predictions.npz") as kept:
        np.testing.assert_array_equal(loaded.predict(sample).output, kept["value"])
    with np.load(trained.folder / "predictions_valid.npz") as kept:
        places = kept["event_id"]
        np.testing.assert_array_equal(loaded.predict(sample, "train").output[places], kept["value"])
    assert len(places) == trained.record.events["valid"]
    record = loaded.record
    assert set(record.artifacts) >= {"features.json", "predictions_valid.npz"}
    assert record.samples == dict.fromkeys(("train", "valid", "test"), sample.fingerprint)
    assert record.method == {"kind": "supervised"}


def test_features_of_a_variant_are_those_of_the_training(run: Run, data: Path) -> None:
    nominal, scaled = (Values.at(data, source="generated", variant=v) for v in ("default", "scaled"))
    spread = run.view.values["spread"]
    assert spread == nominal.view().values["spread"]
    wide, own = scaled.graphs("test", run.view)[:20].nodes, scaled.graphs("test")[:20].nodes
    before = nominal.graphs("test")[:20].nodes
    np.testing.assert_allclose(wide, 1.5 * before, rtol=1e-5)
    np.testing.assert_allclose(own, before, rtol=1e-5, err_msg="fitted anew, the variant erases itself")
    assert not np.allclose(run.predict(scaled).output, run.predict(nominal).output)


def test_a_part_of_a_sample_is_predicted_under_its_places(run: Run, data: Path) -> None:
    sample = Values.at(data, source="generated")
    part = sample.subset([3, 50, 7], split="test")
    predicted = run.predict(part)
    np.testing.assert_array_equal(predicted.event_id, [3, 7, 50])
    np.testing.assert_allclose(predicted.output, run.predict(sample).output[[3, 7, 50]], rtol=1e-6)


def test_a_run_on_a_part_is_another_and_can_be_recomputed(data: Path, tmp_path: Path) -> None:
    sample = Classes.at(data, source="generated")
    whole, half = (pd4ml.train(s, recipe(), runs_dir=tmp_path) for s in (sample, sample.subset(0.5)))
    assert whole.folder != half.folder
    assert half.record.events["test"] == 50
    assert half.record.samples["test"] != half.record.dataset["fingerprint"]
    write_report([whole.record, half.record], tmp_path / "report.html", data)
    page = (tmp_path / "report.html").read_text()
    assert "a part: 50 test events" in page
    assert "have no prediction" not in page
    for one in (whole, half):
        assert pd4ml.benchmark.evaluate(one.folder, data) == one.record.metrics


def test_own_files_and_folders_are_predicted(run: Run, data: Path, tmp_path: Path) -> None:
    arrays = Values.at(data, source="generated").open("test").take(slice(0, 9))
    np.savez(tmp_path / "mine.npz", points=arrays["points"], n_points=arrays["n_points"])
    events = open_data(Values, tmp_path / "mine.npz", "test")
    expected = run.predict(Values.at(data, source="generated")).output[:9]
    np.testing.assert_allclose(run.predict(events).output, expected, rtol=1e-6)
    with pytest.raises(DataError, match=r"mine\.npz holds no events"):
        np.savez(tmp_path / "mine.npz", points=arrays["points"][:0], n_points=arrays["n_points"][:0])
        open_data(Values, tmp_path / "mine.npz", "test")
    folder = Values.folder(data, "generated", "scaled")
    assert len(run.predict(open_data(Values, folder, "train"))) == 400
    with pytest.raises(StoreError, match=r"holds LearnClasses .*expected LearnValues"):
        open_data(Values, Classes.folder(data, "generated"), "test")
    with pytest.raises(DataError, match="LearnValues needs the array n_points"):
        np.savez(tmp_path / "less.npz", points=arrays["points"])
        open_data(Values, tmp_path / "less.npz", "test")
    with pytest.raises(DataError, match="predicts LearnValues, found events of LearnClasses"):
        run.predict(Classes.at(data, source="generated"))


def test_own_events_of_padding_alone_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jets = random_jets(5)
    for empty, said in ((0, ""), (2, "2 of 5 events hold nothing but padding"), (5, "5 of 5 events")):
        jets["constituents"][:empty] = 0
        np.savez(tmp_path / "mine.npz", constituents=jets["constituents"], ttv=jets["ttv"])
        assert len(open_data(pd4ml.TopTagging, tmp_path / "mine.npz", "test")) == 5
        err = capsys.readouterr().err
        assert said in err
        assert bool(err) == bool(empty)


def test_damaged_or_foreign_runs_are_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    trained = pd4ml.train(Values.at(data, source="generated"), recipe(max_epochs=1), runs_dir=tmp_path)
    folder = trained.folder
    weights = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(weights[:-9] + bytes([weights[-9] ^ 1]) + weights[-8:])
    with pytest.raises(DataError, match=r"model\.pt is missing or not the one of the record"):
        pd4ml.load_run(folder)
    (folder / "model.pt").write_bytes(weights)
    record = json.loads((folder / "record.json").read_text())
    for key in ("method", "parents", "samples", "artifacts"):
        del record[key]
    (folder / "record.json").write_text(json.dumps({**record, "format": 1}))
    assert pd4ml.load_run(folder).record.method == {"kind": "supervised"}
    (folder / "features.json").unlink()
    with pytest.raises(DataError, match=r"an earlier version, which kept neither; train it again"):
        pd4ml.load_run(folder)
    with pytest.raises(DataError, match="cannot be read"):
        pd4ml.load_run(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"is no finished run: it has no record\.json"):
        pd4ml.load_run(tmp_path)


class Own(nn.Module):
    """A model of one's own, with an attribute that no weight shows."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.layer = nn.Linear(2, 1)

    def forward(self, batch: GraphBatch) -> Tensor:
        x: Tensor = self.layer(batch.to_dense().mean(dim=1))
        return self.factor * x.squeeze(-1)


class OtherForward(Own):
    """Looks alike, computes something else."""

    def forward(self, batch: GraphBatch) -> Tensor:
        x: Tensor = self.layer(batch.to_dense().amax(dim=1))
        return self.factor * x.squeeze(-1)


def test_own_models_are_told_apart_by_all_that_they_are(data: Path, tmp_path: Path) -> None:
    def make(kind: type[Own] = Own, seed: int = 0, **options: Any) -> Own:
        torch.manual_seed(seed)
        return kind(**options)

    sample, short = Values.at(data, source="generated"), recipe(max_epochs=1)
    models = [make(), make(factor=2.0), make(OtherForward), make(seed=1)]
    runs = [pd4ml.train(sample, short, model=model, runs_dir=tmp_path) for model in models]
    assert len({run.folder for run in runs}) == 4
    assert pd4ml.train(sample, short, model=make(), runs_dir=tmp_path).folder == runs[0].folder
    with pytest.raises(DataError, match=r"load_run\(folder, model=\.\.\.\)"):
        pd4ml.load_run(runs[1].folder)
    loaded = pd4ml.load_run(runs[1].folder, model=make(seed=9, factor=2.0))
    np.testing.assert_array_equal(loaded.predict(sample).output, runs[1].predict(sample).output)


def test_what_is_no_model_for_the_events_is_said_in_one_line_and_leaves_nothing(
    data: Path, tmp_path: Path
) -> None:
    sample, three = Values.at(data, source="generated"), Dense(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)))
    for model, reason in (
        (
            nn.Linear(2, 1),
            r"Linear fails on a batch \(.*wrap a module on padded features .*models.dense",
        ),
        (three, r"must give \(2,\) for 2 events .*found \(2, 3\)"),
    ):
        with pytest.raises(DataError, match=reason) as error:
            pd4ml.train(sample, recipe(), model=model, runs_dir=tmp_path)
        assert "\n" not in str(error.value)
    for options in ({"n_train": 1}, {"device": "none"}):
        with pytest.raises(pd4ml.Pd4mlError):
            pd4ml.train(sample, recipe(), runs_dir=tmp_path, **options)
    assert not [folder for folder in tmp_path.iterdir() if folder.is_dir()]


def test_a_model_of_another_shape_is_refused_before_the_first_epoch(data: Path, tmp_path: Path) -> None:
    class Wide(Own):
        def forward(self, batch: GraphBatch) -> Tensor:
            x: Tensor = self.layer(batch.to_dense().mean(dim=1))
            return x.expand(-1, 2)

    with pytest.raises(DataError, match=r"must give \(2,\) for 2 events .*found \(2, 2\)"):
        pd4ml.train(Values.at(data, source="generated"), recipe(), model=Wide(), runs_dir=tmp_path)
    assert not list(tmp_path.glob("*/history.csv"))


def test_shifts_are_measured_with_paired_errors(run: Run, data: Path) -> None:
    found = shift(run, data)
    assert json.loads((run.folder / "shift.json").read_text()) == found
    (variant,) = found["variants"]
    assert (variant["variant"], variant["paired"], variant["events"]) == ("scaled", True, 100)
    truth = np.asarray(Values.at(data, source="generated").open("test").y, np.float64)
    nominal, scaled = (
        run.predict(Values.at(data, source="generated", variant=v)).output - truth for v in ("default", "scaled")
    )
    difference = variant["difference"]["bias"]
    assert difference["value"] == pytest.approx(scaled.mean() - nominal.mean(), rel=1e-6)
    # The error of a mean of differences, which the bootstrap estimates to some ten per cent.
    assert difference["error"] == pytest.approx(np.std(scaled - nominal) / 10, rel=0.3)
    assert found["nominal"]["metrics"]["mse"]["value"] == pytest.approx(run.record.metrics["mse"].value)


def test_variants_are_made_on_request(data: Path, tmp_path: Path) -> None:
    Classes.generate(tmp_path / "data", n_events=300, seed=4)
    run = pd4ml.train(Classes.at(tmp_path / "data", source="generated"), recipe(), runs_dir=tmp_path)
    with pytest.raises(DataError, match=r"no variant of LearnClasses is in .*--events"):
        shift(run, tmp_path / "data")
    found = shift(run, tmp_path / "data", n_events=300)
    assert [v["paired"] for v in found["variants"]] == [True]
    assert set(found["variants"][0]["difference"]) >= {"accuracy", "auc_macro"}
    with pytest.raises(pd4ml.Pd4mlError, match="unknown variant 'scald'; did you mean 'scaled'"):
        shift(run, tmp_path / "data", variants=["scald"])
