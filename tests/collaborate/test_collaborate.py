"""Groups that learn together: the same bits each time, also after a stop, and from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import pd4ml
from helpers.toy import Toy
from pd4ml.cli import app
from pd4ml.collaborate import (
    collaborate,
    compare_ledgers,
    groups_of,
    make_strategy,
    read_collaboration,
    verify_ledger,
)
from pd4ml.collaborate.ledger import read_ledger
from pd4ml.collaborate.network import NetworkLearner, PooledLearner
from pd4ml.collaborate.rounds import play_rounds
from pd4ml.collaborate.strategies import FedAvg, Vote
from pd4ml.collaborate.together import TOGETHER
from pd4ml.collaborate.weights import state_digest
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.sample import Sample
from pd4ml.training.fitted import load_fitted
from pd4ml.training.recipe import Recipe, load_recipe

pytest.importorskip("cryptography", reason="needs the extra [collaborate]")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 600, seed=1)
    Toy.generate(path, 300, seed=2, variant="far")
    return path


@pytest.fixture(scope="module")
def groups(data: Path) -> dict[str, Sample]:
    return groups_of(Toy, data, 3, "equal")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("graph_net_quick", Toy).override(batch_size=32)


@pytest.fixture(scope="module")
def learners(groups: dict[str, Sample], recipe: Recipe) -> list[NetworkLearner]:
    found: list[NetworkLearner] = []
    for name, sample in groups.items():
        found.append(NetworkLearner(name, sample, recipe, found[0].view if found else None))
    return found


def test_train_vote_and_test_events_are_apart(learners: list[NetworkLearner]) -> None:
    seen = []
    for learner in learners:
        train, vote = (part.events.places[part.index] for part in (learner.material.train, learner.material.valid))
        assert len(vote) > 10
        assert not set(train) & set(vote)
        seen.append({*train, *vote})
    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]


def test_a_proposal_has_buffers_and_leaves_nothing_behind(learners: list[NetworkLearner]) -> None:
    start = learners[0].start()
    assert any("running_mean" in name for name in start)
    first = learners[1].propose(start, 0)
    between = learners[1].propose(first, 3)
    assert any(not np.array_equal(first[n], start[n]) for n in start if "running_mean" in n)
    assert state_digest(learners[1].propose(start, 0)) == state_digest(first)  # no optimiser, no state of before
    assert state_digest(between) != state_digest(first)
    assert state_digest(learners[2].propose(start, 0)) != state_digest(first)
    near = learners[1].propose(start, 0, proximal=10.0)
    weights = [n for n in start if n.endswith("weight")]
    moved, held = (sum(np.square(s[n] - start[n]).sum() for n in weights) for s in (first, near))
    assert held < 0.9 * moved


def test_votes_are_the_same_on_every_call_and_have_errors(learners: list[NetworkLearner]) -> None:
    start = learners[0].start()
    better = play_rounds(learners[:1], FedAvg(), start, 4)
    ballot = learners[1].vote(better, start)
    assert ballot == learners[1].vote(better, start)
    assert ballot.yes
    assert 0 < ballot.error < 0.2
    assert ballot.tie is (-ballot.change <= ballot.error)
    back = learners[1].vote(start, better)
    assert back.change == pytest.approx(-ballot.change)
    assert learners[1].vote(start, start).tie
    losses, sizes = learners[1].losses(better)
    assert sizes.sum() == len(learners[1].material.valid.index)
    assert (losses > 0).all()


def test_pooled_events_are_all_events(learners: list[NetworkLearner]) -> None:
    pooled = PooledLearner(learners)
    batches = list(pooled._batches(0))
    assert sum(map(len, batches)) == pooled.n_train == sum(learner.n_train for learner in learners)
    first = [tuple(batch.index) for batch in batches]
    assert first == [tuple(batch.index) for batch in pooled._batches(0)]
    assert first != [tuple(batch.index) for batch in pooled._batches(1)]


def test_a_collaboration_is_recorded_and_gone_on_with(
    groups: dict[str, Sample], recipe: Recipe, tmp_path: Path, data: Path
) -> None:
    whole = collaborate(groups, recipe, "vote", rounds=4, folder=tmp_path / "whole")
    models = [TOGETHER, "alone group_1", "alone group_2", "alone group_3", "pooled"]
    assert list(whole.scores) == models
    assert list(whole.scores["pooled"]) == ["group_1", "group_2", "group_3", "all"]
    assert whole.scores["pooled"]["all"]["auc"].value > 0.8
    assert [row["proposers"] for row in whole.history[1:]] == [["group_1"], ["group_2"], ["group_3"], ["group_1"]]
    part = collaborate(groups, recipe, "vote", rounds=2, folder=tmp_path / "parts", compare=False)
    assert part.accepted[1] == 2
    parts = collaborate(groups, recipe, "vote", rounds=4, folder=tmp_path / "parts")
    assert parts.scores == whole.scores
    assert parts.history == whole.history
    assert read_collaboration(tmp_path / "parts").scores == whole.scores
    ledgers = [tmp_path / "whole" / name / "ledger.jsonl" for name in groups]
    assert compare_ledgers(ledgers[0], ledgers[2]) == 1 + 4 * (1 + 3 + 1)
    decided = [
        [
            entry.body
            for entry in verify_ledger(tmp_path / run / "group_2" / "ledger.jsonl")
            if entry.kind == "decision"
        ]
        for run in ("whole", "parts")
    ]
    assert decided[0] == decided[1]
    fitted = load_fitted(tmp_path / "whole" / "model")
    output = fitted.predict(groups["group_2"].open("test"))
    auc = roc_auc_score(np.asarray(groups["group_2"].open("test").y), output)
    assert whole.scores[TOGETHER]["group_2"]["auc"].value == pytest.approx(auc)
    with pytest.raises(DataError, match="holds another collaboration"):
        collaborate(groups, recipe, "fedavg", rounds=4, folder=tmp_path / "parts")


def test_what_leaves_a_learner_knows_no_events(groups: dict[str, Sample], recipe: Recipe, tmp_path: Path) -> None:
    """Ledgers and weights have no path, no label, and nothing as long as the events."""
    collaborate(groups, recipe, "fedavg_vote", rounds=2, folder=tmp_path, compare=False)
    entries = read_ledger(tmp_path / "group_1" / "ledger.jsonl")
    for entry in entries:
        text = entry.line.decode()
        assert str(tmp_path) not in text
        assert str(groups["group_1"].path) not in text
        assert len(text) < 5000
    sizes = np.load(tmp_path / "coordinator" / "1-weights.npz")
    assert set(sizes.files) == set(NetworkLearner("x", groups["group_1"], recipe).start())


def test_weights_that_are_not_those_of_the_ledger_are_refused(
    groups: dict[str, Sample], recipe: Recipe, tmp_path: Path
) -> None:
    collaborate(groups, recipe, "fedavg", rounds=2, folder=tmp_path, compare=False)
    file = tmp_path / "coordinator" / "1-weights.npz"
    file.write_bytes((tmp_path / "coordinator" / "0-weights.npz").read_bytes())
    with pytest.raises(DataError, match="does not hold the weights that the ledger names for round 1"):
        collaborate(groups, recipe, "fedavg", rounds=3, folder=tmp_path, compare=False)


SCRIPT = """
import sys
from pathlib import Path
from helpers.toy import Toy
from pd4ml.collaborate import collaborate, groups_of
from pd4ml.training.recipe import load_recipe
recipe = load_recipe("graph_net_quick", Toy).override(batch_size=32)
groups = groups_of(Toy, sys.argv[1], 3, "equal")
collaborate(groups, recipe, "vote", rounds=int(sys.argv[3]), folder=sys.argv[2], compare=False)
"""


def test_a_killed_process_comes_back(
    groups: dict[str, Sample], recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    """Killed at whatever it is doing, several times, it ends with the bits of one that never was."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", SCRIPT, str(data), str(tmp_path / "killed"), "12"]
    file = tmp_path / "killed" / "group_1" / "ledger.jsonl"
    for more in (3, 17):
        before = len(file.read_bytes()) if file.exists() else 0
        process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not file.exists() or len(file.read_bytes()) < before + 400 * more):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = collaborate(groups, recipe, "vote", rounds=12, folder=tmp_path / "killed", compare=False)
    whole = collaborate(groups, recipe, "vote", rounds=12, folder=tmp_path / "whole", compare=False)
    assert killed.history == whole.history
    last = [read_ledger(tmp_path / run / "group_3" / "ledger.jsonl")[-1].body for run in ("killed", "whole")]
    assert last[0] == last[1]


