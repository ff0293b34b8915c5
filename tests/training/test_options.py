"""Precision, class weights, TensorBoard and several processes."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.graphs import random_graphs
from helpers.toy import Toy
from helpers.training import toy, train_network
from pd4ml.benchmark import train
from pd4ml.errors import DataError, MissingExtraError, UnknownNameError
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch
from pd4ml.sample import Sample
from pd4ml.tasks import Binary
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.data import EventOrder, SharedOrder
from pd4ml.training.history import read_history
from pd4ml.training.processes import Processes, is_first_process, processes

SECONDS = 180  # after which a run of several processes is killed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy")
    Toy.generate(path, n_events=400, seed=1)
    return path


@pytest.fixture
def sample(store: Path) -> Sample:
    return toy(store)


def recipe(name: str = "fcn", **changes: Any) -> Recipe:
    hyperparameters = {"fcn": {"width": 8, "depth": 2}, "graph_net": {"width": 8}}[name]
    return load_recipe(name).override(
        hyperparameters=hyperparameters, **{"max_epochs": 3, "batch_size": 30, "learning_rate": 0.01, **changes}
    )


@pytest.mark.parametrize("name", ["fcn", "graph_net"])
def test_mixed_precision_learns_and_predicts_in_float32(name: str, sample: Sample, tmp_path: Path) -> None:
    full, mixed = (
        train_network(sample, recipe(name, precision=precision, max_epochs=8), tmp_path / str(precision))
        for precision in (32, "bf16-mixed")
    )
    losses = [
        [row["valid_loss"] for row in read_history(tmp_path / f / "history.csv")] for f in ("32", "bf16-mixed")
    ]
    assert losses[0] != losses[1]
    assert min(losses[1]) == pytest.approx(min(losses[0]), abs=0.1)
    assert all(p.dtype == torch.float32 for p in mixed.model.parameters())
    assert mixed.predict(sample.open("test")).dtype == np.float32
    assert full.n_parameters == mixed.n_parameters


@pytest.mark.parametrize("name", ["fcn", "graph_net"])
def test_gradients_in_mixed_precision_are_near(name: str) -> None:
    # With running statistics: those of a batch of new, all but equal numbers magnify what is rounded.
    torch.manual_seed(0)
    model = build(name, ModelInputs(3, 12, "classification"), width=16)
    batch = GraphBatch.from_packed(random_graphs([12, 5, 9, 7] * 8, 3, 12))
    model.train()(batch)
    model.eval()
    gradients = []
    for mixed in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            output = model(batch)
        torch.autograd.backward((output.float() * torch.linspace(-1, 2, len(batch))).sum())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    distance = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert 0 < distance < 0.1


def test_precision_is_one_of_those_known() -> None:
    with pytest.raises(UnknownNameError, match="unknown precision 'bf16'; did you mean 'bf16-mixed'"):
        recipe(precision="bf16")
    with pytest.raises(DataError, match="balance_classes must be true or false, found 1"):
        recipe(balance_classes=1)


def test_balanced_classes_weigh_the_same(sample: Sample) -> None:
    y = np.asarray(sample.open("train").y[:256])
    balance = Binary().class_balance(y)
    assert balance * y.sum() == pytest.approx((y == 0).sum())
    target = torch.from_numpy(np.asarray(y, np.float32))
    for value in (0.0, 0.3):  # for a constant logit, the mean of both classes' losses is lowest at 0
        logit = torch.full_like(target, value, requires_grad=True)
        loss = Binary().loss(logit, target, None, torch.from_numpy(balance))
        (slope,) = torch.autograd.grad(loss, logit)
        assert slope.sum().abs() < 1e-6 or value


def test_one_class_cannot_be_balanced(sample: Sample, tmp_path: Path) -> None:
    only = sample.subset(np.asarray(sample.open("train").y) == 1)
    with pytest.raises(DataError, match="events of both classes"):
        train_network(only, recipe(balance_classes=True), tmp_path)


def test_balance_is_used(sample: Sample, tmp_path: Path) -> None:
    losses = []
    for balance in (False, True):
        train_network(sample, recipe(balance_classes=balance, max_epochs=1), tmp_path / str(balance))
        losses.append(read_history(tmp_path / str(balance) / "history.csv")[0]["train_loss"])
    assert losses[0] != losses[1]


def test_tensorboard_log_has_the_losses(sample: Sample, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train_network(sample, recipe(), tmp_path, tensorboard=True)
    log = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    log.Reload()
    for name in ("train_loss", "valid_loss"):
        values = [event.value for event in log.Scalars(name)]
        assert values == pytest.approx([row[name] for row in read_history(tmp_path / "history.csv")], rel=1e-5)


def test_missing_tensorboard_is_one_line(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "tensorboard":
            raise ImportError(name=name)
        return importing(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"needs tensorboard: pip install 'pd4ml-physics\[tensorboard\]'"):
        train_network(sample, recipe(), tmp_path, tensorboard=True)


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_shares_make_up_the_batches(n_ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    order = EventOrder(np.arange(22), 7, seed=3)  # the last batch has one event
    shares = []
    for rank in range(n_ranks):
        monkeypatch.setattr("pd4ml.training.data.rank_and_processes", lambda rank=rank: (rank, n_ranks))
        shares.append(list(SharedOrder(order)))
    for batch, mine in zip(order, zip(*shares, strict=True), strict=True):
        counted = np.concatenate([share.index for share in mine if share.weight])
        assert sorted(counted) == sorted(batch)
        loss = np.mean([share.weight * share.index.mean() for share in mine])
        assert loss == pytest.approx(batch.mean())


def test_processes_of_torchrun_and_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    program = sys.modules["__main__"]
    monkeypatch.setattr(program, "__file__", __file__, raising=False)
    assert processes(3) == Processes(3, 1)
    assert is_first_process()
    monkeypatch.delattr(program, "__file__")
    with pytest.raises(DataError, match="no file to start: put it into a script"):
        processes(3)
    with pytest.raises(DataError, match="devices must be at least 1, found 0"):
        processes(0)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "8")
    monkeypatch.setenv("SLURM_STEP_NUM_NODES", "2")
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert processes(1) == Processes(4, 2)
    assert not is_first_process()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "6")
    assert processes(1) == Processes(2, 3)


def test_several_processes_do_not_start_a_run_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"path": store, "source": "generated", "runs_dir": store / "runs"}
    train(Toy, recipe(max_epochs=1), **options)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(DataError, match="delete it first"):
        train(Toy, recipe(max_epochs=1), **options, force=True)


def run(launcher: list[str], code: str, folder: Path) -> None:
    """Run ``code`` as a script; whatever happens, it and what it started end after `SECONDS`."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    tests = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": tests, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [*launcher, str(script)], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        pytest.fail(f"no end after {SECONDS} s: {process.communicate()[1]}")
    assert process.returncode == 0, errors


