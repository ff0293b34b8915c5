"""Training on small random events: that it learns, stops, resumes, and says what is wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.toy import Toy
from helpers.training import toy, train_network, training_data
from pd4ml.errors import DataError
from pd4ml.graphs import PackedGraphs
from pd4ml.models.batch import GraphBatch
from pd4ml.sample import Sample
from pd4ml.storage.store import Array
from pd4ml.tasks import Binary
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.data import EventBatches, EventOrder, Share
from pd4ml.training.fitted import load_fitted
from pd4ml.training.history import read_history
from pd4ml.training.module import TaskLoss, TrainingModule
from pd4ml.training.weights import read_checkpoint

N_EVENTS = 400


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small are slower with more."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy")
    Toy.generate(path, n_events=N_EVENTS, seed=1)
    return path


@pytest.fixture
def sample(store: Path) -> Sample:
    return toy(store)


train = train_network


def small(name: str, **changes: Any) -> Recipe:
    hyperparameters = {"fcn": {"width": 8, "depth": 2}, "graph_net": {"width": 8}}[name]
    return load_recipe(name).override(
        hyperparameters=hyperparameters, **{"max_epochs": 4, "batch_size": 32, "learning_rate": 0.01, **changes}
    )


def weights(model: nn.Module) -> list[Tensor]:
    return list(model.state_dict().values())


def test_learns_and_keeps_the_best_weights(sample: Sample, tmp_path: Path) -> None:
    fitted = train(sample, small("fcn", max_epochs=12), tmp_path)
    history = read_history(tmp_path / "history.csv")
    losses = [row["valid_loss"] for row in history]
    assert [row["epoch"] for row in history] == list(range(fitted.facts.epochs))
    assert losses[fitted.facts.best_epoch - 1] == min(losses) < 0.4
    assert (fitted.facts.n_train, fitted.facts.n_valid) == (256, 64)
    (batch,) = training_data(sample, small("fcn", batch_size=64)).val_dataloader()
    with torch.no_grad():
        loss = nn.functional.binary_cross_entropy_with_logits(fitted.model.eval()(batch.graphs), batch.target)
    assert loss.item() == pytest.approx(min(losses), rel=1e-4)


def test_early_stopping(sample: Sample, tmp_path: Path) -> None:
    fitted = train(sample, small("fcn", max_epochs=30, patience=2, min_delta=10.0), tmp_path)
    assert fitted.facts.epochs == 3


def test_a_kill_after_early_stopping_trains_no_further(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small("fcn", max_epochs=30, patience=2, min_delta=10.0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pd4ml.training.fit.leave_group", killed)
        train(sample, recipe, tmp_path)
    assert len(read_history(tmp_path / "history.csv")) == 3
    assert train(sample, recipe, tmp_path).facts.epochs == 3


def test_plateau_lowers_the_learning_rate(sample: Sample, tmp_path: Path) -> None:
    schedule = {"kind": "plateau", "factor": 0.5, "patience": 0, "floor": 0.004}
    train(sample, small("fcn", min_delta=10.0, schedule=schedule), tmp_path)
    rates = [row["learning_rate"] for row in read_history(tmp_path / "history.csv")]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.004])


def test_one_cycle_ends_at_nearly_zero(sample: Sample, tmp_path: Path) -> None:
    train(sample, small("fcn", schedule={"kind": "one_cycle"}), tmp_path)
    rates = [row["learning_rate"] for row in read_history(tmp_path / "history.csv")]
    assert max(rates) <= 0.01
    assert rates[-1] < 1e-4 < rates[0]


def test_steps_lower_the_learning_rate(sample: Sample, tmp_path: Path) -> None:
    train(sample, small("fcn", schedule={"kind": "steps", "epochs": [1, 3], "factor": 0.1}), tmp_path)
    rates = [row["learning_rate"] for row in read_history(tmp_path / "history.csv")]
    assert rates == pytest.approx([0.01, 0.001, 0.001, 0.0001])


@pytest.mark.parametrize("optimiser", ["adam", "adamax", "amsgrad"])
def test_l2_is_a_penalty_on_the_weights_of_layers(optimiser: str) -> None:
    recipe = small("fcn", optimiser=optimiser, l2=0.5, schedule={"kind": "constant"})
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 1))
    plain = deepcopy(model)
    module = TrainingModule(model, recipe, Binary(), 1, TaskLoss(Binary()))
    module.trainer = cast("Any", SimpleNamespace(estimated_stepping_batches=10))
    (ours,) = module.configure_optimizers()
    other: torch.optim.Optimizer = torch.optim.Adam(plain.parameters(), 0.01, amsgrad=optimiser == "amsgrad")
    if optimiser == "adamax":
        other = torch.optim.Adamax(plain.parameters(), 0.01)
    for x in torch.randn(5, 8, 3):
        ours.zero_grad()
        other.zero_grad()
        model(x).sum().backward()
        penalty = torch.stack([w.square().sum() for w in plain.parameters() if w.ndim == 2]).sum()
        (plain(x).sum() + 0.5 * penalty).backward()
        ours.step()
        other.step()
    for one, two in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_constant_learning_rate(sample: Sample, tmp_path: Path) -> None:
    train(sample, small("fcn", schedule={"kind": "constant"}, optimiser="adamax"), tmp_path)
    assert {row["learning_rate"] for row in read_history(tmp_path / "history.csv")} == {0.01}


def test_same_seed_same_weights_and_the_users_random_state_is_kept(sample: Sample, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    recipe = small("graph_net", max_epochs=2)
    one, two, other = (
        train(sample, recipe, tmp_path / name, seed=seed) for name, seed in (("1", 3), ("2", 3), ("3", 4))
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(weights(one.model), weights(two.model), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(one.model), weights(other.model), strict=True))


@pytest.mark.parametrize(
    ("schedule", "how", "code"),
    [
        ({"kind": "plateau", "patience": 0}, signal.SIGKILL, -signal.SIGKILL),
        ({"kind": "one_cycle"}, signal.SIGKILL, -signal.SIGKILL),
        ({"kind": "steps", "epochs": [2, 4]}, signal.SIGTERM, 128 + signal.SIGTERM),
    ],
    ids=["plateau-kill", "one_cycle-kill", "steps-term"],
)
def test_killed_and_resumed_is_as_unbroken(
    sample: Sample, store: Path, tmp_path: Path, schedule: dict[str, Any], how: signal.Signals, code: int
) -> None:
    changes = {"max_epochs": 5, "min_delta": 0.01, "schedule": schedule}
    unbroken = train(sample, small("graph_net", **changes), tmp_path / "unbroken")
    # The process dies in the middle of the fourth epoch, without a word if it is killed.
    script = f"""
        import os, torch
        from pathlib import Path
        torch.set_num_threads(1)  # as here: sums depend on how they are shared out
        from training.test_network import small, toy, train
        from pd4ml.training.module import TrainingModule
        step = TrainingModule.training_step
        def dying_step(self, batch):
            if self.current_epoch == 3 and self.trainer.fit_loop.epoch_loop.batch_idx == 4:
                os.kill(os.getpid(), {int(how)})
            return step(self, batch)
        TrainingModule.training_step = dying_step
        train(toy(Path({str(store)!r})), small("graph_net", **{changes!r}), Path({str(tmp_path / "killed")!r}))
    """
    tests = str(Path(__file__).parents[1])
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tests, capture_output=True)
    assert killed.returncode == code, killed.stderr.decode()
    assert (b"terminated; finished epochs are kept" in killed.stderr) == (how == signal.SIGTERM)
    assert len(read_history(tmp_path / "killed" / "history.csv")) == 3
    resumed = train(sample, small("graph_net", **changes), tmp_path / "killed")
    assert all(torch.equal(a, b) for a, b in zip(weights(unbroken.model), weights(resumed.model), strict=True))
    written = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("unbroken", "killed")]
    seconds = written[0][0].split(",").index("seconds")
    unbroken_rows, killed_rows = ([row.split(",") for row in rows] for rows in written)
    for row in (*unbroken_rows, *killed_rows):
        del row[seconds]
    assert unbroken_rows == killed_rows  # the text, not only the numbers


def test_finished_training_is_not_repeated(
    sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(sample, small("fcn"), tmp_path)
    assert "epoch 4 of at most 4" in capsys.readouterr().err
    (tmp_path / "last.ckpt").touch()  # by a kill between the weights and the end
    second = train(sample, small("fcn"), tmp_path)
    assert capsys.readouterr().err == ""
    assert sorted(file.name for file in tmp_path.iterdir()) == ["features.json", "history.csv", "model.pt"]
    assert (first.facts.epochs, first.facts.best_epoch, first.facts.seconds) == (
        second.facts.epochs,
        second.facts.best_epoch,
        second.facts.seconds,
    )
    assert all(torch.equal(a, b) for a, b in zip(weights(first.model), weights(second.model), strict=True))


def test_damaged_checkpoint_starts_again(
    sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"no checkpoint")
    assert train(sample, small("fcn"), tmp_path).facts.epochs == 4
    assert "starting from the first epoch" in capsys.readouterr().err
    content = bytearray((tmp_path / "model.pt").read_bytes())
    content[len(content) // 2] ^= 1  # in the middle are the weights
    (tmp_path / "flipped.ckpt").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read \(ValueError: \S+ has another check sum"):
        read_checkpoint(tmp_path / "flipped.ckpt")
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"model\.pt cannot be read"):
        load_fitted(tmp_path)


def test_ctrl_c_keeps_the_last_checkpoint_and_the_signal(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = EventOrder.__iter__

    def interrupted(self: EventOrder) -> Any:
        if self.epoch == 2 and self.seed is not None:
            raise KeyboardInterrupt
        return order(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(EventOrder, "__iter__", interrupted)
        train(sample, small("fcn"), tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert (tmp_path / "last.ckpt").exists()
    assert train(sample, small("fcn"), tmp_path).facts.epochs == 4


def test_loss_that_is_not_finite_names_the_events(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, build = sample.open("train")["points"][17, 0, 0], Toy.build_graphs

    def poisoned(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
        built = build(arrays, fitted, edges=edges)
        built.nodes[built.nodes == poison] = np.nan
        return built

    monkeypatch.setattr(Toy, "build_graphs", poisoned)
    with pytest.raises(DataError, match=r"training loss became nan in epoch 0, batch of train events .*\b17\b"):
        train(sample, small("fcn", batch_size=4), tmp_path)


class MeanOfX(nn.Module):
    """A model from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, batch: GraphBatch) -> Tensor:
        return self.scale * batch.to_dense().mean(dim=(1, 2))