def test_features_and_starting_weights_are_the_first_learners(groups: dict[str, Sample], recipe: Recipe) -> None:
    first = NetworkLearner("a", groups["group_1"], recipe)
    second = NetworkLearner("b", groups["group_2"], recipe, first.view)
    assert second.view == first.view
    assert second.view.fitted_on == groups["group_1"].fingerprint


def test_groups(data: Path) -> None:
    assert list(groups_of(Toy, data, 2, "variants")) == ["default", "far"]
    assert groups_of(Toy, data, 2, "variants", variants=("far", "default"))["far"].variant == "far"
    skewed = groups_of(Toy, data, 2, "skewed", skew=1.0)
    shares = [float(np.mean(np.asarray(sample.open("train").y))) for sample in skewed.values()]
    assert abs(shares[0] - shares[1]) > 0.8
    with pytest.raises(DataError, match="Toy has 2 variants for 3 learners: default, far"):
        groups_of(Toy, data, 3, "variants")
    with pytest.raises(UnknownNameError, match="unknown split"):
        groups_of(Toy, data, 3, "quarters")


def test_what_cannot_collaborate(groups: dict[str, Sample], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no weights to share"):
        collaborate(groups, "gbdt", rounds=1, folder=tmp_path)
    with pytest.raises(DataError, match="two learners or more"):
        collaborate({"a": groups["group_1"]}, "fcn_quick", rounds=1, folder=tmp_path)


def test_one_learner_alone_is_training() -> None:
    assert Vote().decides(1, 0)
    assert make_strategy("vote", threshold=1.0).decides(3, 2)


def test_command_line(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--recipe", "fcn_quick", "--path", str(data), "--rounds", "2", "--out", str(out)]
    line = ["collaborate", "Toy", *options, "--learners", "2", "--split", "variants", "--strategy", "fedavg"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    for text in ("together", "alone far", "pooled", "all events", "fedavg: 2 of 2 proposals were taken"):
        assert text in done.stdout
    assert (out / "collaboration.png").read_bytes().startswith(b"\x89PNG")
    run = pd4ml.train(Toy.at(data, source="generated"), "fcn_quick", runs_dir=tmp_path / "runs", threads=1)
    page = ["report", str(run.folder.parent), "--path", str(data), "--collaborations", str(tmp_path)]
    shown = CliRunner().invoke(app, [*page, "--out", str(tmp_path / "report.html")])
    assert shown.exit_code == 0, shown.output
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "Toy, together" in text
    assert "loss on vote events" in text
    again = CliRunner().invoke(app, [*line, "--json"])
    assert json.loads(again.stdout)["settings"]["rounds"] == 2
    files = [str(out / name / "ledger.jsonl") for name in ("default", "far")]
    assert "2 rounds, 2 proposals taken" in CliRunner().invoke(app, ["collaborate", "verify", *files]).stdout
    Path(files[1]).write_bytes(Path(files[1]).read_bytes().replace(b'"accepted":true', b'"accepted":null', 1))
    wrong = CliRunner().invoke(app, ["collaborate", "verify", files[1]])
    assert wrong.exit_code == 2
    assert "entry 3 is not signed by coordinator" in wrong.stderr
    unknown = CliRunner().invoke(app, ["collaborate", "Toy", *options, "--set", "strategy.mu=1"])
    assert unknown.exit_code == 2
    assert "mu" in unknown.stderr
