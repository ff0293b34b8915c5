"""Runs made of runs: calibrated ones and ensembles, kept whole, and used as any other run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pd4ml
from helpers.learnable import Classes, Nodes, Values, Weighted
from pd4ml.benchmark import Run, evaluate, shift
from pd4ml.benchmark.calibrate import calibrate, ensemble
from pd4ml.benchmark.leaderboard import add_run, check
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.methods import registered_rules
from pd4ml.methods.ensemble import ensemble_spreads, mean_logits
from pd4ml.training import load_recipe


def run_of(
    dataset: type[Dataset], data: Path, runs: Path, name: str = "gbdt", seed: int = 1, **changes: Any
) -> Run:
    small: dict[str, Any] = {"fcn_quick": {"width": 16, "depth": 2}, "gbdt": {"max_features": 0.5}}
    small["graph_net_quick"] = {"width": 8}
    recipe = load_recipe(name).override(
        **{"max_epochs": 8, "hyperparameters": small[name], "learning_rate": 0.02, **changes}
    )
    return pd4ml.train(dataset.at(data, source="generated"), recipe, seed=seed, runs_dir=runs)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    for dataset in (Classes, Weighted, Values):
        dataset.generate(path, n_events=7000, seed=1)
    Weighted.generate(path, n_events=7000, seed=1, variant="scaled")
    Nodes.generate(path, n_events=4000, seed=1)
    return path


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    trees = [run_of(Weighted, data, folder, seed=seed) for seed in (1, 2)]
    return [*trees, run_of(Weighted, data, folder, "fcn_quick", max_epochs=3, learning_rate=0.01)]


def test_a_calibrated_run_is_a_run(data: Path, runs: list[Run], tmp_path: Path) -> None:
    run, sample = runs[0], Weighted.at(data, source="generated")
    made = calibrate(run, data, runs_dir=tmp_path)
    before, after = run.record.metrics, made.record.metrics
    assert after["auc"].value == pytest.approx(before["auc"].value, abs=1e-7), "a temperature keeps the order"
    assert after["log_loss"].value < before["log_loss"].value
    assert made.record.parents == [run.record.sha256]
    assert made.record.method["kind"] == "temperature"
    assert made.record.method["temperature"] < 0.9, "eight trees with small steps are not sure enough"
    loaded = pd4ml.load_run(made.folder)
    expected = run.predict(sample).output / np.float64(made.record.method["temperature"])
    np.testing.assert_array_equal(loaded.predict(sample).output, expected.astype(np.float32))
    assert evaluate(made.folder, data) == made.record.metrics
    assert calibrate(run, data, runs_dir=tmp_path).folder == made.folder
    (varied,) = shift(loaded, data, variants=["scaled"])["variants"]
    assert varied["metrics"]["log_loss"]["value"] != after["log_loss"].value
    add_run(made.folder, tmp_path / "board", data)
    assert [found.problem for found in check(tmp_path / "board", data)] == [""]


def test_what_a_derived_run_keeps_is_all_that_it_needs_and_is_checked(
    data: Path, runs: list[Run], tmp_path: Path
) -> None:
    run = run_of(Weighted, data, tmp_path / "first", "fcn_quick", max_epochs=1)
    made = calibrate(pd4ml.load_run(run.folder), data, runs_dir=tmp_path)  # loaded: saved as it was found
    both = ensemble([made, runs[0]], data, runs_dir=tmp_path)
    expected = both.predict(Weighted.at(data, source="generated")).output
    shutil.rmtree(run.folder)
    shutil.rmtree(made.folder)
    loaded = pd4ml.load_run(both.folder)
    np.testing.assert_array_equal(loaded.predict(Weighted.at(data, source="generated")).output, expected)
    inner = "member0" if (both.folder / "member0" / "derived.json").exists() else "member1"
    assert {f"{inner}/derived.npz", f"{inner}/member0/model.pt", "derived.json"} <= set(both.record.artifacts)
    weights = both.folder / inner / "member0" / "model.pt"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"member0.model\.pt is missing or not the one of the record"):
        pd4ml.load_run(both.folder)


def test_an_ensemble_averages_probabilities(data: Path, runs: list[Run], tmp_path: Path) -> None:
    sample = Weighted.at(data, source="generated")
    made = ensemble(runs, data, runs_dir=tmp_path)
    mean = np.mean([run.predict(sample).score for run in runs], axis=0)
    np.testing.assert_allclose(made.predict(sample).score, mean, rtol=1e-6)
    record = made.record
    assert sorted(record.parents) == sorted(run.record.sha256 for run in runs)
    assert (record.recipe["name"], record.seed) == ("ensemble-of-3", None)
    assert record.metrics["log_loss"].value <= np.mean([r.record.metrics["log_loss"].value for r in runs])
    assert ensemble(runs[::-1], data, runs_dir=tmp_path).folder == made.folder
    assert evaluate(made.folder, data) == record.metrics
    add_run(made.folder, tmp_path / "board", data)
    assert calibrate(made, data, runs_dir=tmp_path).record.parents == [record.sha256]
    with pytest.raises(DataError, match=r"two or more runs, all different, and of 2 only 1 predict differently"):
        ensemble([runs[0], pd4ml.load_run(runs[0].folder)], data)


def test_values_are_averaged_and_not_calibrated(data: Path, tmp_path: Path, runs: list[Run]) -> None:
    values = [run_of(Values, data, tmp_path, seed=seed, max_epochs=2) for seed in (1, 2)]
    sample = Values.at(data, source="generated")
    made = ensemble(values, data)
    assert made.folder.parent == tmp_path
    assert made.record.recipe["name"] == "gbdt-changed-ensemble-of-2"
    np.testing.assert_allclose(
        made.predict(sample).output, np.mean([run.predict(sample).output for run in values], axis=0), rtol=1e-6
    )
    with pytest.raises(DataError, match="predicts values, not probabilities: `pd4ml intervals`"):
        calibrate(values[0], data)
    with pytest.raises(DataError, match="were not tested on the same events"):
        ensemble([values[0], runs[0]], data)


def test_more_classes_and_nodes_have_a_temperature(data: Path, tmp_path: Path) -> None:
    run = run_of(Classes, data, tmp_path)
    made = calibrate(run, data)
    assert made.record.metrics["accuracy"] == run.record.metrics["accuracy"]
    assert made.record.metrics["log_loss"].value < run.record.metrics["log_loss"].value
    with pytest.raises(DataError, match=r"isotonic regression is for two classes, found 3"):
        calibrate(run, data, method="isotonic")
    nodes = run_of(Nodes, data, tmp_path, "graph_net_quick", max_epochs=1)
    again = pd4ml.load_run(calibrate(nodes, data).folder)
    found = again.predict(Nodes.at(data, source="generated"))
    ratio = nodes.predict(Nodes.at(data, source="generated")).output / found.output
    np.testing.assert_allclose(ratio, again.record.method["temperature"], rtol=1e-5)


def test_too_few_events_are_no_calibration(data: Path, tmp_path: Path) -> None:
    run = pd4ml.train(Weighted.at(data, source="generated"), load_recipe("gbdt"), n_train=2000, runs_dir=tmp_path)
    with pytest.raises(DataError, match=r"400 events \(200 independent groups\).* at least 500"):
        calibrate(run, data)
    assert not [folder for folder in tmp_path.glob("*temperature*") if folder.is_dir()]


def test_members_with_no_validation_event_in_common_are_refused(
    data: Path, runs: list[Run], tmp_path: Path
) -> None:
    few = pd4ml.train(Weighted.at(data, source="generated"), load_recipe("gbdt"), n_train=500, runs_dir=tmp_path)
    with pytest.raises(DataError, match="no validation event in common"):
        ensemble([few, runs[0]], data)


def test_damaged_and_unknown_rules_are_refused_in_one_line(data: Path, runs: list[Run], tmp_path: Path) -> None:
    folder = calibrate(runs[0], data, runs_dir=tmp_path).folder
    assert {"temperature", "isotonic", "ensemble"} <= set(registered_rules())
    body = json.loads((folder / "derived.json").read_text())
    record = json.loads((folder / "record.json").read_text())
    del record["artifacts"]["derived.json"]
    (folder / "record.json").write_text(json.dumps(record))
    for change, reason in (
        ({"kind": "temprature"}, "unknown rule 'temprature'; did you mean 'temperature'"),
        ({"format": 9}, r"derived\.json cannot be used \(format 9"),
        ({"members": 0}, r"derived\.json cannot be used"),
    ):
        (folder / "derived.json").write_text(json.dumps({**body, **change}))
        with pytest.raises(pd4ml.Pd4mlError, match=reason):
            pd4ml.load_run(folder)


def test_probabilities_that_round_to_one_keep_their_order() -> None:
    logits = np.array([[40.0, 41.0, 800.0], [42.0, 43.0, 900.0]])
    assert (np.diff(mean_logits(logits)) > 0).all()
    two = np.random.default_rng(0).normal(0, 2, (3, 50))
    of_two = np.stack([np.zeros_like(two), two], axis=-1)
    joined = mean_logits(of_two)
    np.testing.assert_allclose(joined[:, 1] - joined[:, 0], mean_logits(two), rtol=1e-12)
    np.testing.assert_allclose(np.exp(joined).sum(axis=1), 1, rtol=1e-12)


def test_an_ensemble_of_values_knows_its_spread(data: Path, tmp_path: Path) -> None:
    values = [run_of(Values, data, tmp_path, seed=seed, max_epochs=2) for seed in (1, 2, 3)]
    events = Values.at(data, source="generated").open("test")
    fields = ensemble(values, data).fitted.predict_fields(events)
    outputs = [run.predict(events).output for run in values]
    np.testing.assert_allclose(fields["spread"], np.std(outputs, axis=0), rtol=1e-3, atol=1e-3)
    own = [{"output": output, "spread": np.full(len(output), 3.0)} for output in outputs]
    of_own = ensemble_spreads(ensemble(values, data).fitted, own)["spread"]  # type: ignore[arg-type]
    np.testing.assert_allclose(of_own, np.sqrt(9 + np.var(outputs, axis=0)), rtol=1e-5)
