"""Neural empirical Bayes (arXiv:2011.05836): the source of observations, where the measurement is known.

As in SPINUP the source is a flow that maximises the likelihood of the data, but p(y | x) is given, and the
integral is a mean over points of the source itself: log of the mean over K of p(y | x_k). By Jensen's inequality
that is too small on average, the more so the fewer points there are: with K = 1 the best source is a single point.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pd4ml.methods.unfold.common import Floats
from pd4ml.methods.unfold.flows import Climber, Standard, alone, drawn, flow

__all__ = ["gaussian", "neural_empirical_bayes"]

_BATCH = 128


def gaussian(width: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Log density of y (..., K) around x (..., K), each component smeared by ``width`` for itself."""

    def log_density(y: Tensor, x: Tensor) -> Tensor:
        constant = y.shape[-1] * math.log(width * math.sqrt(2 * math.pi))
        return -((y - x) ** 2).sum(-1) / (2 * width**2) - constant

    return log_density


def neural_empirical_bayes(
    data: Floats,
    log_density: Callable[[Tensor, Tensor], Tensor],
    n_points: int,
    *,
    steps: int = 900,
    rate: float = 2e-3,
    seed: int = 1,
    n_samples: int = 10_000,
) -> Floats:
    """A sample (n_samples, K) of what was smeared.

    Parameters
    ----------
    data : (M, K)
        What was measured.
    log_density : Callable
        log p(y | x) of tensors y (B, 1, K) and x (1, P, K).
    n_points : int
        K of the paper: points of the source for each step, which all events of a batch share.
    steps, rate : int, float
        Of Adam; the rate falls to zero.
    seed : int
        Of networks, events and points.
    n_samples : int
        Size of the sample.
    """
    with alone(seed):
        y = torch.as_tensor(data, dtype=torch.float32)
        scale, draw = Standard(y), drawn(torch.ones(len(y)))
        source = flow(y.shape[1], 0, transforms=3, bins=8, width=64)

        def likelihood() -> Tensor:
            x = scale.undo(source().rsample((n_points,)))
            of_points = log_density(y[draw(_BATCH)][:, None], x[None])  # (B, P)
            return torch.logsumexp(of_points, 1).mean() - math.log(n_points)

        Climber(source.parameters(), rate, steps).climb(likelihood, steps)
        with torch.no_grad():
            sample: Floats = scale.undo(source().sample((n_samples,))).double().numpy()
    return sample
