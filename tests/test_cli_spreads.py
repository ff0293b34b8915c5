"""Networks that say how sure they are, as one types it: `--set method.kind=...` and `pd4ml laplace`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from helpers.learnable import Values
from pd4ml.cli import app
from pd4ml.evaluation import Predictions


def pd4ml_command(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Values.generate(path, n_events=300, seed=1)
    return path


def train(data: Path, runs: Path, *settings: str) -> Result:
    small = ("max_epochs=1", "hyperparameters.width=8", *settings)
    where = ("--path", data, "--runs", runs, "--threads", 1, "--json")
    return pd4ml_command(
        "train", "LearnValues", "--recipe", "fcn_quick", *where, *(a for s in small for a in ("--set", s))
    )


def test_a_method_by_its_name(data: Path, tmp_path: Path) -> None:
    done = train(data, tmp_path, "hyperparameters.depth=2", "method.kind=gaussian")
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.stdout)
    assert record["method"] == {"kind": "gaussian", "beta": 0.5}
    assert record["recipe"]["hyperparameters"] == {"width": 8, "depth": 2}
    assert "crps" in record["metrics"]
    folder = next(tmp_path.glob("*/record.json")).parent
    where = ("--path", data, "--out", tmp_path / "p.csv")
    assert pd4ml_command("predict", folder, *where).exit_code == 0
    assert (tmp_path / "p.csv").read_text().startswith("event_id,value,spread\n")
    shown = pd4ml_command(
        "evaluate", "--predictions", tmp_path / "p.csv", "--dataset", "LearnValues", "--path", data, "--json"
    )
    assert json.loads(shown.stdout)["crps"] == record["metrics"]["crps"]


def test_laplace_of_a_run(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path, "hyperparameters.depth=2").exit_code == 0
    folder = next(tmp_path.glob("*/record.json")).parent
    done = pd4ml_command("laplace", folder, "--path", data, "--runs", tmp_path, "--threads", 1, "--json")
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.stdout)
    assert record["method"]["kind"] == "laplace"
    made = next(file.parent for file in tmp_path.glob("*laplace*/record.json"))
    before, after = (Predictions.read(run / "predictions.npz", "regression") for run in (folder, made))
    np.testing.assert_array_equal(before.output, after.output)
    assert after.spread is not None


def test_tables_that_are_not_there(data: Path, tmp_path: Path) -> None:
    failed = train(data, tmp_path, "optimiser.kind=adam")
    assert "a recipe has the tables schedule, method and hyperparameters" in failed.output
    failed = train(data, tmp_path, "schedule.warmup=2")
    assert "schedule.warmup must be between 0 and 1, found 2" in failed.output
