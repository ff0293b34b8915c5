"""One bad record or collaboration among good ones is named and left out; the others are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.records import example_record
from pd4ml.cli import app
from pd4ml.cli.app import settings
from pd4ml.collaborate.together import read_collaboration
from pd4ml.errors import DataError
from pd4ml.report.collaboration import collaboration_table


@pytest.mark.parametrize("line", [("results", "{}"), ("leaderboard", "show", "{}")])
def test_a_bad_record_stops_nobody(tmp_path: Path, line: tuple[str, ...]) -> None:
    below = tmp_path / "runs" / "Toy" if line[0] == "leaderboard" else tmp_path / "runs"
    for name in ("good", "bad", "worse"):
        (below / name).mkdir(parents=True)
        example_record().write(below / name / "record.json")
    (below / "bad" / "record.json").write_text('{"a": 1e999, "[/bold]\\u001b[31m": 1}')
    (below / "worse" / "record.json").write_text(json.dumps({"\x1b[31m[/bold]": "x" * 100_000}))
    done = CliRunner().invoke(app, [word.format(tmp_path / "runs") for word in line])
    assert done.exit_code == 0, done.output
    assert "fcn" in done.stdout
    named = done.stderr.splitlines()
    assert [text.startswith("pd4ml: left out: record ") for text in named] == [True, True]
    assert all(len(text) < 2100 and text.isprintable() for text in named)


def collaboration() -> dict[str, Any]:
    found = {"auc": {"value": 0.5, "error": 0.1, "lower_limit": False}}
    return {
        "format": 1,
        "settings": {
            "dataset": "Toy",
            "recipe": {"name": "fcn"},
            "strategy": {"kind": "vote"},
            "learners": {"a": {"source": "own", "variant": "default"}},
            "rounds": 1,
            "epochs": 1,
            "seed": 1,
        },
        "history": [{"round": 0, "accepted": False, "loss": {"a": None}}],
        "scores": {"together": {"all": found}, "alone a": {"all": found}},
    }


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("history", [], "history"),
        ("history", [{"round": 0, "accepted": False, "loss": {"b": 1.0}}], "has not the loss of every learner"),
        ("scores", {"alone a": {}}, "together"),
        ("scores", {"together": {"all": {"auc": {"value": 1, "error": -1, "lower_limit": False}}}}, "error"),
        (
            "scores",
            {**collaboration()["scores"], "x": {"b": collaboration()["scores"]["together"]["all"]}},
            "has no",
        ),
        ("settings", {"dataset": ["Toy"]}, "settings"),
        ("format", 2, "format"),
    ],
)
def test_what_is_no_collaboration(tmp_path: Path, part: str, value: Any, message: str) -> None:
    (tmp_path / "collaboration.json").write_text(json.dumps(collaboration()))
    assert len(collaboration_table(read_collaboration(tmp_path)).rows) == 2
    (tmp_path / "collaboration.json").write_text(json.dumps({**collaboration(), part: value}))
    with pytest.raises(DataError, match=message):
        read_collaboration(tmp_path)


def test_settings_that_are_no_json_are_text() -> None:
    deep = "[" * 5000
    assert settings([f"a={deep}", "b=NaN", "c=" + "9" * 5000, "d=1.5"]) == {
        "a": deep,
        "b": "NaN",
        "c": "9" * 5000,
        "d": 1.5,
    }


def test_a_learner_without_scores_is_shown(tmp_path: Path) -> None:
    """A site may have told none: the table has nothing to compare, and stands."""
    body = {**collaboration(), "scores": {"together": {"a": {}}}}
    (tmp_path / "collaboration.json").write_text(json.dumps(body))
    assert [row.name for row in collaboration_table(read_collaboration(tmp_path)).rows] == ["together"]
