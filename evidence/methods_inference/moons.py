"""Two moons, a task of arXiv:2101.04653: how well samples of a learnt posterior can be told from exact ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pd4ml.methods.infer.flow import Posterior, fit

__all__ = ["c2st", "measure"]

Floats = NDArray[np.float64]


def _on_a_moon(rng: np.random.Generator, n: int) -> Floats:
    angle, radius = rng.uniform(-np.pi / 2, np.pi / 2, n), rng.normal(0.1, 0.01, n)
    return np.column_stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)])


def _simulate(rng: np.random.Generator, theta: Floats) -> Floats:
    shift = np.column_stack([-np.abs(theta.sum(1)), theta[:, 1] - theta[:, 0]]) / np.sqrt(2)
    return np.asarray(_on_a_moon(rng, len(theta)) + shift)


def _exact(rng: np.random.Generator, x: Floats, n: int) -> Floats:
    """(n, 2) of the posterior: points on the moon that x may have come from, either sign, within the prior."""
    kept: list[Floats] = []
    while sum(map(len, kept)) < n:
        shift = (x - _on_a_moon(rng, n)) * np.sqrt(2)
        total = -shift[:, 0] * rng.choice((-1, 1), n)
        theta = np.column_stack([total - shift[:, 1], total + shift[:, 1]]) / 2
        kept.append(theta[(shift[:, 0] <= 0) & (np.abs(theta) <= 1).all(1)])
    return np.concatenate(kept)[:n]


def c2st(first: Floats, second: Floats) -> float:
    """How often a network tells which of two samples a point is of, in five folds; 0.5 where they are alike."""
    from sklearn.model_selection import cross_val_score
    from sklearn.neural_network import MLPClassifier

    x, y = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    x = (x - first.mean(0)) / first.std(0)
    network = MLPClassifier((20, 20), max_iter=1000, random_state=1)
    return float(cross_val_score(network, x, y, cv=5).mean())


def measure(n_simulations: int = 10_000, n_samples: int = 1000, n_observations: int = 3) -> list[float]:
    """C2ST of the posterior of some observations."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    theta = rng.uniform(-1, 1, (n_simulations, 2))
    t, x = (torch.from_numpy(v.astype(np.float32)) for v in (theta, _simulate(rng, theta)))
    head, n = Posterior([-1.0, -1.0], [1.0, 1.0], 2), n_simulations * 9 // 10
    head.start(t[:n], x[:n])

    def loss(rng: np.random.Generator) -> torch.Tensor:
        index = rng.integers(0, n, 256)
        found: torch.Tensor = -head(t[index], x[index]).mean()
        return found

    fit((head,), loss, lambda: -float(head(t[n:], x[n:]).mean()), epochs=30, steps=40, learning_rate=3e-3, seed=1)
    found = []
    for _ in range(n_observations):
        seen = _simulate(rng, rng.uniform(-1, 1, (1, 2)))
        samples = head.sample(torch.from_numpy(seen.astype(np.float32)), n_samples)[:, 0].double().numpy()
        found.append(c2st(_exact(rng, seen[0], n_samples), samples))
    return found
