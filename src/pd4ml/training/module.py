"""The Lightning module: losses, optimisers, schedules; any model that takes a `GraphBatch` will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from pd4ml.errors import DataError
from pd4ml.tasks import Task
from pd4ml.training.data import TrainingBatch
from pd4ml.training.material import Material, target_statistics
from pd4ml.training.objectives import Loss
from pd4ml.training.recipe import Recipe
from pd4ml.training.schedules import Schedule

__all__ = ["TaskLoss", "TrainingModule", "make_optimiser", "task_loss"]

# Adamax has no fused step.
_OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamax": lambda *args, fused, **options: torch.optim.Adamax(*args, **options),
    "amsgrad": partial(torch.optim.Adam, amsgrad=True),
}


def make_optimiser(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The recipe's optimiser; its L2 term is for the weights of layers, not for all other parameters.

    PyTorch's optimisers add ``weight_decay`` times the weight to its gradient: twice the factor of the square.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault(2 * recipe.l2 * (parameter.ndim > 1), []).append(parameter)
    devices = {parameter.device.type for chosen in groups.values() for parameter in chosen}
    return _OPTIMISERS[recipe.optimiser](
        [{"params": chosen, "weight_decay": decay} for decay, chosen in groups.items()],
        lr=recipe.learning_rate,
        fused=devices <= {"cpu", "cuda"},
    )


class TaskLoss(Loss, nn.Module):
    """A task's loss, with the factors that balance classes or scale components of a vector, if there are any."""

    balance: Tensor | None

    def __init__(self, task: Task, balance: Tensor | None = None) -> None:
        super().__init__()
        self.task = task
        self.register_buffer("balance", balance, persistent=False)

    def __call__(self, output: Tensor, batch: TrainingBatch) -> Tensor:
        """Mean loss of the batch, computed in float32 at any precision."""
        return self.task.loss(output.float(), batch.target, batch.event_weight, self.balance)


def task_loss(material: Material, recipe: Recipe) -> TaskLoss:
    """The task's loss, with what balances classes or components of the training part."""
    return TaskLoss(material.task, _balance(material, recipe))


def _balance(material: Material, recipe: Recipe) -> Tensor | None:
    """Factors of classes, if the recipe asks for them; of a vector's components, their inverse variances."""
    task = material.task
    if task.scaled:
        if task.n_outputs == 1:
            return None
        return torch.tensor(target_statistics(material)[1], dtype=torch.float32) ** -2
    if not recipe.balance_classes:
        return None
    weight = material.train.weight(material.weight)
    return torch.from_numpy(task.class_balance(material.train.target(), weight))


class TrainingModule(LightningModule):
    """Trains ``model`` for what the recipe's method says, with the task's ``loss``.

    Every epoch has a random seed of its own, made of ``seed`` and its number, so that a training which is
    resumed at the start of an epoch goes on as the unbroken one does. A method with several optimisers has all its
    losses of a batch computed first, and each optimiser steps with the gradients of its own.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, task: Task, seed: int, loss: TaskLoss) -> None:
        super().__init__()
        self.recipe, self.seed, self.loss = recipe, seed, loss
        self.networks = nn.ModuleDict({"model": model, **recipe.method.networks(model, task)})
        self.automatic_optimization = len(recipe.method.optimisers()) == 1
        self.schedules: list[Schedule] = []

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimisers; their schedules are kept here."""
        optimisers = []
        for names in self.recipe.method.optimisers().values():
            parameters = [p for name in names for p in self.networks[name].parameters()]
            optimisers.append(make_optimiser(self.recipe, parameters))
        steps, every = int(self.trainer.estimated_stepping_batches), self.recipe.method.every()
        self.schedules = [
            Schedule(self.recipe, optimiser, max(steps // every.get(name, 1), 1))
            for name, optimiser in zip(self.recipe.method.optimisers(), optimisers, strict=True)
        ]
        return optimisers

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Seed dropout for this epoch; Lightning calls no hook at the start of an epoch that it resumes at."""
        self._batch_number = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx + 1
        if batch_idx == 0:
            # Processes that share batches drop different nodes.
            torch.manual_seed(self.seed + 1_000_003 * (self.current_epoch + 1) + 7919 * self.global_rank)

    def training_step(self, batch: TrainingBatch) -> Tensor | None:
        """Loss of one batch; a loss that is not finite ends the training."""
        losses = self.recipe.method.step(self._named(), batch, self.loss)
        for loss in losses.values():
            if not torch.isfinite(loss):
                shown = ", ".join(map(str, batch.index[:8])) + (", ..." if len(batch) > 8 else "")
                raise DataError(
                    f"the training loss became {loss.item()} in epoch {self.current_epoch}, batch of train events "
                    f"{shown}: check these events for values that are not finite, or lower the learning rate"
                )
        self._note("train_loss", losses["model"], batch)
        if self.automatic_optimization:
            return losses["model"] * batch.weight
        self._step_each({name: loss * batch.weight for name, loss in losses.items() if self._is_due(name)})
        return None

    def _is_due(self, name: str) -> bool:
        """Whether an optimiser steps in this batch."""
        return self._batch_number % self.recipe.method.every().get(name, 1) == 0

    def _step_each(self, losses: dict[str, Tensor]) -> None:
        """Step the optimisers of ``losses``, each with gradients of its own, taken before any of them steps."""
        optimisers = dict(zip(self.recipe.method.optimisers(), cast("list[Any]", self.optimizers()), strict=True))
        owned = {name: self.recipe.method.optimisers()[name] for name in losses}
        gradients = {
            name: torch.autograd.grad(
                losses[name],
                [p for network in networks for p in self.networks[network].parameters()],
                retain_graph=True,
                allow_unused=True,
            )
            for name, networks in owned.items()
        }
        for name, networks in owned.items():
            parameters = (p for network in networks for p in self.networks[network].parameters())
            for parameter, gradient in zip(parameters, gradients[name], strict=True):
                parameter.grad = gradient
            optimisers[name].step()

    def validation_step(self, batch: TrainingBatch) -> None:
        """Note the validation loss."""
        self._note("valid_loss", self.recipe.method.step(self._named(), batch, self.loss)["model"], batch)

    def _named(self) -> dict[str, nn.Module]:
        return dict(self.networks.items())

    def _note(self, name: str, loss: Tensor, batch: TrainingBatch) -> None:
        """Add to the mean over the events of an epoch, of all processes."""
        n_events = len(batch) if batch.weight else 0
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=n_events, sync_dist=True)

    def on_train_batch_end(self, *_: object) -> None:
        """Step the schedules of the optimisers that have stepped."""
        for name, schedule in zip(self.recipe.method.optimisers(), self.schedules, strict=True):
            if self._is_due(name):
                schedule.after_step()

    def on_train_epoch_end(self) -> None:
        """Step the schedules, before callbacks write a checkpoint."""
        loss = float(self.trainer.callback_metrics["valid_loss"])
        if not torch.isfinite(torch.tensor(loss)):
            raise DataError(f"the validation loss became {loss} in epoch {self.current_epoch}")
        for schedule in self.schedules:
            schedule.after_epoch(loss)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the schedules."""
        checkpoint["schedules"] = [schedule.state_dict() for schedule in self.schedules]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Nothing can be restored before the optimiser exists; see `on_train_start`."""
        self._schedule_states = cast("list[dict[str, Any]]", checkpoint["schedules"])

    def on_train_start(self) -> None:
        """Restore the schedules of a training that is resumed."""
        if hasattr(self, "_schedule_states"):
            for schedule, state in zip(self.schedules, self._schedule_states, strict=True):
                schedule.load_state_dict(state)
