"""An inference on small events: posteriors of a share and of a value that narrow, and are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.learnable import Values
from pd4ml.benchmark.infer import Question, infer, observe
from pd4ml.cli import app
from pd4ml.errors import DataError, StoreError, UnknownNameError
from pd4ml.report.asides import of_analysis
from pd4ml.report.inference import inference_picture, inference_table
from pd4ml.training import load_recipe

RECIPE = load_recipe("fcn_quick").override(
    max_epochs=2, batch_size=32, learning_rate=0.01, hyperparameters={"width": 16, "depth": 1}
)
pytest.importorskip("zuko")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Values.generate(path, n_events=3000, seed=1)
    return path


@pytest.fixture(scope="module")
def found(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("inference") / "value"
    sample = Values.at(data, source="generated").select("value > 690 and value < 710")
    body = infer(sample, RECIPE, Question("value", None, 0.1), n_events=10, folder=folder, n_sets=300)
    return folder, body


def test_more_events_tell_more(found: tuple[Path, dict[str, Any]]) -> None:
    """Points of width 0.5 are measured, so that an event has an error of about 3, and ten a third of it."""
    one, ten = found[1]["sizes"]
    assert (one["events"], ten["events"]) == (1, 10)
    assert min(found[1]["valid_loss"]) < np.log(18) - 0.3  # the prior's, of values from 691 to 709
    assert ten["width"]["value"] < 0.75 * one["width"]["value"]
    assert ten["information"]["value"] > one["information"]["value"] + 0.4
    assert ten["error"]["value"] < 1.6 * ten["width"]["value"]
    assert sum(ten["calibration"]["counts"]) == 300
    assert 0.5 < ten["coverage"]["0.68"]["value"] < 0.85


@pytest.mark.parametrize("question", [Question("value", None, 0.1), Question("n_points", 6.0)])
def test_trees_are_encoders_too(question: Question, data: Path, tmp_path: Path) -> None:
    sample = Values.at(data, source="generated").select("value > 690 and value < 710")
    trees = load_recipe("gbdt").override(max_epochs=40)
    body = infer(sample, trees, question, n_events=10, folder=tmp_path / "trees", n_sets=300)
    one, ten = body["sizes"]
    assert ten["width"]["value"] < 0.75 * one["width"]["value"]
    assert ten["error"]["value"] < 1.6 * ten["width"]["value"]
    assert 0.5 < ten["coverage"]["0.68"]["value"] < 0.85
    seen = observe(tmp_path / "trees", sample)
    assert np.isfinite(seen["quantiles"]).all()


def test_a_finished_inference_is_not_made_again(found: tuple[Path, dict[str, Any]], data: Path) -> None:
    folder, body = found
    sample = Values.at(data, source="generated").select("value > 690 and value < 710")
    assert infer(sample, RECIPE, Question("value", None, 0.1), n_events=10, folder=folder, n_sets=300) == body
    with pytest.raises(StoreError, match="another inference"):
        infer(sample, RECIPE, Question("value", None, 0.1), n_events=10, folder=folder, n_sets=300, seed=2)


def test_observed_events_are_told_what_pseudo_experiments_are(
    found: tuple[Path, dict[str, Any]], data: Path
) -> None:
    """Of events with values near 704 the posterior is there; loaded from the folder, nothing is trained."""
    seen = observe(found[0], Values.at(data, source="generated").select("value > 703 and value < 705"))
    median = np.array(seen["quantiles"])[:, 2]
    assert seen["events"] == 10
    assert 701.5 < median.mean() < 706.5
    with pytest.raises(DataError, match="a set has 10 events, found"):
        observe(found[0], Values.at(data, source="generated").select("value > 703.9 and value < 703.95"))
    with pytest.raises(DataError, match="has learnt sets of 1, 10 events"):
        observe(found[0], Values.at(data, source="generated"), n_events=7)


def test_it_is_a_table_and_a_picture(found: tuple[Path, dict[str, Any]]) -> None:
    table = inference_table(found[1])
    assert [row.name for row in table.rows] == ["1", "10"]
    assert len(table.rows[0].cells) == len(table.columns)
    assert inference_picture(found[1]).png[:4] == b"\x89PNG"


def test_the_report_shows_it_and_refuses_what_is_not_whole(
    found: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shown = of_analysis("a1", found[0])
    assert shown.name == "LearnValues, value"
    assert [row.name for row in shown.table.rows] == ["1", "10"]
    assert len(shown.pictures) == 1
    (tmp_path / "inference.json").write_text('{"format": 1}')
    with pytest.raises(DataError, match=r"inference.json is not whole"):
        of_analysis("a1", tmp_path)
    with pytest.raises(DataError, match=r"has neither"):
        of_analysis("a1", tmp_path / "nothing")


def test_a_share_on_the_command_line(data: Path, tmp_path: Path) -> None:
    """With what is compared: no posterior tells more than known kinds do, on average."""
    command = ["infer", "LearnValues", "--share", "n_points=6", "--events", "10", "--recipe", "fcn_quick"]
    command += ["--sets", "200", "--observed", "default"]
    command += ["--path", str(data), "--out", str(tmp_path / "share"), "--set", "max_epochs=2"]
    command += ["--set", "batch_size=32", "--set", 'hyperparameters={"width": 16, "depth": 1}']
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    assert "posterior of share of n_points = 6" in made.output
    body = json.loads((tmp_path / "share" / "inference.json").read_text())
    for entry in body["sizes"]:
        assert entry["known"]["information"]["value"] > entry["information"]["value"] - 0.05
        assert entry["known"]["width"]["value"] < 1.05 * entry["width"]["value"]
    assert (tmp_path / "share" / "observed-default.json").exists()


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (Question("nothing"), UnknownNameError),
        (Question("points"), DataError),
        (Question("n_points", 9.0), DataError),
    ],
)
def test_what_is_no_parameter_is_refused(
    question: Question, error: type[Exception], data: Path, tmp_path: Path
) -> None:
    with pytest.raises(error):
        infer(Values.at(data, source="generated"), RECIPE, question, folder=tmp_path / "x")
    assert not (tmp_path / "x").exists()
