"""SWAG: its density against the formula and, of a linear model, against the exact posterior's mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from pd4ml.errors import DataError
from pd4ml.methods.swag import Swag, drawn_weights, mean_output
from pd4ml.tasks import Binary, Multiclass, Regression

RNG = np.random.default_rng(4)


def test_draws_have_the_mean_and_covariance_of_the_formula() -> None:
    snapshots = torch.tensor(RNG.normal([5, 0, -1], [1, 2, 0.1], (6, 3)), dtype=torch.float32)
    drawn = torch.stack([drawn_weights(snapshots, seed) for seed in range(6000)]).numpy()
    deviations = (snapshots - snapshots.mean(0)).numpy()
    wanted = np.diag((deviations**2).mean(0)) / 2 + deviations.T @ deviations / (2 * 5)
    size = np.sqrt(np.diag(wanted))
    assert np.abs((drawn.mean(0) - snapshots.mean(0).numpy()) / size).max() < 0.05
    assert np.abs((np.cov(drawn.T) - wanted) / np.outer(size, size)).max() < 0.05
    torch.testing.assert_close(drawn_weights(snapshots, 7), drawn_weights(snapshots, 7))


def test_of_a_linear_model_the_mean_is_that_of_the_posterior() -> None:
    """Weights that stochastic gradients of a squared error go through lie around the exact solution."""
    n, noise = 500, 0.5
    x = torch.tensor(np.c_[RNG.normal(0, 1, (n, 2)), np.ones(n)])
    y = x @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) + noise * torch.tensor(RNG.normal(0, 1, n))
    covariance = torch.linalg.inv(x.T @ x / noise**2)
    exact = covariance @ x.T @ y / noise**2
    weights, snapshots = torch.zeros(3, dtype=torch.float64), []
    for step in range(4000):
        place = torch.tensor(RNG.integers(n, size=10))
        weights = weights - 0.1 * x[place].T @ (x[place] @ weights - y[place]) / 10
        if step >= 1000 and step % 20 == 0:
            snapshots.append(weights)
    found = torch.stack(snapshots).mean(0)
    assert float(((found - exact) / covariance.diagonal().sqrt()).abs().max()) < 0.6
    draws = torch.stack([drawn_weights(torch.stack(snapshots).float(), seed) for seed in range(400)])
    assert float((draws.mean(0) - exact).abs().max()) < 0.05


def test_means_are_those_of_values_and_of_probabilities() -> None:
    value = RNG.normal(0, 3, (5, 7)).astype(np.float32)
    np.testing.assert_allclose(mean_output(value, Regression()), value.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(expit(mean_output(value, Binary())), expit(value).mean(axis=0), rtol=1e-5)
    many = RNG.normal(0, 3, (5, 7, 3)).astype(np.float32)
    wanted = softmax(many, axis=-1).mean(axis=0)
    np.testing.assert_allclose(softmax(mean_output(many, Multiclass(3)), axis=-1), wanted, rtol=1e-5)
    assert mean_output(np.full((4, 1), 200, np.float32), Binary()).tolist() == [200]  # without overflow


@pytest.mark.parametrize("options", [{"share": 1.0}, {"rate": 0.0}, {"snapshots": 1}, {"samples": 1}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"method.{next(iter(options))} must be"):
        Swag(**options)
