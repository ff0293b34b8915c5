"""Proposals with differential privacy: each event counts little, and what it comes to is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from helpers.toy import Toy
from pd4ml.cli import app
from pd4ml.collaborate import read_collaboration
from pd4ml.collaborate.network import NetworkLearner
from pd4ml.collaborate.privacy import Budget, Privacy, private_form, private_gradients, secret_of
from pd4ml.collaborate.strategies import make_strategy
from pd4ml.collaborate.weights import state_digest
from pd4ml.errors import DataError
from pd4ml.training.data import Share
from pd4ml.training.recipe import load_recipe

pytest.importorskip("opacus", reason="needs the extra [private]")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 600, seed=1)
    return path


@pytest.fixture
def learner(data: Path) -> NetworkLearner:
    recipe = load_recipe("fcn_quick", Toy).override(batch_size=32, hyperparameters={"width": 16, "depth": 3})
    return NetworkLearner("a", Toy.at(data, source="generated"), recipe)


def without_noise(learner: NetworkLearner, places: Any, norm: float) -> dict[str, torch.Tensor]:
    """The sum over the events at ``places`` in the first step, in which all take part."""
    budget = Budget(Privacy(3.0, max_grad_norm=norm), 400, 32, 1, 1)
    budget.rate, budget.batch, budget.noise = 1.0, 1.0, 0.0
    form = private_form(learner.model, "fcn")
    return next(private_gradients(form, learner.loss, learner.data.batches, places, budget, b"key"))


def test_without_clipping_and_noise_it_is_the_gradient(learner: NetworkLearner) -> None:
    places = learner.material.train.index[:40]
    found = without_noise(learner, places, norm=1e5)
    batch = learner.data.batches[Share(places, 1.0)]
    plain = dict(private_form(learner.model, "fcn").named_parameters())
    loss = learner.loss(learner.model(batch.graphs), batch) * len(batch)
    assert set(found) == set(plain)
    for name, wanted in zip(plain, torch.autograd.grad(loss, list(plain.values())), strict=True):
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-6)


def test_an_event_changes_the_sum_by_no_more_than_the_norm(learner: NetworkLearner) -> None:
    norm, index = 0.01, learner.material.train.index[:40]
    every = without_noise(learner, index, norm)
    for left_out in (0, 7, 39):
        others = without_noise(learner, np.delete(index, left_out), norm)
        change = sum(float((every[name] - others[name]).square().sum()) for name in every) ** 0.5
        assert 0.5 * norm < change < norm * 1.001


def test_noise_is_as_large_as_was_said_and_a_secret(learner: NetworkLearner) -> None:
    budget = Budget(Privacy(3.0), 400, 32, 1, 4)
    form, nobody = private_form(learner.model, "fcn"), learner.material.train.index[:0]
    first, second, other = (
        next(private_gradients(form, learner.loss, learner.data.batches, nobody, budget, key))
        for key in (b"a", b"a", b"b")
    )
    all_of_it = torch.cat([g.flatten() for g in first.values()]) * budget.batch
    assert float(all_of_it.std()) == pytest.approx(budget.noise, rel=0.1)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_a_budget_keeps_its_promise() -> None:
    budget = Budget(Privacy(2.0, 1e-4), 1000, 50, 1, 5)
    spent = [budget.spent(n) for n in range(6)]
    assert spent[0] == 0
    assert spent == sorted(spent)
    assert 1.5 < spent[5] <= 2.0
    assert Budget(Privacy(0.5, 1e-4), 1000, 50, 1, 5).noise > budget.noise
    assert budget.steps == 20
    with pytest.raises(DataError, match="below one over the 1,000 training events"):
        Budget(Privacy(2.0, 1e-3), 1000, 50, 1, 5)


@pytest.mark.parametrize("wrong", [{"epsilon": 0.0}, {"delta": 2.0}, {"max_grad_norm": -1.0}, {"epsilon": True}])
def test_what_is_no_promise(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="must be above 0"):
        Privacy(**{"epsilon": 1.0, **wrong})


def test_turns_are_counted() -> None:
    assert make_strategy("vote").proposals(5, 12) == 3
    assert make_strategy("fedavg").proposals(5, 12) == 12


@pytest.mark.parametrize(
    ("model", "message"), [("graph_net_quick", "batch norm"), ("filter_net_quick", "no form on single events")]
)
def test_models_without_privacy_are_refused(data: Path, model: str, message: str) -> None:
    found = NetworkLearner("a", Toy.at(data, source="generated"), load_recipe(model, Toy))
    with pytest.raises(DataError, match=message):
        found.keep_private(Privacy(1.0), b"s", 2)


def test_a_balanced_loss_is_refused(data: Path) -> None:
    """One event changes the factors of all."""
    recipe = load_recipe("fcn_quick", Toy).override(balance_classes=True)
    found = NetworkLearner("a", Toy.at(data, source="generated"), recipe)
    with pytest.raises(DataError, match="depend on all events"):
        found.keep_private(Privacy(1.0), b"s", 2)


def test_a_proposal_is_made_again_with_the_same_bits_by_the_same_secret(learner: NetworkLearner) -> None:
    start = learner.start()
    learner.keep_private(Privacy(8.0), b"secret", 3)
    first = state_digest(learner.propose(start, 0))
    assert state_digest(learner.propose(start, 0)) == first
    assert state_digest(learner.propose(start, 1)) != first
    learner.keep_private(Privacy(8.0), b"another", 3)
    assert state_digest(learner.propose(start, 0)) != first


def test_secrets_are_the_owners(tmp_path: Path) -> None:
    first = secret_of(tmp_path / "secret")
    assert secret_of(tmp_path / "secret") == first
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(DataError, match="no secret of 32 bytes"):
        secret_of(tmp_path / "secret")


def test_command_line_of_privacy(data: Path, tmp_path: Path) -> None:
    def line(rounds: int) -> list[str]:
        parts = ["--learners", "2", "--rounds", str(rounds), "--set", "batch_size=32", "--no-compare"]
        privacy = ["--epsilon", "5", "--delta", "1e-3", "--out", str(tmp_path)]
        return ["collaborate", "Toy", "--recipe", "fcn_quick", "--path", str(data), *parts, *privacy]

    done = CliRunner().invoke(app, line(3))
    assert done.exit_code == 0, done.output
    assert "epsilon spent: group_1 " in done.output
    spent = read_collaboration(tmp_path).settings["spent"]
    assert spent["group_2"] < spent["group_1"] <= 5  # one turn against two
    again = CliRunner().invoke(app, line(5))  # the noise was made for three rounds
    assert again.exit_code == 2
    assert "another collaboration" in again.stderr
