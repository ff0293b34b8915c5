"""Models that compete: nobody sees labels, nobody enters too often, and equals are called equal."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from helpers.toy import Toy
from pd4ml.cli import app
from pd4ml.collaborate import Competition, hand_out, verify_ledger
from pd4ml.collaborate.competition import _holm
from pd4ml.errors import DataError
from pd4ml.sample import Sample

pytest.importorskip("cryptography", reason="needs the extra [collaborate]")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 2000, seed=4711)
    return path


@pytest.fixture(scope="module")
def sample(data: Path) -> Sample:
    return Toy.at(data, source="generated")


def scores(points: NDArray[np.float32], noise: float, seed: int = 0) -> NDArray[np.float64]:
    """Of a competitor who knows where points lie, more or less."""
    total = points.sum(axis=(1, 2)) + noise * np.random.default_rng(seed).normal(size=len(points))
    return np.asarray(1 / (1 + np.exp(-(total - 5) / 3)))


def entry(file: Path, inputs: Path, noise: float, seed: int = 0) -> Path:
    with np.load(inputs) as given:
        np.savez(file, event_id=given["event_id"], score=scores(given["points"], noise, seed))
    return file


def test_several_begin_one_competition(sample: Sample, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as executor:
        begun = list(executor.map(lambda _: Competition(sample, tmp_path / "own"), range(8)))
    assert len({one.ledger.entries[0].body["authors"]["coordinator"] for one in begun}) == 1
    assert len((tmp_path / "own" / "ledger.jsonl").read_text().splitlines()) == 1


def test_what_is_handed_out_has_no_labels_and_another_order(sample: Sample, tmp_path: Path) -> None:
    inputs = hand_out(sample, tmp_path / "out", tmp_path / "own")
    test = sample.open("test")
    with np.load(inputs) as given:
        assert set(given.files) == {"event_id", "points", "grid"}
        assert not np.array_equal(given["points"], test["points"])
        order = np.load(tmp_path / "own" / "order.npy")
        np.testing.assert_array_equal(given["points"], np.asarray(test["points"])[order])
    told = json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
    assert told["classes"] == ["zero", "one"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["card.json", "inputs.npz"]
    with pytest.raises(DataError, match="handed out its inputs already"):
        hand_out(sample, tmp_path / "again", tmp_path / "own")


def test_a_hand_out_that_was_stopped_is_made_anew(sample: Sample, tmp_path: Path) -> None:
    """The order comes last: without it nothing was handed out."""
    hand_out(sample, tmp_path / "out", tmp_path / "own")
    (tmp_path / "own" / "order.npy").unlink()
    inputs = hand_out(sample, tmp_path / "out", tmp_path / "own")
    with np.load(inputs) as given:
        order = np.load(tmp_path / "own" / "order.npy")
        np.testing.assert_array_equal(given["points"], np.asarray(sample.open("test")["points"])[order])


def test_a_ranking_has_errors_and_ties(sample: Sample, tmp_path: Path) -> None:
    inputs = hand_out(sample, tmp_path / "out", tmp_path / "own")
    found = Competition(sample, tmp_path / "own")
    for name, noise, seed in (("poor", 30.0, 1), ("good", 0.0, 0), ("same", 0.05, 2), ("fair", 3.0, 3)):
        found.enter(name, entry(tmp_path / f"{name}.npz", inputs, noise, seed))
    standings = {standing.name: standing for standing in found.standings()}
    assert list(standings)[2:] == ["fair", "poor", "mean of all"]
    assert standings["good"].rank == standings["same"].rank == 1
    assert (standings["fair"].rank, standings["poor"].rank, standings["mean of all"].rank) == (3, 4, 0)
    behind = standings["poor"].behind
    assert behind is not None
    assert behind.value < -3 * (behind.error or 0)
    labels = np.asarray(sample.open("test").y)[np.load(tmp_path / "own" / "order.npy")]
    assert standings["good"].metrics["accuracy"].value > 0.9
    assert len(labels) == 400
    kept = Competition(sample, tmp_path / "own")
    assert [s.metrics for s in kept.standings()] == [s.metrics for s in found.standings()]
    kept.to_leaderboard(tmp_path / "board")
    shown = CliRunner().invoke(app, ["leaderboard", "check", str(tmp_path / "board"), "--path", str(sample.path)])
    assert shown.exit_code == 0, shown.output
    entered = json.loads(next((tmp_path / "board").rglob("good*/record.json")).read_text("utf-8"))
    assert entered["metrics"]["auc"]["value"] == pytest.approx(standings["good"].metrics["auc"].value)


def test_entries_are_limited_checked_and_kept(sample: Sample, tmp_path: Path) -> None:
    inputs = hand_out(sample, tmp_path / "out", tmp_path / "own")
    found = Competition(sample, tmp_path / "own", limit=2)
    first = entry(tmp_path / "1.npz", inputs, 1.0, 1)
    found.enter("team", first)
    with pytest.raises(DataError, match="was entered before"):
        found.enter("copycats", first)
    found.enter("team", first)  # the same line again, which is no other entry
    bad = tmp_path / "bad.npz"
    with np.load(inputs) as given:
        np.savez(bad, event_id=given["event_id"][:-1], score=scores(given["points"], 1.0)[:-1])
    with pytest.raises(DataError, match="event"):
        found.enter("team", bad)
    found.enter("team", entry(tmp_path / "2.npz", inputs, 9.0, 2))
    with pytest.raises(DataError, match="team has had 2 entries, which is the limit"):
        found.enter("team", entry(tmp_path / "3.npz", inputs, 0.0, 3))
    with pytest.raises(DataError, match="a competitor's name"):
        found.enter("../team", entry(tmp_path / "4.npz", inputs, 0.0, 4))
    assert [e.body.get("number") for e in verify_ledger(tmp_path / "own" / "ledger.jsonl")] == [None, 1, 2]
    (last,) = found.standings()
    assert last.metrics["auc"].value < 0.95  # the second, though the first was better
    with pytest.raises(DataError, match="another competition, or one of another limit"):
        Competition(sample, tmp_path / "own", limit=5)
    kept = tmp_path / "own" / "entries" / "team-2.npz"
    kept.write_bytes((tmp_path / "own" / "entries" / "team-1.npz").read_bytes())
    with pytest.raises(DataError, match=r"not the one that entry 2 of the ledger names"):
        found.standings()


def test_without_a_handout_ids_are_places(sample: Sample, tmp_path: Path) -> None:
    test = sample.open("test")
    np.savez(tmp_path / "a.npz", event_id=np.arange(len(test)), score=scores(np.asarray(test["points"]), 0.0))
    assert Competition(sample, tmp_path / "own").enter("a", tmp_path / "a.npz")["auc"].value > 0.95


def test_an_order_is_one_of_all_events(sample: Sample, tmp_path: Path) -> None:
    hand_out(sample, tmp_path / "given", tmp_path / "kept")
    n_events = len(sample.open("test"))
    for wrong in (np.zeros(n_events, int), np.arange(n_events + 1), np.zeros(n_events), np.zeros((2, 2), int)):
        np.save(tmp_path / "kept" / "order.npy", wrong)
        with pytest.raises(DataError, match="is no order of the"):
            Competition(sample, tmp_path / "kept")
    (tmp_path / "kept" / "order.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="cannot be read"):
        Competition(sample, tmp_path / "kept")


def test_holm() -> None:
    found = _holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert found == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def test_command_line(data: Path, tmp_path: Path) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    where = ["compete", "Toy", "--path", str(data), "--to", str(own)]
    done = CliRunner().invoke(app, [*where, "--hand-out", str(out)])
    assert done.exit_code == 0, done.output
    files = [entry(tmp_path / f"{n}.npz", out / "inputs.npz", n, n) for n in (0, 20)]
    done = CliRunner().invoke(app, [*where, "--entries", f"ours={files[0]}", "--entries", f"theirs={files[1]}"])
    assert done.exit_code == 0, done.output
    assert "mean of all" in done.stdout
    assert done.stdout.index("ours") < done.stdout.index("theirs")
    again = json.loads(CliRunner().invoke(app, [*where, "--json"]).stdout)
    assert [standing["rank"] for standing in again] == [1, 2, 0]
    verified = CliRunner().invoke(app, ["collaborate", "verify", str(own / "ledger.jsonl")])
    assert "3 entries" in verified.stdout
    wrong = CliRunner().invoke(app, [*where, "--entries", "nothing"])
    assert wrong.exit_code == 2
    assert "NAME=FILE" in wrong.stderr
