"""Sets of draws of one normal distribution with unknown mean and width, whose posterior is exact."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pd4ml.methods.infer.flow import Posterior
from pd4ml.methods.infer.pairs import Means, fit_head, of_size, train_pairs

LOW, HIGH = (-2.0, 0.5), (2.0, 2.0)  # of the mean, and of the width, the nuisance that events share
Floats = NDArray[np.float64]


def draw_sets(rng: np.random.Generator, n: int, size: int) -> tuple[Floats, Floats]:
    """The means (n, 1) and ``size`` draws (n, size); the widths are drawn as well."""
    mean, width = (rng.uniform(LOW[i], HIGH[i], (n, 1)) for i in (0, 1))
    return mean, mean + width * rng.standard_normal((n, size))


def exact(mean: Floats, x: Floats) -> Floats:
    """(n,) ln of the posterior density of ``mean`` (n, 1) given ``x`` (n, size), the width integrated out.

    By quadrature where the posterior is, for sets of some hundred.
    """
    n, m, v = x.shape[1], x.mean(1)[:, None], x.var(1)[:, None]
    reach = 8 * np.sqrt(v / n)
    grid = np.linspace(np.maximum(LOW[0], m - reach)[:, 0], np.minimum(HIGH[0], m + reach)[:, 0], 200, axis=1)
    least, most = (np.clip(np.sqrt(v)[:, 0] * factor, LOW[1], HIGH[1]) for factor in (0.75, 1.35))
    width = np.linspace(least, most, 100)[:, :, None]

    def log_likelihood(at: Floats) -> Floats:
        """(n, k) at means ``at`` (n, k), but for a factor."""
        of_width = -n * np.log(width) - n * (v + (m - at) ** 2) / (2 * width**2)
        return np.asarray(np.logaddexp.reduce(of_width, axis=0))

    found = log_likelihood(grid)
    top = found.max(1, keepdims=True)
    log_evidence = top[:, 0] + np.log(np.trapezoid(np.exp(found - top), grid, axis=1))
    return np.asarray(log_likelihood(mean)[:, 0] - log_evidence)


def _tensor(x: Floats) -> Tensor:
    return torch.from_numpy(x.astype(np.float32))


def measure(
    size: int = 500, *, n_sets: int = 10_000, n_test: int = 1000, seed: int = 1, n_samples: int = 0
) -> dict[str, Floats]:
    """(n_test,) ln posterior of the true mean: ``exact``, of ``pairs``, and of the head of the first ``stage``.

    With ``n_samples`` also ``samples`` (n_samples, n_test) and the ``truth`` (n_test,).
    """
    torch.manual_seed(seed)
    encode = nn.Sequential(nn.Linear(1, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 8))

    def two(rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor, Tensor]:
        mean, x = draw_sets(rng, n // 2, 2)
        return _tensor(mean), _tensor(x.reshape(-1, 1)), torch.arange(n).view(-1, 2)

    first, head = (Posterior(LOW[:1], HIGH[:1], n_context) for n_context in (9, 8))
    train_pairs(encode, first, two, two, epochs=4, steps=100, batch=512, learning_rate=4e-3, seed=seed)
    theta, x = draw_sets(np.random.default_rng(seed + 10), n_sets + n_test, size)
    with torch.no_grad():
        parts = [encode(_tensor(part.reshape(-1, 1))).view(-1, size, 8).mean(1) for part in np.array_split(x, 100)]
    means, truth = torch.cat(parts), _tensor(theta)

    def of(low: int, high: int) -> Means:
        def draw(rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
            index = rng.integers(low, high, n)
            return truth[index], means[index]

        return draw

    fit_head(head, of(0, n_sets * 9 // 10), of(n_sets * 9 // 10, n_sets), epochs=14, n_start=4000, seed=seed)
    test, found = slice(n_sets, None), {"exact": exact(theta[n_sets:], x[n_sets:])}
    with torch.no_grad():
        found["stage"] = first(truth[test], of_size(means[test], size)).double().numpy()
        found["pairs"] = head(truth[test], means[test]).double().numpy()
    if n_samples:
        found["samples"] = head.sample(means[test], n_samples)[..., 0].double().numpy()
        found["truth"] = theta[n_sets:, 0]
    return found
