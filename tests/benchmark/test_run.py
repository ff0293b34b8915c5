from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.toy import Toy
from pd4ml.benchmark import Record, evaluate, find_records, read_record, train
from pd4ml.benchmark.run import train_sample
from pd4ml.errors import DataError, LockedError, MissingExtraError, StoreError, UnknownNameError
from pd4ml.storage.lock import one_writer
from pd4ml.training import Recipe, load_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, n_events=200, seed=1)
    return path


def recipe() -> Recipe:
    return load_recipe("fcn").override(
        max_epochs=2, batch_size=32, learning_rate=0.01, hyperparameters={"width": 8, "depth": 2}
    )


def run(data: Path, runs_dir: Path, **options: Any) -> Record:
    return train(Toy, recipe(), path=data, source="generated", runs_dir=runs_dir, **options)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(data, tmp_path_factory.mktemp("runs"))


def folder_of(record: Record) -> Path:
    assert record.folder is not None
    return record.folder


def test_record_of_a_run(finished: Record) -> None:
    folder = folder_of(finished)
    assert read_record(folder) == finished
    assert folder.name.startswith("Toy-generated-default-fcn-changed-seed1-")
    assert {file.name for file in folder.iterdir()} == {
        "record.json",
        "predictions.npz",
        "predictions_valid.npz",
        "features.json",
        "model.pt",
        "history.csv",
    }
    assert finished.events == {"train": 128, "valid": 32, "test": 40}
    assert finished.model == {"name": "fcn", "parameters": (12 * 8 + 8) + (8 * 8 + 8) + 9}
    assert Recipe.from_dict(finished.recipe) == recipe()
    assert set(finished.metrics) == {
        "accuracy",
        "auc",
        "log_loss",
        "background_rejection_0.3",
        "background_rejection_0.5",
        "background_rejection_0.8",
        "calibration_error",
    }
    assert finished.metrics["auc"].value > 0.8
    assert str(Path.home()) not in json.dumps(finished.to_dict())


def test_numbers_are_recomputed(finished: Record, data: Path) -> None:
    assert evaluate(folder_of(finished), data) == finished.metrics


def test_finished_run_is_not_repeated(
    finished: Record, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pd4ml.training.network

    monkeypatch.setattr(pd4ml.training.network, "ESTIMATOR", None)
    assert run(data, folder_of(finished).parent) == finished
    assert "already trained" in capsys.readouterr().err


def test_force_trains_again_with_the_same_result(data: Path, tmp_path: Path) -> None:
    first = run(data, tmp_path)
    written = (folder_of(first) / "model.pt").stat().st_mtime_ns
    second = run(data, tmp_path, force=True)
    assert (folder_of(second) / "model.pt").stat().st_mtime_ns > written
    assert second.metrics == first.metrics
    assert second.predictions == first.predictions


def test_what_decides_the_result_is_in_the_name(finished: Record, data: Path) -> None:
    runs_dir = folder_of(finished).parent
    names = {folder_of(run(data, runs_dir, **options)).name for options in ({"seed": 2}, {"n_train": 100})}
    assert len({folder_of(finished).name, *names}) == 3
    assert len(find_records(runs_dir)) == 3


def test_one_writer(data: Path, finished: Record) -> None:
    folder = folder_of(finished)
    sample = Toy.at(data, source="generated")
    with one_writer(folder, "busy"), ThreadPoolExecutor(1) as other:
        waiting = other.submit(train_sample, sample, recipe(), runs_dir=folder.parent, wait=0)
        with pytest.raises(LockedError, match="another process is training"):
            waiting.result()


def test_changes_after_the_fact_are_found(data: Path, tmp_path: Path) -> None:
    folder = folder_of(run(data, tmp_path))
    record = read_record(folder)
    better = {**record.metrics, "auc": replace(record.metrics["auc"], value=0.99)}
    replace(record, metrics=better).write(folder / "record.json")
    with pytest.raises(DataError, match=r"auc is .* but the record says .*0\.99"):
        evaluate(folder, data)
    replace(record, dataset={**record.dataset, "fingerprint": "f" * 64}).write(folder / "record.json")
    with pytest.raises(DataError, match="not the events of the record"):
        evaluate(folder, data)
    record.write(folder / "record.json")
    with np.load(folder / "predictions.npz") as arrays:
        np.savez(folder / "predictions.npz", event_id=arrays["event_id"], logit=-arrays["logit"])
    with pytest.raises(DataError, match="not those of the record"):
        evaluate(folder, data)


def test_bad_input(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'graph_net'"):
        train(Toy, "graph_nt", path=data, source="generated", runs_dir=tmp_path)
    with pytest.raises(DataError, match="seed must not be negative"):
        run(data, tmp_path, seed=-1)
    with pytest.raises(StoreError, match="no generated Toy"):
        run(tmp_path, tmp_path)
    with pytest.raises(DataError, match="asked to train on 1 events"):
        run(data, tmp_path, n_train=1)
    unknown = recipe().override(model="fnc")
    with pytest.raises(UnknownNameError, match="unknown model 'fnc'; did you mean 'fcn'"):
        train(Toy, unknown, path=data, source="generated", runs_dir=tmp_path)
    assert find_records(tmp_path) == []


def test_missing_extra(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pd4ml.training.network", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pd4ml-physics\[train\]'"):
        run(data, tmp_path)