def test_any_module_can_be_trained(sample: Sample, tmp_path: Path) -> None:
    fitted = train(sample, small("fcn"), tmp_path, model=MeanOfX())
    assert isinstance(fitted.model, MeanOfX)
    assert fitted.model.scale > 0.1


def test_fewer_events(sample: Sample, tmp_path: Path) -> None:
    fitted = train(sample, small("fcn", max_epochs=1), tmp_path, n_events=101)
    assert (fitted.facts.n_train, fitted.facts.n_valid) == (81, 20)
    with pytest.raises(DataError, match="asked to train on 500 events; the train split has 320"):
        train(sample, small("fcn"), tmp_path, n_events=500)


def test_order_is_shuffled_anew_and_complete() -> None:
    order = EventOrder(np.arange(10, 33), 5, seed=1)
    first = [batch.tolist() for batch in order]
    assert len(first) == len(order) == 5
    assert sorted(np.concatenate(list(order)).tolist()) == list(range(10, 33))
    assert [batch.tolist() for batch in order] == first
    order.set_epoch(1)
    assert [batch.tolist() for batch in order] != first
    assert np.concatenate(list(EventOrder(np.arange(7), 3))).tolist() == list(range(7))


def test_batches_are_the_events_of_their_index(sample: Sample) -> None:
    graphs = sample.graphs("train")
    batch = EventBatches(graphs, Binary())[Share(np.array([3, 8]), 1.0)]
    np.testing.assert_array_equal(batch.graphs.to_dense()[:, :5].numpy(), graphs.events["points"][[3, 8]])
    np.testing.assert_array_equal(batch.target.numpy(), graphs.events.y[[3, 8]])
    assert batch.to("meta").target.device.type == "meta"


def test_a_network_is_loaded_without_lightning() -> None:
    """Which takes seconds, and only trains."""
    code = "import sys, pd4ml.training.network, pd4ml.report.attribution; sys.exit('lightning' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