@pytest.mark.parametrize("launcher", ["devices", "torchrun"])
def test_two_processes_train_as_one(launcher: str, store: Path, tmp_path: Path) -> None:
    # FCN has neither batch norm nor dropout, so that nothing depends on which process sees an event: losses
    # agree but for the order of sums in float32. 256 events in batches of 15 leave one for the last batch.
    changes: dict[str, Any] = {"batch_size": 15}
    train_network(toy(store), recipe(**changes), tmp_path / "one")
    code = f"""
        from pathlib import Path
        from pd4ml.benchmark import train
        from helpers.toy import Toy
        from training.test_options import recipe
        record = train(Toy, recipe(**{changes!r}), path={str(store)!r}, source="generated",
                       runs_dir={str(tmp_path / "runs")!r}, devices={2 if launcher == "devices" else 1})
        print(record.folder, file=Path({str(tmp_path)!r}, "returned").open("a"))
    """
    python = [sys.executable]
    torchrun = [*python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run(torchrun if launcher == "torchrun" else python, code, tmp_path)
    (folder,) = (tmp_path / "returned").read_text().split()
    found, wanted = (read_history(f / "history.csv") for f in (Path(folder), tmp_path / "one"))
    assert len(found) == len(wanted) == 3
    for name in ("train_loss", "valid_loss"):
        assert [row[name] for row in found] == pytest.approx([row[name] for row in wanted], rel=1e-5)


def test_devices_that_are_not_there_are_refused(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown device 'gpu'.*known: auto, cpu, cuda"):
        train_network(sample, recipe(), tmp_path, device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(DataError, match="no CUDA device can be used here: choose device cpu, or auto"):
            train_network(sample, recipe(), tmp_path, device="cuda")
    first, second = (
        train_network(sample, recipe(max_epochs=1), tmp_path / device, device=device) for device in ("cpu", "auto")
    )
    if not torch.cuda.is_available():
        np.testing.assert_array_equal(first.predict(sample.open("test")), second.predict(sample.open("test")))
