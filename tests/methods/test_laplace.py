"""The last layer's density: its matrix against second derivatives, the prior against the evidence itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch.nn import functional

from pd4ml.methods.laplace import best_prior, gauss_newton

RNG = np.random.default_rng(6)


def test_the_matrix_is_the_second_derivative_of_the_loss() -> None:
    rows = RNG.normal(0, 1, (40, 3))
    for k in (1, 3):
        labels = torch.tensor(RNG.integers(0, max(k, 2), 40))
        weights = torch.tensor(RNG.normal(0, 1, (k, 3)))

        def loss(flat: torch.Tensor, k: int = k, labels: torch.Tensor = labels) -> torch.Tensor:
            logits = torch.tensor(rows) @ flat.view(k, 3).T
            if k == 1:
                return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.double(), reduction="sum")
            return functional.cross_entropy(logits, labels, reduction="sum")

        wanted = torch.autograd.functional.hessian(loss, weights.flatten())  # type: ignore[no-untyped-call]
        found = gauss_newton(rows, rows @ weights.numpy().T)
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-10, atol=1e-10)


def test_the_prior_is_that_of_the_largest_evidence() -> None:
    """Of a linear model the marginal likelihood is a normal density of the target, and known."""
    rows, noise = RNG.normal(0, 1, (60, 8)), 0.3
    target = rows @ RNG.normal(0, 0.5, 8) + np.sqrt(noise) * RNG.normal(0, 1, 60)

    def minus_evidence(log_prior: float) -> float:
        covariance = rows @ rows.T / np.exp(log_prior) + noise * np.eye(60)
        return -float(stats.multivariate_normal(np.zeros(60), covariance).logpdf(target))

    wanted = np.exp(optimize.minimize_scalar(minus_evidence, bounds=(-6, 6), method="bounded").x)
    matrix, prior = gauss_newton(rows, None, noise), 1.0
    for _ in range(100):  # the weights are those that the prior makes most likely
        weights = np.linalg.solve(matrix + prior * np.eye(8), rows.T @ target / noise)
        prior = best_prior(matrix, weights)
    assert prior == pytest.approx(wanted, rel=1e-3)
