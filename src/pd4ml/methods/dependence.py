"""How much a score depends on a nuisance: distance correlation, and a network that guesses. This loads torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["NORMAL_ENTROPY", "Adversary", "distance_correlation"]

NORMAL_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)
"""Of a unit normal, in nats: the loss of an adversary that knows nothing but the distribution."""
_NARROWEST = 1e-3  # of a Gaussian, in spreads of the nuisance


def distance_correlation(x: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The squared distance correlation of two quantities of the same events: 0 of independent ones, at most 1.

    The statistic with V_n of G. J. Szekely, M. L. Rizzo, N. K. Bakirov, Ann. Statist. 35 (2007) 2769
    (arXiv:0803.4101), squared, as it is minimised in arXiv:2001.05310. Of n independent events it is above zero,
    of the order of 1/n. Memory goes as n^2.

    Parameters
    ----------
    x, y : Tensor
        (n,) or (n, D).
    weight : Tensor, optional
        (n,) what each event counts.

    Returns
    -------
    Tensor
        A number; 0 where one of the two is the same for all events.

    References
    ----------
    arXiv:0803.4101, arXiv:2001.05310
    """
    share = (
        torch.full_like(x[..., 0] if x.ndim > 1 else x, 1 / len(x)) if weight is None else weight / weight.sum()
    )
    a, b = (_centred(values.reshape(len(values), -1), share) for values in (x, y))

    def covariance(first: Tensor, second: Tensor) -> Tensor:
        return share @ (first * second) @ share

    norm = (covariance(a, a) * covariance(b, b)).clamp_min(torch.finfo(x.dtype).tiny).sqrt()
    return covariance(a, b) / norm


def _centred(values: Tensor, share: Tensor) -> Tensor:
    """(n, n) distances of rows of ``values`` (n, D), their means over rows and over columns taken away."""
    # The other way of cdist, by products, loses half of the digits of small distances.
    distance = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist")
    mean = distance @ share
    return distance - mean[:, None] - mean[None, :] + share @ mean


class Adversary(nn.Module):
    """A density of the nuisance given the score: a mixture of Gaussians whose numbers are those of a network.

    Two hidden layers, of tanh, since units of ReLU may die and an adversary that is dead knows nothing; what comes
    in is brought to mean 0 and spread 1.

    Parameters
    ----------
    n_inputs : int
        Numbers of a score.
    width, n_gaussians : int
        Of the hidden layers; of the mixture.
    """

    def __init__(self, n_inputs: int, width: int, n_gaussians: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(n_inputs, affine=False),
            nn.Linear(n_inputs, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, 3 * n_gaussians),
        )

    def forward(self, score: Tensor, nuisance: Tensor) -> Tensor:
        """(n,) minus log of the density of ``nuisance`` (n,) given ``score`` (n, D), in nats."""
        weight, mean, width = self.layers(score).chunk(3, dim=1)
        spread = width.exp() + _NARROWEST
        density = -0.5 * ((nuisance[:, None] - mean) / spread).square() - spread.log()
        mixed: Tensor = torch.logsumexp(functional.log_softmax(weight, dim=1) + density, dim=1)
        return 0.5 * math.log(2 * math.pi) - mixed
