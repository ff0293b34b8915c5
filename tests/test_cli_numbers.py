"""The command line of the evaluator and the leaderboard: what it prints, and one line for each mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from helpers.toy import Toy
from pd4ml.cli import app
from pd4ml.storage.hashing import sha256_of


def pd4ml(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def output(*args: object) -> str:
    result = pd4ml(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(*args: object) -> str:
    result = pd4ml(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.strip().splitlines()
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A generated Toy and another tool's scores for its test split, shuffled."""
    Toy.generate(tmp_path, 1000)
    labels = np.asarray(Toy.open("test", tmp_path, source="generated").y)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(labels))
    scores = 1 / (1 + np.exp(-rng.normal(2.0 * labels - 1)))[order]
    rows = [f"{i},{s:.9f}" for i, s in zip(order, scores, strict=True)]
    (tmp_path / "scores.csv").write_text("\n".join(["event_id,score", *rows]))
    np.save(tmp_path / "labels.npy", labels)
    return tmp_path


@pytest.mark.parametrize(
    "command", ["evaluate", "audit", "leaderboard", *(f"leaderboard {name}" for name in ("add", "show", "check"))]
)
def test_help_teaches(command: str) -> None:
    assert "Usage" in output(*command.split(), "--help")
    assert command.split()[0] in output("--help")


def test_evaluate_scores_of_any_tool(data: Path) -> None:
    options = ("evaluate", "--predictions", data / "scores.csv")
    against_dataset = output(*options, "--dataset", "toy", "--split", "test", "--path", data)
    assert "200 events of split test of Toy (generated default)" in against_dataset
    for name in ("auc", "calibration_error", "background_rejection_0.8"):
        assert name in against_dataset
    measured = json.loads(output(*options, "--dataset", "Toy", "--path", data, "--json"))
    assert measured["auc"]["value"] > 0.8
    labels = ("--truth", data / "labels.npy", "--truth-sha256", sha256_of(data / "labels.npy"))
    assert json.loads(output(*options, *labels, "--json")) == measured


def test_evaluate_a_regression(data: Path) -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(700, 50, 500)
    np.savez(data / "target.npz", target=target)
    np.savez(data / "value.npz", value=target + rng.normal(5, 20, 500))
    options = ("evaluate", "--predictions", data / "value.npz", "--truth", data / "target.npz")
    assert len(re.findall(r"^[\d.]+ to [\d.]+ +50 ", output(*options), re.M)) == 10
    assert len(json.loads(output(*options, "--json"))["by_target"]) == 10


def test_evaluate_says_what_is_wrong(data: Path) -> None:
    scores = ("--predictions", data / "scores.csv")
    assert "takes the folder of a run, or --predictions" in fails("evaluate")
    assert "takes the folder of a run, or --predictions" in fails("evaluate", data, *scores)
    assert "--dataset NAME or against --truth" in fails("evaluate", *scores)
    assert "is this the wrong split" in fails(
        "evaluate", *scores, "--dataset", "Toy", "--split", "train", "--path", data
    )
    wrong = ("--truth", data / "labels.npy", "--truth-sha256", "0" * 64)
    assert "it is another truth" in fails("evaluate", *scores, *wrong)
    assert "these are labels" in fails("evaluate", "--predictions", data / "labels.npy", *wrong[:2])


def test_leaderboard(data: Path) -> None:
    board = data / "board"
    add = (
        "leaderboard",
        "add",
        "--predictions",
        data / "scores.csv",
        "--dataset",
        "Toy",
        "--to",
        board,
        "--path",
        data,
    )
    assert "with --dataset and --name" in fails(*add)
    entry = Path(output(*add, "--name", "My net", "--reference", "arXiv:0000.00000").strip())
    assert (entry / "record.json").exists()
    assert "already" in fails(*add, "--name", "My net again")
    assert "My net" in output("leaderboard", "show", board)
    assert "| 1 | My net |" in output("leaderboard", "show", board, "--markdown")
    (section,) = json.loads(output("leaderboard", "show", board, "--dataset", "toy", "--json"))
    assert section["ranking"][0]["records"][0]["kind"] == "external"
    assert "known: Toy" in fails("leaderboard", "show", board, "--dataset", "Spinodal")
    assert "verified" in output("leaderboard", "check", board, "--path", data)
    (entry / "predictions.npz").write_bytes(b"")
    result = pd4ml("leaderboard", "check", board, "--path", data, "--json")
    assert result.exit_code == 1
    assert "not those of the record" in json.loads(result.stdout)[0]["problem"]
    assert "no entries in" in fails("leaderboard", "show", data / "none")


