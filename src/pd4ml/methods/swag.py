"""SWAG (arXiv:1902.02476): a normal density of weights from those that the end of a training goes through.

    [method]
    kind = "swag"

In the last part of the training the learning rate is constant, and weights are taken at equal distances. Their
mean and covariance (half of it the diagonal, half the low-rank one) are the density; predictions are means over
weights drawn from it, always the same ones. All weights that were taken are kept, and deviations are from their
mean; in the paper they are from the running one. Each draw has its own statistics for batch norms, found on
training events.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.tasks import Task
from pd4ml.training.objectives import Supervised, register_objective
from pd4ml.training.readout import Apply, register_readout

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import Tensor, nn

    from pd4ml.models.batch import GraphBatch
    from pd4ml.training.data import TrainingBatch, TrainingData
    from pd4ml.training.network import Network

__all__ = ["Swag", "drawn_weights", "mean_output"]

_NORM_BATCHES = 20  # of training events, on which the statistics of batch norms are found


@register_objective
@dataclass(frozen=True)
class Swag(Supervised):
    """The task's loss, with the density of weights that the last part of the training goes through.

    Of a regression of one value the spread is that of the draws and a constant one, the residuals' on the
    validation part; of classes the mean probability is predicted. A training goes to its last epoch, and predicts
    with the weights of this density, not with those of the best epoch.

    Parameters
    ----------
    share : float
        Of the steps, at the end, in which weights are taken.
    rate : float
        The learning rate there, in units of the recipe's.
    snapshots : int
        Weights that are taken, at least 2; the model's file holds all of them.
    samples : int
        Weights that are drawn for predictions, at least 2.

    References
    ----------
    arXiv:1902.02476
    """

    share: float = 0.25
    rate: float = 0.2
    snapshots: int = 10
    samples: int = 20
    kind: ClassVar[str] = "swag"
    readout: ClassVar[str] = "swag"
    keeps_best: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, good, wanted in (
            ("share", 0 < self.share < 1, "between 0 and 1"),
            ("rate", self.rate > 0, "above 0"),
            ("snapshots", self.snapshots >= 2, "at least 2"),
            ("samples", self.samples >= 2, "at least 2"),
        ):
            if not good:
                raise DataError(f"method.{name} must be {wanted}, found {getattr(self, name)}")

    def callbacks(self) -> list[Any]:
        """What holds the learning rate and takes the weights."""
        from pd4ml.methods.swag_callback import Snapshots

        return [Snapshots(self)]

    def finish(self, model: nn.Module, trainer: Trainer, data: TrainingData) -> dict[str, Tensor]:
        """Give ``model`` the mean weights; what was taken, and of each draw the statistics of batch norms."""
        import torch

        from pd4ml.methods.swag_callback import Snapshots

        taken = next(c for c in trainer.callbacks if isinstance(c, Snapshots)).taken  # type: ignore[attr-defined]
        if len(taken) < 2:
            raise DataError(
                f"swag took {len(taken)} weights, and needs 2: train for more steps, or set method.share"
            )
        seed = int(trainer.lightning_module.seed)  # type: ignore[arg-type]
        arrays = {"snapshots": torch.stack(taken), "seed": torch.tensor(seed)}
        seen, norms = list(islice(data.train_dataloader(), _NORM_BATCHES if _norms(model) else 0)), []
        with torch.random.fork_rng(devices=[]):
            for k in range(self.samples):
                torch.manual_seed(seed + k)
                _put(model, drawn_weights(arrays["snapshots"], seed + k))
                norms.append(_found_norms(model, seen))
            _put(model, arrays["snapshots"].mean(0))
            _found_norms(model, seen)
        arrays["norms"] = torch.stack(norms)
        task = data.valid_batches.task
        if task.name == "regression" and task.n_outputs == 1:
            arrays["noise"] = torch.tensor(_noise(_draws(model, arrays), data.val_dataloader()))
        return arrays


def drawn_weights(snapshots: Tensor, seed: int) -> Tensor:
    """(P,) weights from the density of ``snapshots`` (K, P)."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    mean = snapshots.mean(0)
    deviations = snapshots - mean
    own = torch.randn(len(mean), generator=generator) * (deviations.square().mean(0) / 2).sqrt()
    shared: Tensor = torch.randn(len(snapshots), generator=generator) @ deviations
    return mean + own + shared / math.sqrt(2 * (len(snapshots) - 1))


