"""Densities and quantiles: losses against formulae and SciPy, and a problem whose spread is known everywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from helpers.learnable import Classes, Vectors
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.methods.heads import Gaussian, Quantiles, beta_nll, pinball
from pd4ml.tasks import Regression, task_of
from pd4ml.training import load_recipe
from pd4ml.training.objectives import Objective
from pd4ml.training.readout import readout_of

RNG = np.random.default_rng(2)
OUTPUT = torch.tensor(RNG.normal(0, 1, (50, 3)))
TARGET = torch.tensor(RNG.normal(0, 2, 50))


def test_likelihood_and_its_weight() -> None:
    output = OUTPUT[:, :2].clone().requires_grad_()
    mean, log_sigma = output.detach().numpy().T
    wanted = -stats.norm(mean, np.exp(log_sigma)).logpdf(TARGET.numpy())
    np.testing.assert_allclose(beta_nll(output, TARGET, 0.0).detach(), wanted, rtol=1e-12)
    np.testing.assert_allclose(beta_nll(output, TARGET, 0.5).detach(), wanted * np.exp(log_sigma), rtol=1e-12)
    (plain,) = torch.autograd.grad(beta_nll(output, TARGET, 0.0).sum(), output)
    for beta in (0.5, 1.0):  # the weight has no gradient
        (found,) = torch.autograd.grad(beta_nll(output, TARGET, beta).sum(), output)
        torch.testing.assert_close(found, plain * (2 * beta * output.detach()[:, 1:]).exp())
    # With beta = 1 the mean learns as from half the squared error.
    torch.testing.assert_close(found[:, 0], output.detach()[:, 0] - TARGET)


def test_pinball_loss() -> None:
    levels = (0.5, 0.16, 0.84)
    found = pinball(OUTPUT, TARGET, levels)
    for n in range(3):
        above = float(TARGET[n]) - OUTPUT[n].numpy()
        each = [(level - (u < 0)) * u for level, u in zip(levels, above, strict=True)]
        assert float(found[n]) == pytest.approx(sum(each) / 3)
    # It is smallest at the quantile.
    y = torch.tensor(RNG.normal(0, 1, 4001))
    for level in levels:
        grid = torch.linspace(-2, 2, 401, dtype=torch.float64)
        losses = torch.stack([pinball(x.expand(4001, 1), y, (level,)).mean() for x in grid])
        assert float(grid[losses.argmin()]) == pytest.approx(float(np.quantile(y, level)), abs=0.011)


class Curve(nn.Module):
    """What a recipe's model is, on numbers (N,) in place of graphs."""

    def __init__(self, mean: list[float], scale: list[float]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, len(mean)))
        self.mean, self.scale = torch.tensor(mean), torch.tensor(scale)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layers(x[:, None])
        return output * self.scale + self.mean


def trained(method: Objective, n: int = 4000, steps: int = 700) -> tuple[dict[str, Any], Any, Any, Any]:
    """Fields of predictions on a grid, and the true mean and sigma there, after training on known noise."""
    torch.manual_seed(1)
    x = torch.rand(n) * 2 - 1
    target = 100 + 20 * torch.sin(2 * x) + sigma(x) * torch.randn(n)
    model = Curve(*method.start(float(target.mean()), float(target.std())))
    assert model(x[:2]).shape == (2, method.n_outputs(Regression()))
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        place = torch.randint(n, (512,))
        batch: Any = SimpleNamespace(graphs=x[place], target=target[place], event_weight=None)
        optimiser.zero_grad()
        loss = method.step({"model": model}, batch, None)["model"]  # type: ignore[arg-type]  # not the task's loss
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    grid = torch.linspace(-0.9, 0.9, 200)
    network: Any = SimpleNamespace(model=model)
    fields = readout_of(method.readout)(network, lambda m: m(grid).detach().numpy())
    return fields, (100 + 20 * torch.sin(2 * grid)).numpy(), sigma(grid).numpy(), (model, x, target)


def sigma(x: Tensor) -> Tensor:
    return 2 + 3 * (x + 1)


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_a_known_spread_is_found(beta: float) -> None:
    fields, mean, spread, _ = trained(Gaussian(beta))
    assert np.abs(fields["output"] - mean).max() < 1.5
    assert np.abs(fields["spread"] / spread - 1).max() < 0.2
    assert np.abs(fields["spread"] / spread - 1).mean() < 0.06


def test_quantiles_cover() -> None:
    method = Quantiles(0.8)
    fields, mean, spread, _ = trained(method)
    z = stats.norm.ppf(0.9)
    assert np.abs(fields["output"] - mean).max() < 2.5
    assert np.abs((fields["upper"] - fields["lower"]) / (2 * z * spread) - 1).mean() < 0.08
    truth = mean + spread * RNG.normal(0, 1, (200, 200))
    inside = ((fields["lower"] <= truth) & (truth <= fields["upper"])).mean(axis=0)
    assert inside.mean() == pytest.approx(0.8, abs=0.02)
    assert inside[:100].mean() == pytest.approx(0.8, abs=0.04)  # where the noise is small, too
    assert inside[100:].mean() == pytest.approx(0.8, abs=0.04)


def test_quantiles_that_cross_are_put_in_order() -> None:
    network: Any = SimpleNamespace(model=None)
    crossed = np.array([[1, 2, 0], [0, -1, 3]], np.float32)
    fields = readout_of("quantiles")(network, lambda _: crossed)
    assert {name: values.tolist() for name, values in fields.items()} == {
        "output": [1, 0],
        "lower": [0, -1],
        "upper": [2, 3],
    }


def test_validation_is_the_likelihood_and_weights_count() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return OUTPUT[:, :2]

    weight = torch.tensor(RNG.gamma(4, 0.25, 50))
    batch: Any = SimpleNamespace(graphs=None, target=TARGET, event_weight=weight)
    model, loss = Fixed(), None
    for training, beta in ((True, 0.5), (False, 0.0)):
        found = Gaussian(0.5).step({"model": model.train(training)}, batch, loss)["model"]  # type: ignore[arg-type]
        each = beta_nll(OUTPUT[:, :2].float(), TARGET, beta)
        assert float(found) == pytest.approx(float((weight * each).mean()), rel=1e-5)


def test_options_and_data_are_checked() -> None:
    recipe = load_recipe("fcn_quick")
    assert recipe.override(method={"kind": "gaussian", "beta": 1}).method == Gaussian(1.0)
    assert recipe.override(method={"kind": "quantiles", "coverage": 0.9}).method == Quantiles(0.9)
    for method, message in (
        ({"kind": "gaussian", "beta": 2}, "method.beta must be from 0 to 1, found 2"),
        ({"kind": "quantiles", "coverage": 1}, "method.coverage must be between 0 and 1, found 1"),
    ):
        with pytest.raises(DataError, match=message):
            recipe.override(method=method)
    with pytest.raises(UnknownNameError, match="did you mean 'gaussian'"):
        recipe.override(method={"kind": "gausian"})
    for dataset, found in ((Classes, "a classification of 3"), (Vectors, "a regression of 2")):
        with pytest.raises(DataError, match=f"quantiles is for regressions of one value, and .* is {found}"):
            Quantiles().check(dataset.card, task_of(dataset.card))
