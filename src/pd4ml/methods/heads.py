"""Networks that say how sure they are: a normal density, or quantiles, of the value that a regression predicts.

    [method]
    kind = "gaussian"

The value is the first output of the network, and what predictions give; the others are spread or quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.tasks import Task
from pd4ml.training.objectives import Loss, Objective, register_objective
from pd4ml.training.readout import Apply, register_readout

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pd4ml.training.data import TrainingBatch
    from pd4ml.training.network import Network

__all__ = ["Gaussian", "Quantiles", "beta_nll", "pinball"]


@dataclass(frozen=True)
class _OneValue(Objective):
    """What both have in common: they are for regressions of one value."""

    def check(self, card: Card, task: Task) -> None:
        """The target must be one value."""
        if task.name != "regression" or task.n_outputs != 1:
            found = f"a {task.name}" + (f" of {task.n_outputs}" if task.n_outputs > 1 else "")
            raise DataError(f"{self.kind} is for regressions of one value, and {card.name} is {found}")


@register_objective
@dataclass(frozen=True)
class Gaussian(_OneValue):
    """Mean and logarithm of the standard deviation of a normal density, and its likelihood.

    Trained is beta-NLL: the negative log-likelihood of an event times its predicted variance to the power
    ``beta``, which is not differentiated. With 0, the likelihood itself, events with large errors hardly count for
    the mean; with 1 they count for it as in the mean squared error. Validated is the likelihood.

    Parameters
    ----------
    beta : float
        From 0 to 1.

    References
    ----------
    arXiv:2203.09168
    """

    beta: float = 0.5
    kind: ClassVar[str] = "gaussian"
    readout: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise DataError(f"method.beta must be from 0 to 1, found {self.beta}")

    def n_outputs(self, task: Task) -> int:
        """Mean and log sigma."""
        return 2

    def start(self, mean: Any, scale: Any) -> tuple[Any, Any]:
        """The density of the training target."""
        return [mean, math.log(scale)], [scale, 1.0]

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """Mean beta-NLL of the batch; in validation the likelihood, which epochs can be compared by."""
        model = networks["model"]
        each = beta_nll(model(batch.graphs).float(), batch.target, self.beta if model.training else 0.0)
        return {"model": _mean(each, batch)}


@register_objective
@dataclass(frozen=True)
class Quantiles(_OneValue):
    """The median and the two quantiles with a share ``coverage`` of all events between them; pinball loss.

    Quantiles that cross are put in order (arXiv:0704.3649), which does not make their loss larger.

    Parameters
    ----------
    coverage : float
        Between 0 and 1.

    References
    ----------
    R. Koenker, G. Bassett, Econometrica 46 (1978) 33.
    """

    coverage: float = 0.68
    kind: ClassVar[str] = "quantiles"
    readout: ClassVar[str] = "quantiles"

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise DataError(f"method.coverage must be between 0 and 1, found {self.coverage}")

    @property
    def levels(self) -> tuple[float, float, float]:
        """Of the outputs: the median, the lower and the upper quantile."""
        return 0.5, (1 - self.coverage) / 2, (1 + self.coverage) / 2

    def n_outputs(self, task: Task) -> int:
        """Three quantiles."""
        return 3

    def start(self, mean: Any, scale: Any) -> tuple[Any, Any]:
        """Those of a normal density as wide as the training target."""
        return [mean + scale * NormalDist().inv_cdf(level) for level in self.levels], [scale] * 3

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """Mean pinball loss of the batch and the quantiles."""
        each = pinball(networks["model"](batch.graphs).float(), batch.target, self.levels)
        return {"model": _mean(each, batch)}


def beta_nll(output: Tensor, target: Tensor, beta: float) -> Tensor:
    """(B,) negative log-likelihoods of ``output`` (B, 2), mean and log sigma, each times sigma^(2 beta)."""
    mean, log_sigma = output.unbind(-1)
    nll = log_sigma + ((target - mean) * (-log_sigma).exp()).square() / 2 + math.log(2 * math.pi) / 2
    return nll * (2 * beta * log_sigma.detach()).exp()


def pinball(output: Tensor, target: Tensor, levels: Sequence[float]) -> Tensor:
    """(B,) pinball losses of ``output`` (B, Q), the quantiles of ``levels`` (Q,); the mean over them."""
    import torch

    above = target[:, None] - output
    level = torch.as_tensor(levels, dtype=output.dtype, device=output.device)
    return torch.maximum(level * above, (level - 1) * above).mean(-1)


def _mean(each: Tensor, batch: TrainingBatch) -> Tensor:
    return (each if batch.event_weight is None else each * batch.event_weight).mean()


@register_readout("gaussian")
def _density(network: Network, apply: Apply) -> dict[str, NDArray[np.float32]]:
    value, log_sigma = apply(network.model).reshape(-1, 2).T
    return {"output": value, "spread": np.exp(log_sigma)}


@register_readout("quantiles")
def _in_order(network: Network, apply: Apply) -> dict[str, NDArray[np.float32]]:
    lower, value, upper = np.sort(apply(network.model).reshape(-1, 3), axis=1).T
    return {"output": value, "lower": lower, "upper": upper}