def mean_output(outputs: NDArray[np.float32], task: Task) -> NDArray[np.float32]:
    """The mean over the first axis of ``outputs``, (S, ..): of values, or as logits that of probabilities."""
    each = outputs.astype(np.float64)
    if task.name == "regression":
        return np.asarray(each.mean(axis=0), np.float32)
    if task.n_outputs == 1:
        yes, no = (np.logaddexp.reduce(-np.logaddexp(0, sign * each), axis=0) for sign in (-1, 1))
        return np.asarray(yes - no, np.float32)
    each -= np.logaddexp.reduce(each, axis=-1, keepdims=True)
    return np.asarray(np.logaddexp.reduce(each, axis=0) - np.log(len(each)), np.float32)


@register_readout("swag")
def _averaged(network: Network, apply: Apply) -> dict[str, NDArray[np.float32]]:
    arrays, n_samples = network.arrays, len(network.arrays["norms"])
    found = apply(_draws(network.model, arrays))
    outputs = np.moveaxis(found, 1, 0) if len(found) else np.zeros((n_samples, 0), np.float32)
    fields = {"output": mean_output(outputs, network.task)}
    if "noise" in arrays:
        fields["spread"] = np.sqrt(outputs.var(axis=0, ddof=1) + np.float32(arrays["noise"]))
    return fields


def _draws(model: nn.Module, arrays: Mapping[str, Tensor]) -> nn.Module:
    """A module that gives the outputs of all draws, (B, S) or (B, S, K), so that graphs are built once."""
    import torch

    class Draws(torch.nn.Module):
        needs_edges = getattr(model, "needs_edges", True)

        def __init__(self) -> None:
            super().__init__()
            self.models = torch.nn.ModuleList(copy.deepcopy(model) for _ in arrays["norms"])
            for k, (drawn, norms) in enumerate(zip(self.models, arrays["norms"], strict=True)):
                _put(drawn, drawn_weights(arrays["snapshots"], int(arrays["seed"]) + k), norms)

        def forward(self, batch: GraphBatch) -> Tensor:
            return torch.stack([drawn(batch).float() for drawn in self.models], dim=1)

    return Draws()


def _put(model: nn.Module, weights: Tensor, norms: Tensor | None = None) -> None:
    """Give ``model`` these weights, and where they are known the running statistics of its batch norms."""
    import torch

    parameter = next(model.parameters())
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(weights.to(parameter), model.parameters())
        for statistic, values in zip(
            _statistics(model), () if norms is None else _split(norms, model), strict=False
        ):
            statistic.copy_(values.view_as(statistic))


def _found_norms(model: nn.Module, batches: Iterable[TrainingBatch]) -> Tensor:
    """Find the statistics of ``model``'s batch norms, means over ``batches``, and give them as (B,)."""
    import torch

    norms = _norms(model)
    if norms:
        momenta, was_training = [norm.momentum for norm in norms], model.training
        model.train()
        with torch.no_grad():
            for k, batch in enumerate(batches):
                for norm in norms:
                    norm.momentum = 1 / (k + 1)
                model(batch.graphs)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)
    return torch.cat([torch.zeros(0), *(s.flatten() for s in _statistics(model))])


def _norms(model: nn.Module) -> list[Any]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def _statistics(model: nn.Module) -> list[Tensor]:
    return [s for norm in _norms(model) for s in (norm.running_mean, norm.running_var)]


def _split(norms: Tensor, model: nn.Module) -> tuple[Tensor, ...]:
    import torch

    return torch.split(norms, [s.numel() for s in _statistics(model)]) if len(norms) else ()


def _noise(draws: nn.Module, batches: Iterable[TrainingBatch]) -> float:
    """Mean squared residual of the mean of ``draws``, less their variance."""
    import torch

    total, counts = 0.0, 0.0
    draws.eval()
    with torch.inference_mode():
        for batch in batches:
            outputs = draws(batch.graphs)
            left = (outputs.mean(1) - batch.target).square() - outputs.var(1)
            weight = torch.ones(len(batch)) if batch.event_weight is None else batch.event_weight
            total, counts = total + float((weight * left).sum()), counts + float(weight.sum())
    return max(total / counts, 0.0)
