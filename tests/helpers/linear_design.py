"""An experiment whose information is exact: y = design * theta + noise, all normal with width one."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from pd4ml.methods.infer.design import contrastive_bound, likelihood_bound, posterior_bound
from pd4ml.methods.infer.flow import Density, fit

__all__ = ["exact_information", "measure"]


def exact_information(design: float) -> float:
    """0.5 ln(1 + design^2) nats."""
    return 0.5 * float(np.log1p(design**2))


def measure(design: float, *, n_train: int = 20_000, n_test: int = 20_000, n_others: int = 63) -> dict[str, float]:
    """Bounds from a posterior, a likelihood and a ratio that are learnt, and what is exact.

    ``exact_sample`` is that of the exact posterior on the same events: its difference from ``exact`` is chance.
    """
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    theta = torch.from_numpy(rng.standard_normal((n_train + n_test, 1)).astype(np.float32))
    y = design * theta + torch.from_numpy(rng.standard_normal((n_train + n_test, 1)).astype(np.float32))
    (t, t_test), (x, x_test) = (np.split(v, [n_train]) for v in (theta.numpy(), y.numpy()))
    others = torch.from_numpy(rng.standard_normal((n_test, n_others, 1)).astype(np.float32))
    asked = torch.cat([torch.from_numpy(t_test)[:, None], others], 1)
    posterior = _density(torch.from_numpy(t), torch.from_numpy(x))
    likelihood = _density(torch.from_numpy(x), torch.from_numpy(t))
    ratio = _ratio(torch.from_numpy(t), torch.from_numpy(x))
    repeated = torch.from_numpy(x_test)[:, None].expand(asked.shape)
    with torch.no_grad():
        log_posterior = posterior(torch.from_numpy(t_test), torch.from_numpy(x_test)).double().numpy()
        log_likelihood = likelihood(repeated, asked).double().numpy()
        log_ratio = ratio(torch.cat([asked, repeated], -1))[..., 0].double().numpy()
    entropy, variance = 0.5 * np.log(2 * np.pi * math.e), 1 / (1 + design**2)
    exact = -0.5 * (t_test - variance * design * x_test) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    return {
        "exact": exact_information(design),
        "exact_sample": posterior_bound(exact[:, 0].astype(np.float64), entropy).value,
        "posterior": posterior_bound(log_posterior, entropy).value,
        "likelihood": likelihood_bound(log_likelihood).value,
        "contrastive": contrastive_bound(log_ratio).value,
        "error": posterior_bound(log_posterior, entropy).error or 0.0,
    }


def _density(values: Tensor, context: Tensor) -> Density:
    """q(values | context), trained on nine tenths of them."""
    density, n = Density(1, 1, 32), len(values) * 9 // 10
    density.start(values[:n], context[:n])

    def loss(rng: np.random.Generator) -> Tensor:
        index = rng.integers(0, n, 256)
        found: Tensor = -density(values[index], context[index]).mean()
        return found

    def valid() -> float:
        return -float(density(values[n:], context[n:]).mean())

    fit((density,), loss, valid, epochs=5, steps=30, learning_rate=3e-3, seed=1)
    return density


def _ratio(theta: Tensor, y: Tensor) -> nn.Module:
    """ln p(y | theta) / p(y) but for a term of y: each y tells its own theta from those of the batch."""
    network = nn.Sequential(nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
    n = len(theta) * 9 // 10

    def of(t: Tensor, x: Tensor) -> Tensor:
        pairs = torch.cat([t[None].expand(len(x), -1, 1), x[:, None].expand(-1, len(t), 1)], -1)
        return nn.functional.cross_entropy(network(pairs)[..., 0], torch.arange(len(x)))

    def loss(rng: np.random.Generator) -> Tensor:
        index = rng.integers(0, n, 64)
        return of(theta[index], y[index])

    fit((network,), loss, lambda: float(of(theta[n:], y[n:])), epochs=6, steps=60, learning_rate=5e-3, seed=1)
    return network
