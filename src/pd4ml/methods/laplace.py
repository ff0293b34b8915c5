"""The last layer's Laplace approximation (arXiv:2106.14806): how far its weights may lie elsewhere.

The layer's weights have a normal density around those that were trained: its precision is that of the data, the
Gauss-Newton matrix of the loss on the training events, and that of a normal prior around zero, which is where the
marginal likelihood of the training events is largest.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.storage.store import Events
from pd4ml.training.fitted import Fitted, Transform
from pd4ml.training.readout import Apply, register_readout

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pd4ml.models.batch import GraphBatch
    from pd4ml.training.network import Network

__all__ = ["Laplace", "best_prior", "gauss_newton"]

_EVENTS_AT_ONCE = 20_000  # whose features are in memory
_MOST_WEIGHTS = 5000  # of the layer, since the matrix has their square
_ROUNDS = 100


@dataclass(frozen=True)
class Laplace(Transform):
    """Gives a finished network the density of its last layer's weights.

    Of a regression of one value predictions have a spread then: that of the value, and a constant one, the
    residuals' on the validation part. Logits of classes are divided by sqrt(1 + pi v / 8) with their variance v,
    which makes probabilities nearly those that the density has on average (Neural Comput. 4 (1992) 720).

    References
    ----------
    arXiv:2106.14806
    """

    kind: ClassVar[str] = "laplace"

    def apply(self, fitted: Fitted, samples: Mapping[str, Sample], folder: Path) -> Fitted:
        """The same network with the density; DataError for what has no dense layer at its end."""
        import torch

        network = _checked(fitted)
        card, regression = network.dataset.card, network.task.name == "regression"
        model: Any = network.model
        scale, noise = float(model.target_scale) if regression else 1.0, 1.0
        if regression:
            valid = samples["valid"].open("valid" if "valid" in card.splits else "train")
            residual = network.predict(valid) - np.asarray(valid.y, np.float64).reshape(len(valid))
            noise = float(np.average(residual**2, weights=_weights(valid, card.weight)))
        train = samples["train"].open("train")
        weight = _weights(train, card.weight)
        matrix = np.zeros(1)
        for start in range(0, len(train), _EVENTS_AT_ONCE):
            places = np.arange(start, min(start + _EVENTS_AT_ONCE, len(train)))
            seen = network.apply(_last_layer(model), train.choose(places)).astype(np.float64)
            rows, output = np.split(seen, [-network.task.n_outputs], axis=1)
            rows *= np.sqrt(weight[places, None] / weight.mean())
            matrix = matrix + gauss_newton(rows, None if regression else output, noise / scale**2)
        weights = torch.cat([model.head.weight, model.head.bias[:, None]], dim=1).detach().cpu().numpy()
        covariance = np.linalg.inv(matrix + best_prior(matrix, weights) * np.eye(len(matrix)))
        n = weights.shape[1]
        blocks = [covariance[k : k + n, k : k + n] for k in range(0, len(covariance), n)]
        made = copy.copy(network)
        made.readout = "laplace"
        made.arrays = {"root": torch.tensor(np.linalg.cholesky(np.stack(blocks)), dtype=torch.float32)}
        if regression:
            made.arrays["noise"] = torch.tensor(noise, dtype=torch.float64)
        return made


def gauss_newton(
    rows: NDArray[np.float64], logits: NDArray[np.float64] | None, noise: float = 1.0
) -> NDArray[np.float64]:
    """The Gauss-Newton matrix of a layer on ``rows`` (N, V), class by class (K V, K V).

    Without ``logits`` (N, K) it is that of squared errors with the variance ``noise``, and K is 1.
    """
    if logits is None:
        return np.asarray(rows.T @ rows / noise)
    if logits.shape[1] == 1:
        p = np.exp(-np.logaddexp(0, -logits))
        curvature = (p * (1 - p))[:, :, None]
    else:
        p = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        curvature = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
    classes = range(logits.shape[1])
    return np.block([[rows.T @ (curvature[:, i, j, None] * rows) for j in classes] for i in classes])


def best_prior(matrix: NDArray[np.float64], weights: NDArray[Any]) -> float:
    """The precision of the prior at which the marginal likelihood is largest, for a posterior around ``weights``.

    There its product with the sum of the squared weights is the number of weights that the data determine.
    """
    eigenvalues = np.maximum(np.linalg.eigvalsh(matrix), 0.0)
    prior, size = 1.0, max(float((weights.astype(np.float64) ** 2).sum()), np.finfo(float).tiny)
    for _ in range(_ROUNDS):
        prior = float((eigenvalues / (eigenvalues + prior)).sum()) / size
    return prior


@register_readout("laplace")
def _with_variance(network: Network, apply: Apply) -> dict[str, NDArray[np.float32]]:
    root, n_outputs = network.arrays["root"], network.task.n_outputs
    seen = apply(_last_layer(network.model, root)).reshape(-1, 2 * n_outputs)
    output, variance = seen[:, :n_outputs], seen[:, n_outputs:]
    if network.task.name == "regression":
        scale: Any = network.model.target_scale
        spread = np.sqrt(float(scale) ** 2 * variance[:, 0] + float(network.arrays["noise"]))
        return {"output": output[:, 0], "spread": spread.astype(np.float32)}
    output = output / np.sqrt(1 + np.float32(math.pi / 8) * variance)
    return {"output": output[:, 0] if n_outputs == 1 else output}


def _last_layer(model: Any, root: Tensor | None = None) -> nn.Module:
    """A module that gives what the last layer sees, with a one, and the output (B, K); or output and variance."""
    import torch

    class LastLayer(torch.nn.Module):
        needs_edges = model.needs_edges

        def __init__(self) -> None:
            super().__init__()
            self.model, self.training = model, model.training

        def forward(self, batch: GraphBatch) -> Tensor:
            x = model.features(batch)
            output = model.output(x).reshape(len(x), -1)
            x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
            if root is None:
                return torch.cat([x, output], dim=1)
            variance = (x @ root.to(x)).square().sum(-1).T
            return torch.cat([output, variance], dim=1)

    return LastLayer()


def _checked(fitted: Fitted) -> Network:
    """``fitted`` as a network with one dense layer at its end; DataError for all else."""
    from torch import nn

    from pd4ml.models.base import Model
    from pd4ml.training.network import Network

    if not isinstance(fitted, Network) or not isinstance(fitted.model, Model):
        raise DataError(f"laplace needs a network of a recipe's model, found {fitted!r}")
    model, task = fitted.model, fitted.task
    if fitted.readout != "value":
        raise DataError(f"laplace needs a network trained with supervised, found the readout {fitted.readout}")
    if task.per_node or (task.name == "regression" and task.n_outputs > 1):
        raise DataError(
            f"laplace is for classes of events and for one value, found a {task.name} of {task.n_outputs}"
        )
    if not isinstance(model.head, nn.Linear) or type(model).output is not Model.output:
        raise DataError(f"laplace needs a dense layer at the end, which {type(model).__name__} has not")
    n_weights = task.n_outputs * (model.width + 1)
    if n_weights > _MOST_WEIGHTS:
        raise DataError(f"the last layer has {n_weights:,} weights, and laplace takes {_MOST_WEIGHTS:,} at most")
    return fitted


def _weights(events: Events, name: str) -> NDArray[np.float64]:
    return np.asarray(events[name], np.float64) if name else np.ones(len(events))
