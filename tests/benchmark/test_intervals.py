"""Intervals and sets of finished runs: fitted on validation events, judged on others, kept beside the record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pd4ml
from helpers.learnable import Classes, Nodes, Values, Vectors, Weighted
from pd4ml.benchmark import Run
from pd4ml.benchmark.intervals import INTERVALS_NAME, Judged, Quantiles, intervals, level
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import events_truth
from pd4ml.training import load_recipe


def run_of(dataset: type[Dataset], data: Path, runs: Path, **changes: Any) -> Run:
    recipe = load_recipe("gbdt").override(**{"max_epochs": 10, "learning_rate": 0.1, **changes})
    return pd4ml.train(dataset.at(data, source="generated"), recipe, runs_dir=runs)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    for dataset in (Values, Classes, Weighted):
        dataset.generate(path, n_events=6000, seed=1)
        dataset.generate(path, n_events=3000, seed=1, variant="scaled")
    for other in (Vectors, Nodes):
        other.generate(path, n_events=1500, seed=1)
    return path


def within(found: dict[str, Any], coverage: float, errors: float = 3.0) -> bool:
    return bool(abs(found["value"] - coverage) < errors * found["error"])


def test_values_are_covered_as_often_as_is_said(data: Path, tmp_path: Path) -> None:
    run = run_of(Values, data, tmp_path, max_epochs=60)
    found = intervals(run, data, coverage=(0.9, 0.68), variants=())
    assert json.loads((run.folder / INTERVALS_NAME).read_text()) == found
    assert (found["scores"], found["by"], found["calibration"]["events"]) == ("absolute", None, 960)
    truth = np.asarray(Values.at(data, source="generated").open("test").y, np.float64)
    output = run.predict(Values.at(data, source="generated")).output
    for entry, coverage in zip(found["levels"], (0.68, 0.9), strict=True):
        assert entry["coverage"] == coverage
        assert within(entry["all"], coverage)
        half = entry["quantiles"][0]
        assert entry["all"]["value"] == pytest.approx((np.abs(truth - output) <= half).mean())
        assert entry["all"]["size"] == pytest.approx(2 * half)
        assert entry["all"]["error"] == pytest.approx(np.sqrt(coverage * (1 - coverage) * (1 / 960 + 1 / 1200)))
        assert sum(of["events"] for of in entry["by_prediction"]) == len(truth)
        assert [of["events"] > 0 for of in entry["by_truth"]] == [True] * 4
        (varied,) = entry["variants"]
        assert varied["variant"] == "scaled"
        assert varied["all"]["value"] < coverage - 0.1, "inputs that are half as large again are not covered"
        with np.load(run.folder / "intervals.npz") as kept:
            np.testing.assert_allclose(kept[f"upper_{coverage:g}"], output + half, rtol=1e-6)
            np.testing.assert_array_equal(kept["event_id"], np.arange(1200))


def test_a_quantile_for_each_bin_covers_each_bin(data: Path, tmp_path: Path) -> None:
    """Few points tell less: one width for all is too narrow there."""
    run = run_of(Values, data, tmp_path)
    for name, n_bins in (("n_points", 4), ("n", 4), ("x", 4)):
        (entry,) = intervals(run, data, coverage=[0.8], by=name)["levels"]
        assert len(entry["quantiles"]) == len(entry["by_quantity"]) == n_bins
        assert all(within(of, 0.8) for of in entry["by_quantity"])
    widths = [of["size"] for of in intervals(run, data, coverage=[0.8], by="n")["levels"][0]["by_quantity"]]
    assert widths[0] > 1.2 * widths[-1]
    with pytest.raises(pd4ml.Pd4mlError, match="unknown quantity 'nn'; did you mean 'n'"):
        intervals(run, data, by="nn")
    with pytest.raises(DataError, match="is no finite number of each event"):
        intervals(run, data, by="points")


@pytest.mark.parametrize("dataset", [Classes, Weighted])
def test_each_class_is_covered(dataset: type[Dataset], data: Path, tmp_path: Path) -> None:
    run = run_of(dataset, data, tmp_path)
    found = intervals(run, data, coverage=[0.7, 0.9])
    k = len(dataset.card.classes)
    assert (found["scores"], found["unit"]) == ("classes", "labels")
    assert found["calibration"]["groups"] == (960 if dataset is Classes else 480)
    for entry in found["levels"]:
        assert [of["class"] for of in entry["by_class"]] == list(dataset.card.classes)
        assert all(within(of, entry["coverage"]) for of in (entry["all"], *entry["by_class"]))
        with np.load(run.folder / "intervals.npz") as kept:
            sets = kept[f"set_{entry['coverage']:g}"]
        assert sets.shape == (1200, k)
    assert found["levels"][0]["all"]["size"] < found["levels"][1]["all"]["size"]


def test_labels_of_nodes_have_sets_too(data: Path, tmp_path: Path) -> None:
    small = {"max_epochs": 1, "hyperparameters": {"width": 8}, "batch_size": 32}
    recipe = load_recipe("graph_net_quick").override(**small)
    run = pd4ml.train(Nodes.at(data, source="generated"), recipe, runs_dir=tmp_path)
    (entry,) = intervals(run, data, coverage=[0.8], by="n_points")["levels"]
    assert np.shape(entry["quantiles"])[1] == 3
    assert all(within(of, 0.8) for of in entry["by_class"])
    with np.load(run.folder / "intervals.npz") as kept:
        assert kept["set_0.8"].shape == (len(kept["node"]), 3)


def test_widths_follow_what_was_predicted(data: Path) -> None:
    """A spread that is right makes intervals that hold for narrow and wide events alike."""
    events = Values.at(data, source="generated").open("test")
    truth = events_truth(Values.card, events)
    rng = np.random.default_rng(0)
    spread = rng.gamma(2, 5, len(truth)).astype(np.float32) + 1
    truth = replace(truth, values=700 + rng.normal(0, spread))

    def judged(rows: slice, **more: Any) -> Judged:
        part = replace(truth, values=truth.values[rows], event_id=truth.event_id[rows])
        output = np.full(len(part), 700, np.float32)
        made = Judged.of(Predictions("regression", part.event_id, output), part)
        for name, array in more.items():
            object.__setattr__(made.predictions, name, array[rows])
        return made

    first, second = slice(0, 600), slice(600, 1200)
    quantiles = {"lower": 700 - spread, "upper": 700 + spread}
    for more in ({}, {"spread": spread}, quantiles):
        fit, new = judged(first, **more), judged(second, **more)
        entry = level(Quantiles.fit(fit, 0.8), fit, new)
        assert within(entry["all"], 0.8)
        wide = new.truth.event_id[spread[second] > np.median(spread)] - 600
        covered, size = Quantiles.fit(fit, 0.8).covered(new)
        assert (covered[wide].mean() > 0.73) == bool(more)
        assert (np.std(size) > 1) == bool(more)
    assert judged(first, spread=spread).values is not None


def test_what_cannot_have_intervals_is_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    vectors = run_of(Vectors, data, tmp_path)
    with pytest.raises(DataError, match="LearnVectors asks for vectors"):
        intervals(vectors, data)
    run = run_of(Values, data, tmp_path)
    for wrong in ([0.0], [1.0], [], [90.0]):
        with pytest.raises(DataError, match=r"coverage must be above 0 and below 1"):
            intervals(run, data, coverage=wrong)
    with pytest.raises(DataError, match=r"at least 9999 independent events, found 960"):
        intervals(run, data, coverage=[0.9999])
    assert not (run.folder / INTERVALS_NAME).exists()
