"""`pd4ml predict` and `pd4ml shift`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import pd4ml
from helpers.learnable import Weighted
from pd4ml.benchmark import Run
from pd4ml.cli import app
from pd4ml.training import load_recipe


def pd4ml_command(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Weighted.generate(path, n_events=300, seed=1)
    return path


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = load_recipe("gbdt").override(max_epochs=20)
    return pd4ml.train(Weighted.at(data, source="generated"), recipe, runs_dir=tmp_path_factory.mktemp("runs"))


def test_predictions_of_a_variant_can_be_evaluated(run: Run, data: Path, tmp_path: Path) -> None:
    Weighted.generate(data, n_events=300, seed=1, variant="scaled")
    where = ("--path", data, "--variant", "scaled")
    done = pd4ml_command("predict", run.folder, *where, "--out", tmp_path / "new" / "scaled.csv", "--json")
    assert done.exit_code == 0, done.output
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["events"] == 60
    assert facts["features"] == run.view.sha256
    shown = pd4ml_command(
        "evaluate", "--predictions", facts["file"], "--dataset", "LearnWeighted", *where, "--json"
    )
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["auc"]["value"] > 0.8


def test_own_events_are_predicted(run: Run, data: Path, tmp_path: Path) -> None:
    arrays = Weighted.open("test", data, source="generated").take(slice(0, 7))
    np.savez(tmp_path / "mine.npz", points=arrays["points"], n_points=arrays["n_points"])
    done = pd4ml_command("predict", run.folder, "--data", tmp_path / "mine.npz", "--out", tmp_path / "out.npz")
    assert done.exit_code == 0, done.output
    assert "7 events, features" in done.stdout
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["event_id"], np.arange(7))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("predict", "RUN", "--out", "scores.root"), "expected --out FILE that ends in .npz or .csv"),
        (("predict", "nowhere", "--out", "scores.npz"), "record nowhere cannot be read: No such file"),
        (
            ("predict", "RUN", "--variant", "none", "--out", "scores.npz"),
            "no generated LearnWeighted of variant",
        ),
        (("predict", "RUN", "--data", "nothing.npz", "--out", "scores.npz"), "nothing.npz"),
        (("shift", "RUN", "--variants", "scald"), "did you mean 'scaled'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], reason: str, run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = pd4ml_command(*(str(run.folder) if a == "RUN" else a for a in arguments), "--path", data)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_shifts_are_made_and_printed(run: Run, tmp_path: Path) -> None:
    Weighted.generate(tmp_path, n_events=300, seed=1)
    options = ("--path", tmp_path, "--events", 300, "--workers", 1)
    done = pd4ml_command("shift", run.folder, *options)
    assert done.exit_code == 0, done.output
    assert "scaled" in done.stdout
    body = json.loads(pd4ml_command("shift", run.folder, *options, "--json").stdout)
    assert body["variants"][0]["paired"]
    assert json.loads((run.folder / "shift.json").read_text())["variants"] == body["variants"]
