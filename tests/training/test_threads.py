"""Threads in real trainings: set or measured, recorded, given back, and no matter for the result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pd4ml
from helpers.toy import Toy
from helpers.training import toy, train_network
from pd4ml.benchmark.record import read_record
from pd4ml.cli import app
from pd4ml.errors import DataError
from pd4ml.models.batch import GraphBatch
from pd4ml.sample import Sample
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.history import read_history
from pd4ml.training.threads import Threads, fixed_threads


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = tmp_path_factory.mktemp("toy")
    Toy.generate(path, n_events=400, seed=1)
    return toy(path)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number in the environment, as for most users."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def caller() -> Any:
    """A number that only the caller would have."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something for trees to look at."""
    monkeypatch.setattr(Toy, "summary", lambda arrays: {"mean": arrays["points"].mean(axis=(1, 2))})


def small(**changes: Any) -> Recipe:
    settings = {"hyperparameters": {"width": 8}, "max_epochs": 1, "batch_size": 32, "learning_rate": 0.01}
    return load_recipe("graph_net").override(**{**settings, **changes})


class Seen(torch.nn.Module):
    """Notes with how many threads it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 1)
        self.threads: list[int] = []

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        """(B,)."""
        self.threads.append(torch.get_num_threads())
        output: torch.Tensor = self.inner(batch.to_dense().mean(dim=1)[:, :2])
        return output[:, 0]


def seen_in_training(sample: Sample, folder: Path, **options: Any) -> tuple[set[int], Any]:
    model = Seen()
    network = train_network(sample, small(), folder, model=model, **options)
    network.predict(sample.open("test"))
    return set(model.threads), network.facts


def test_the_number_that_is_set_is_used_and_the_callers_given_back(
    sample: Sample, tmp_path: Path, measured: None, caller: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, facts = seen_in_training(sample, tmp_path / "set", threads=2)
    assert (seen, facts.threads, facts.threads_measured) == ({2}, 2, False)
    seen, facts = seen_in_training(sample, tmp_path / "measured")
    assert (max(seen) <= 2, facts.threads_measured) == (True, True)
    assert {row["threads"] for row in read_history(tmp_path / "measured" / "history.csv")} == {facts.threads}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    seen, facts = seen_in_training(sample, tmp_path / "environment")
    assert (seen, facts.threads, facts.threads_measured) == ({3}, 3, False)
    assert torch.get_num_threads() == caller


def test_the_callers_number_comes_back_after_an_error(sample: Sample, tmp_path: Path, caller: int) -> None:
    with pytest.raises(DataError, match="loss became"):
        train_network(sample, small(learning_rate=1e30, max_epochs=3), tmp_path, threads=1)
    assert torch.get_num_threads() == caller
    with pytest.raises(ValueError, match="here"), Threads(None) as threads, threads.step(1):
        raise ValueError("here")
    assert torch.get_num_threads() == caller


def test_numbers_that_are_not_to_be_measured(monkeypatch: pytest.MonkeyPatch, measured: None, caller: int) -> None:
    monkeypatch.setattr("pd4ml.training.threads.cores", lambda: 8)
    assert fixed_threads(None) is None
    assert fixed_threads(None, processes=3) == 2
    assert fixed_threads(None, processes=16) == 1
    assert fixed_threads(None, on_cpu=False) == caller  # left as it is
    assert fixed_threads(5, processes=3, on_cpu=False) == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # PyTorch has read it
    assert fixed_threads(None, processes=3) == caller


def test_the_environment_is_left_as_it_was(measured: None) -> None:
    with Threads(2):
        os.environ["OMP_NUM_THREADS"] = "2"  # as Lightning does before it starts processes
    assert "OMP_NUM_THREADS" not in os.environ


def test_histories_of_earlier_versions_are_read(tmp_path: Path) -> None:
    columns, rows = "epoch,train_loss,valid_loss,learning_rate,seconds", "0,0.5,0.6,0.1,2.0\n1,0.4,0.5\n"
    (tmp_path / "history.csv").write_text(f"{columns}\n{rows}")
    (row,) = read_history(tmp_path / "history.csv")
    assert list(row.values()) == [0, 0.5, 0.6, 0.1, 2.0]


def test_more_threads_are_used_where_they_help(
    monkeypatch: pytest.MonkeyPatch, measured: None, caller: int
) -> None:
    """With a clock that steps move, and cores that are free or not."""
    clock, free = [0.0], [2.0]
    monkeypatch.setattr("pd4ml.training.threads.cores", lambda: 2)
    monkeypatch.setattr(
        "pd4ml.training.threads.CoreMeter", lambda: type("Meter", (), {"free": lambda _: free[0]})()
    )
    for name in ("perf_counter", "monotonic"):
        monkeypatch.setattr(f"pd4ml.training.threads.time.{name}", lambda: clock[0])
    with Threads(None) as threads:
        for i in range(300):
            free[0] = 2.0 if i < 200 else 0.5
            with threads.step(10):
                clock[0] += 0.1 / torch.get_num_threads()
            if i == 199:
                assert threads.number == torch.get_num_threads() == 2
        assert threads.number == torch.get_num_threads() == 1
        free[0] = 2.0
    assert threads.used[2] > 150
    assert torch.get_num_threads() == caller


def test_predictions_do_not_depend_on_the_number_but_for_rounding(sample: Sample, tmp_path: Path) -> None:
    recipe = small(hyperparameters={"width": 32}, batch_size=128)
    outputs = [
        train_network(sample, recipe, tmp_path / str(n), threads=n).predict(sample.open("test")) for n in (1, 2)
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-3, atol=1e-3)
    again = train_network(sample, recipe, tmp_path / "again", threads=2).predict(sample.open("test"))
    np.testing.assert_array_equal(outputs[1], again)


@pytest.mark.parametrize("recipe", ["fcn_quick", "gbdt"])
def test_command_line_and_record(recipe: str, sample: Sample, tmp_path: Path, summary: None) -> None:
    where = ["--path", str(sample.path)]
    command = ["train", "Toy", "--recipe", recipe, *where, "--runs", str(tmp_path), "--set", "max_epochs=2"]
    found = CliRunner().invoke(app, [*command, "--threads", "2", "--json"])
    assert found.exit_code == 0, found.output
    (folder,) = tmp_path.glob("Toy-*")
    record = read_record(folder)
    assert (record.machine["threads"], record.machine["threads_measured"]) == (2, False)
    assert {row["threads"] for row in read_history(folder / "history.csv")} == {2}
    predict = ["predict", str(folder), "--out", str(tmp_path / "scores.npz"), *where]
    assert CliRunner().invoke(app, [*predict, "--threads", "1"]).exit_code == 0
    for refused in ([*command, "--threads", "0"], [*predict, "--threads", "0"]):
        found = CliRunner().invoke(app, refused)
        assert found.exit_code == 2
        assert "threads must be at least 1, found 0" in found.stderr


def test_a_loaded_run_predicts_with_the_number_that_is_set(sample: Sample, tmp_path: Path, caller: int) -> None:
    run = pd4ml.train(sample, small(), runs_dir=tmp_path, model=Seen(), threads=1)
    model = Seen()
    loaded = pd4ml.load_run(run.folder, model, threads=2)
    loaded.predict(sample)
    assert set(model.threads) == {2}
    assert torch.get_num_threads() == caller


def test_trees_take_the_cores_that_are_free(
    sample: Sample, tmp_path: Path, measured: None, summary: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadpoolctl import threadpool_info

    from pd4ml.training import trees
    from pd4ml.training.fitted import Options

    within: list[int] = []
    grow = trees._grow

    def noted(*arguments: Any) -> Any:
        within.append(max(int(p["num_threads"]) for p in threadpool_info() if p["user_api"] == "openmp"))
        return grow(*arguments)

    monkeypatch.setattr(trees, "_grow", noted)
    before = threadpool_info()
    for free, wanted in ((0.2, 1), (2.7, 3)):
        monkeypatch.setattr(trees, "free_cores", lambda seconds, free=free: free)
        recipe = load_recipe("gbdt").override(max_epochs=2)
        facts = trees.ESTIMATOR.fit({"train": sample}, recipe, tmp_path, Options()).facts
        assert (within[-1], facts.threads, facts.threads_measured) == (wanted, wanted, True)
    assert threadpool_info() == before