def test_rows_in_another_order_are_put_in_order(data: Path) -> None:
    """The index that pandas writes, under a name of its own or none; here and on the leaderboard."""
    ids, scores = np.loadtxt(data / "scores.csv", delimiter=",", skiprows=1, unpack=True)
    against = ("--dataset", "Toy", "--path", data)
    expected = output("evaluate", "--predictions", data / "scores.csv", *against)
    rows = "\n".join(f"{i:.0f},{s:.9f}" for i, s in zip(ids, scores, strict=True))
    for name in ("", "id"):
        (data / "other.csv").write_text(f"{name},score\n{rows}")
        for command in (
            ("evaluate", *against),
            ("leaderboard", "add", "--name", "My net", "--to", data / f"board{name}", *against),
        ):
            result = pd4ml(*command, "--predictions", data / "other.csv")
            assert result.exit_code == 0, result.output
            (line,) = result.stderr.strip().splitlines()
            assert line.endswith("is read as event_id: rows are put in the order of the events")
            assert command[0] != "evaluate" or result.stdout == expected
    (data / "other.csv").write_text(f"foo,score\n{rows}")
    for start in (["evaluate"], ["leaderboard", "add", "--name", "My net", "--to", str(data / "board_foo")]):
        options = (*start, *against, "--predictions", data / "other.csv")
        assert "column 'foo' looks like ids of the events in another order" in fails(*options)
        assert pd4ml(*options, "--columns", "event_id=foo").exit_code == 0


def test_columns_of_predictions_and_of_their_truth(data: Path) -> None:
    labels, rng = np.load(data / "labels.npy"), np.random.default_rng(4)
    np.savez(data / "p.npz", a=1 / (1 + np.exp(-rng.normal(2.0 * labels - 1))))
    np.savez(data / "t.npz", c=labels, d=rng.normal(size=len(labels)))
    options = ("evaluate", "--predictions", data / "p.npz", "--truth", data / "t.npz")
    assert "auc" in output(*options, "--columns", "score=a,label=c")
    assert "needs a column logit or score; found a" in fails(*options, "--columns", "label=c")
    assert "has no column 'b'; its columns: a" in fails(*options, "--columns", "score=b,label=c")
    assert "--columns takes KEY=NAME" in fails(*options, "--columns", "scores=a")
    dataset = (*options[:3], "--dataset", "Toy", "--path", data, "--columns", "score=a,label=c")
    assert "--columns label is for a file of --truth" in fails(*dataset)


def test_scores_of_the_other_class_are_evaluated_with_a_hint(data: Path) -> None:
    ids, scores = np.loadtxt(data / "scores.csv", delimiter=",", skiprows=1, unpack=True)
    np.savez(data / "p.npz", event_id=ids.astype(int), score=1 - scores)
    against = ("--predictions", data / "p.npz", "--dataset", "Toy", "--path", data)
    for command in (("evaluate", "--json"), ("leaderboard", "add", "--name", "My net", "--to", data / "board")):
        result = pd4ml(*command, *against)
        assert result.exit_code == 0
        assert "these look like scores of class 0. Nothing was changed" in result.stderr
        if command[0] == "evaluate":
            assert json.loads(result.stdout)["auc"]["value"] < 0.2


def test_audit(data: Path) -> None:
    text = output("audit", "Toy", "--path", data)
    assert "exact duplicates in both train and test: 0" in text
    assert "place in the file" in text
    found = json.loads(output("audit", "Toy", "--path", data, "--json"))
    assert found["failed"] is False
    assert len(found["near"]) == 3


def test_audit_fails_on_duplicates(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pd4ml.storage.store import Events

    opened = Toy.open

    def with_a_duplicate(split: str, *args: Any, **options: Any) -> Events:
        events = opened(split, *args, **options)
        arrays = {name: np.array(array) for name, array in events.items()}
        arrays["points"][3] = opened("train", *args, **options)["points"][5]
        return Events(arrays, events.manifest, split)

    monkeypatch.setattr(Toy, "open", with_a_duplicate)
    result = pd4ml("audit", "Toy", "--path", data)
    assert result.exit_code == 1
    assert "exact duplicates in both train and test: 1" in result.stdout
    assert "for example 3 and 3" in result.stdout


def test_evaluate_vectors_and_nodes_with_weights(data: Path) -> None:
    rng = np.random.default_rng(2)
    target, weight = rng.normal(50, 5, (500, 2)), rng.uniform(1, 2, 500)
    np.savez(data / "target.npz", target=target, weight=weight)
    np.savez(data / "value.npz", value=target + rng.normal([3, 0], 1, (500, 2)))
    options = ("evaluate", "--predictions", data / "value.npz", "--truth", data / "target.npz")
    text = output(*options)
    assert text.count(", component 0 ") == text.count(", component 1 ") == 10
    measured = json.loads(output(*options, "--json"))
    assert measured["bias_0"]["value"] == pytest.approx(3, abs=0.3)
    assert {b["component"] for b in measured["by_target"]} == {0, 1}
    ids: dict[str, Any] = {"event_id": np.repeat(np.arange(100), 5), "node": np.tile(np.arange(5), 100)}
    labels = rng.integers(0, 3, 500)
    np.savez(data / "labels.npz", **ids, label=labels)
    logits = 2 * np.eye(3)[labels] + rng.normal(size=(500, 3))
    np.savez(data / "logits.npz", **ids, logit=logits)
    text = output("evaluate", "--predictions", data / "logits.npz", "--truth", data / "labels.npz")
    assert text.startswith("500 nodes of ")
    assert "iou_macro" in text
