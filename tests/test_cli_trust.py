"""`pd4ml calibrate`, `pd4ml ensemble` and `pd4ml intervals`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import pd4ml
from helpers.learnable import Values, Weighted
from pd4ml.benchmark import Run
from pd4ml.cli import app
from pd4ml.training import load_recipe


def pd4ml_command(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Weighted.generate(path, n_events=7000, seed=1)
    Weighted.generate(path, n_events=1000, seed=1, variant="scaled")
    Values.generate(path, n_events=300, seed=1)
    return path


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    recipe, folder = load_recipe("gbdt").override(max_epochs=10), tmp_path_factory.mktemp("runs")
    made = [
        pd4ml.train(Weighted.at(data, source="generated"), recipe, seed=seed, n_train=n, runs_dir=folder)
        for seed, n in ((1, None), (2, 5500))
    ]
    return [*made, pd4ml.train(Values.at(data, source="generated"), recipe, runs_dir=folder)]


def test_a_run_is_calibrated_and_the_result_used(runs: list[Run], data: Path, tmp_path: Path) -> None:
    done = pd4ml_command("calibrate", runs[0].folder, "--path", data)
    assert done.exit_code == 0, done.output
    assert "T = " in done.stderr
    assert "gbdt-changed-temperature" in done.stdout
    folder = Path(done.stdout.splitlines()[-1])
    assert folder.parent == runs[0].folder.parent
    record = json.loads(pd4ml_command("calibrate", runs[0].folder, "--path", data, "--json").stdout)
    assert (record["folder"], record["parents"]) == (str(folder), [runs[0].record.sha256])
    assert pd4ml_command("evaluate", folder, "--path", data).exit_code == 0
    shown = pd4ml_command("intervals", folder, "--path", data, "--coverage", "0.8", "--variants", "all")
    assert shown.exit_code == 0, shown.output
    assert "scaled" in shown.stdout
    assert "0.8" in shown.stdout
    assert [each["coverage"] for each in json.loads((folder / "intervals.json").read_text())["levels"]] == [0.8]
    out = tmp_path / "report.html"
    assert pd4ml_command("report", folder.parent, "--path", tmp_path, "--out", out).exit_code == 0
    assert "<h3>Intervals</h3>" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("calibrate", "VALUES"), "predicts values, not probabilities: `pd4ml intervals`"),
        (("calibrate", "FIRST", "--method", "temprature"), "did you mean 'temperature'"),
        (("ensemble", "FIRST"), "two or more runs, all different"),
        (("ensemble", "FIRST", "VALUES"), "were not tested on the same events"),
        (("intervals", "FIRST", "--coverage", "68"), "coverage must be above 0 and below 1"),
        (("intervals", "FIRST", "--by", "nothing"), "unknown quantity 'nothing'"),
        (("intervals", "nowhere"), "record nowhere cannot be read"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...],
    reason: str,
    runs: list[Run],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {"FIRST": str(runs[0].folder), "VALUES": str(runs[2].folder)}
    done = pd4ml_command(*(folders.get(a, a) for a in arguments), "--path", data)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_runs_are_averaged(runs: list[Run], data: Path, tmp_path: Path) -> None:
    done = pd4ml_command("ensemble", runs[0].folder, runs[1].folder, "--path", data, "--runs", tmp_path)
    if done.exit_code:  # validated on other events: the second was trained on fewer
        assert "no validation event in common" in done.stderr
    else:
        assert "gbdt-changed-ensemble-of-2" in done.stdout
        assert Path(done.stdout.splitlines()[-1]).parent == tmp_path
