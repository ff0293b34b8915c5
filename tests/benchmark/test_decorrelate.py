"""Flattened runs: from a finished run or a file to a new one, judged on other events."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pd4ml
from pd4ml.benchmark.decorrelate import DECORRELATION_NAME, flatten_run
from pd4ml.benchmark.run import Run, evaluate, load_run
from pd4ml.cli import app
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.training import Recipe

SMALL = Recipe.from_dict(
    {
        "name": "small",
        "model": "fcn",
        "description": "",
        "reference": "",
        "learning_rate": 1e-2,
        "batch_size": 256,
        "max_epochs": 2,
        "patience": 2,
        "min_delta": 0.0,
        "schedule": {"kind": "constant"},
        "hyperparameters": {"width": 8, "depth": 1},
    }
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets of two sizes, of a signal in which the mass is larger, and a run on each."""
    path = tmp_path_factory.mktemp("decorrelate")
    for name, n in (("Bumps", 9000), ("FewBumps", 900)):
        rng = np.random.default_rng(1)
        label = rng.integers(0, 2, n)
        mass = rng.normal(80 + 30 * label, 30)
        x = {"a": rng.normal(label), "b": mass + rng.normal(0, 20, n)}
        sample = pd4ml.own_data(x, label, path, name=name, extras={"mass": mass}, graph="none")
        pd4ml.train(sample, SMALL, runs_dir=path / name, threads=1)
    return path


def run_of(home: Path, name: str) -> Run:
    (folder,) = {f.parent for f in (home / name).glob("*/record.json")} - {*(home / name).glob("*-flatten-*")}
    return load_run(folder, threads=1)


def test_a_flattened_run_is_a_run_like_any_other(home: Path) -> None:
    before = run_of(home, "Bumps")
    after = flatten_run(before, home, of="mass", runs_dir=home / "flat")
    assert after.record.method["kind"] == "flatten"
    assert after.record.method["quantity"] == "mass"
    assert after.record.parents == [before.record.sha256]
    assert flatten_run(before, home, of="mass", runs_dir=home / "flat").folder == after.folder
    assert evaluate(after.folder, home)["auc"] == after.record.metrics["auc"]
    sample = before.fitted.dataset.at(home)
    again = load_run(after.folder, threads=1).predict(sample)
    recorded = np.load(after.folder / "predictions.npz")["logit"]
    np.testing.assert_array_equal(again.output, recorded)


def test_the_command_measures_before_and_after(home: Path, tmp_path: Path) -> None:
    folder = run_of(home, "Bumps").folder
    command = ["decorrelate", str(folder), "--from", "mass", "--path", str(home), "--threads", "1"]
    result = CliRunner().invoke(app, [*command, "--json", "--plot", str(tmp_path / "mass.png")])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    before, after = scores["small, seed 1"], scores["small-flatten, seed 1"]
    assert after["inverse_jsd_0.8"]["value"] > 5 * before["inverse_jsd_0.8"]["value"]
    assert after["rejection_0.8"]["value"] < before["rejection_0.8"]["value"]
    assert (tmp_path / "mass.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads((folder / DECORRELATION_NAME).read_text())
    assert kept["quantity"] == "mass"
    assert kept["metrics"] == before


def test_a_file_is_flattened_half_by_half(home: Path, tmp_path: Path) -> None:
    run = run_of(home, "Bumps")
    run.predict(run.fitted.dataset.at(home)).write(tmp_path / "scores.csv")
    command = [
        "decorrelate",
        "--predictions",
        str(tmp_path / "scores.csv"),
        "--dataset",
        "Bumps",
        "--from",
        "mass",
    ]
    flat = tmp_path / "flat.npz"
    result = CliRunner().invoke(app, [*command, "--path", str(home), "--out", str(flat), "--json"])
    assert result.exit_code == 2  # of 1,800 events a half has too few
    assert "at least 500 background events" in result.output
    large = [*command, "--split", "train", "--path", str(home), "--out", str(flat), "--json"]
    run.predict(run.fitted.dataset.at(home), "train").write(tmp_path / "scores.csv")
    result = CliRunner().invoke(app, large)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    assert scores["flattened"]["inverse_jsd_0.8"]["value"] > 5 * scores["scores.csv"]["inverse_jsd_0.8"]["value"]
    assert flat.exists()


def test_what_cannot_be_flattened_is_refused_in_a_line(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 500 background events"):
        flatten_run(run_of(home, "FewBumps"), home, of="mass", runs_dir=tmp_path)
    with pytest.raises(UnknownNameError, match=r"quantity.*mas.*mass"):
        flatten_run(run_of(home, "Bumps"), home, of="mas", runs_dir=tmp_path)
    for arguments in (["x"], ["--from", "mass"], ["x", "--from", "mass", "--plot", "a.gif"]):
        result = CliRunner().invoke(app, ["decorrelate", *arguments])
        assert result.exit_code == 2
        assert result.output.startswith("pd4ml: ")
