from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.kinds import ToyClasses, ToyVectors, outputs_of
from helpers.toy import Toy
from pd4ml.benchmark import Record, read_record, train
from pd4ml.benchmark.leaderboard import Check, add_predictions, add_run, check, entries
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation import Predictions
from pd4ml.evaluation.truth import dataset_truth
from pd4ml.training import load_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, n_events=1000, seed=1)
    return path


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same training with two seeds."""
    runs_dir = tmp_path_factory.mktemp("runs")
    recipe = load_recipe("fcn").override(max_epochs=1, hyperparameters={"width": 8, "depth": 2})
    records = [train(Toy, recipe, path=data, source="generated", runs_dir=runs_dir, seed=s) for s in (1, 2)]
    return [folder_of(record) for record in records]


def folder_of(record: Record) -> Path:
    assert record.folder is not None
    return record.folder


def scores(data: Path, file: Path, noise: float = 0.5) -> Path:
    label = np.asarray(Toy.open("test", data, source="generated").y, float)
    np.savez(file, logit=np.random.default_rng(1).normal(2 * label - 1, noise))
    return file


def external(data: Path, folder: Path, name: str = "My net (v2)", noise: float = 0.5, **options: Any) -> Record:
    file = scores(data, folder.parent / "scores.npz", noise)
    return add_predictions(file, Toy, folder, name=name, path=data, source="generated", **options)


def problems(folder: Path, data: Path) -> list[str]:
    return [found.problem for found in check(folder, data) if found.problem]


def test_add_and_check(runs: list[Path], data: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    record = add_run(runs[0], board, data)
    (entry,) = entries(board)
    assert entry == record.folder
    assert entry.parent == board / "Toy"
    assert entry.name.startswith("fcn-changed-seed1-generated-default-")
    assert sorted(file.name for file in entry.iterdir()) == ["predictions.npz", "record.json"]
    with np.load(entry / "predictions.npz", allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype.name for name in arrays} == {"event_id": "int64", "logit": "float32"}
    assert record.metrics == read_record(runs[0]).metrics
    assert record.code["version"]
    assert list(check(board, data)) == [Check(entry, "")]
    with pytest.raises(DataError, match="in the leaderboard already"):
        add_run(runs[0], board, data)


def test_many_at_once_and_what_a_kill_left(data: Path, tmp_path: Path) -> None:
    """The same predictions under several names become one entry; half an entry is none, and goes."""
    board = tmp_path / "board"
    left = board / "Toy" / ".killed.partial"
    left.mkdir(parents=True)
    (left / "record.json").write_text("{}")
    assert entries(board) == []
    scores(data, tmp_path / "scores.npz")

    def add(name: str) -> bool:
        try:
            add_predictions(tmp_path / "scores.npz", Toy, board, name=name, path=data, source="generated")
        except DataError as error:
            assert "in the leaderboard already" in str(error)  # noqa: PT017  some of them must be refused
            return False
        return True

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(add, "abcdefgh")) == 1
    assert len(entries(board)) == 1
    assert problems(board, data) == []
    assert not left.exists()


def test_another_tool(data: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    record = external(data, board, parameters=12, seed=3)
    assert folder_of(record).name.startswith("My_net_v2_-generated-default-")
    stored = read_record(folder_of(record))
    assert stored == record
    assert (stored.kind, stored.seed, stored.model) == ("external", 3, {"name": "My net (v2)", "parameters": 12})
    assert stored.events == {"test": 200}
    unknown = (stored.timing, stored.epochs, stored.machine, stored.versions, stored.code)
    assert unknown == ({}, {}, {}, {}, {})
    assert stored.metrics["auc"].value > 0.95
    assert problems(board, data) == []
    untold = external(data, board, "Other", noise=1.0)
    assert untold.seed is None
    assert "parameters" not in untold.model
    with pytest.raises(DataError, match="what the model is called"):
        external(data, board, "/..")
    assert problems(board, data) == []


def test_a_run_that_was_changed_is_not_taken(runs: list[Path], data: Path, tmp_path: Path) -> None:
    run = shutil.copytree(runs[0], tmp_path / "run")
    record = read_record(run)
    replace(record, metrics={**record.metrics, "auc": replace(record.metrics["auc"], value=0.999)}).write(
        run / "record.json"
    )
    with pytest.raises(DataError, match=r"but the record says .*0\.999"):
        add_run(run, tmp_path / "board", data)
    record.write(run / "record.json")
    with np.load(run / "predictions.npz") as arrays:
        np.savez(run / "predictions.npz", event_id=arrays["event_id"], logit=2 * arrays["logit"])
    with pytest.raises(DataError, match="not those of the record"):
        add_run(run, tmp_path / "board", data)
    Toy.generate(tmp_path / "other", n_events=1000, seed=2)
    with pytest.raises(DataError, match="not the events of the record"):
        add_run(runs[0], tmp_path / "board", tmp_path / "other")
    assert not (tmp_path / "board").exists()


def test_check_finds_what_was_changed(data: Path, runs: list[Path], tmp_path: Path) -> None:
    board = tmp_path / "board"
    good = [folder_of(external(data, board)), folder_of(add_run(runs[0], board, data))]
    entry = good[0]
    text = (entry / "record.json").read_text()
    body = json.loads(text)
    changes = {
        r"\$": {**body, "host": "mine"},
        "the record says": {
            **body,
            "metrics": {**body["metrics"], "auc": {**body["metrics"]["auc"], "value": 1.0}},
        },
        "not the events": {**body, "dataset": {**body["dataset"], "fingerprint": "0" * 64}},
        "not those of the record": {**body, "predictions": {**body["predictions"], "sha256": "0" * 64}},
        "unknown dataset": {**body, "dataset": {**body["dataset"], "name": "Unheard"}},
    }
    for message, changed in changes.items():
        (entry / "record.json").write_text(json.dumps(changed))
        (problem,) = problems(board, data)
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(problem)
    (entry / "record.json").write_text(text)
    assert problems(board, data) == []
    shutil.copytree(entry, board / "Toy" / f"Copy-{entry.name.rpartition('-')[2]}")
    assert all("there 2 times" in problem for problem in problems(board, data))
    shutil.rmtree(board / "Toy")
    with pytest.raises(DataError, match="no entries in"):
        list(check(board, data))


def test_what_is_refused_leaves_nothing(data: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", score=np.asarray(Toy.open("test", data, source="generated").y))
    with pytest.raises(DataError, match="these are labels"):
        add_predictions(
            tmp_path / "scores.npz", Toy, tmp_path / "board", name="cheat", path=data, source="generated"
        )
    assert not (tmp_path / "board").exists()


@pytest.mark.parametrize("dataset", [ToyClasses, ToyVectors])
def test_classes_and_vectors_with_weights(dataset: type[Dataset], tmp_path: Path) -> None:
    dataset.generate(tmp_path, n_events=1000, seed=1)
    truth = dataset_truth(dataset, "test", tmp_path, source="generated")
    output = outputs_of(truth.task, truth.values, np.random.default_rng(1))
    predictions = Predictions(truth.task, truth.event_id, output)
    predictions.write(tmp_path / "p.csv")
    options: dict[str, Any] = {"name": "net", "path": tmp_path, "source": "generated"}
    record = add_predictions(tmp_path / "p.csv", dataset, tmp_path / "board", **options)
    assert record.metrics == truth.metrics(predictions)
    assert record.metrics != replace(truth, weight=None).metrics(predictions)
    assert read_record(folder_of(record)).metrics == record.metrics
    with pytest.raises(DataError, match="in the leaderboard already"):
        add_predictions(tmp_path / "p.csv", dataset, tmp_path / "board", **options)
