"""The Lightning module: loss, optimiser, schedule; any model that takes a `GraphBatch` will do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.training.data import TrainingBatch
from pd4ml.training.recipe import Recipe
from pd4ml.training.schedules import Schedule

__all__ = ["TrainingModule"]

# Adamax has no fused step.
_OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamax": lambda *args, fused, **options: torch.optim.Adamax(*args, **options),
    "amsgrad": partial(torch.optim.Adam, amsgrad=True),
}


class TrainingModule(LightningModule):
    """Trains ``model``: binary cross entropy on logits, or mean squared error in the target's unit.

    Every epoch has a random seed of its own, made of ``seed`` and its number, so that a training which is
    resumed at the start of an epoch goes on as the unbroken one does. ``class_weight`` is the weight of events of
    class 1. Losses are computed in float32 at any precision.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, task: Task, seed: int, class_weight: float | None = None
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.seed = model, recipe, seed
        weight = None if class_weight is None else torch.tensor(class_weight)
        self.loss: nn.Module = nn.MSELoss() if task == "regression" else nn.BCEWithLogitsLoss(pos_weight=weight)
        self.schedule: Schedule

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser; the schedule is kept here."""
        optimiser = _OPTIMISERS[self.recipe.optimiser](
            self._parameter_groups(), lr=self.recipe.learning_rate, fused=self.device.type in ("cpu", "cuda")
        )
        self.schedule = Schedule(self.recipe, optimiser, int(self.trainer.estimated_stepping_batches))
        return optimiser

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """The weights of layers, which the recipe's L2 term is for, and all other parameters.

        PyTorch's optimisers add ``weight_decay`` times the weight to its gradient: twice the factor of the square.
        """
        groups: dict[float, list[nn.Parameter]] = {}
        for parameter in self.parameters():
            groups.setdefault(2 * self.recipe.l2 * (parameter.ndim > 1), []).append(parameter)
        return [{"params": parameters, "weight_decay": decay} for decay, parameters in groups.items()]

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Seed dropout for this epoch; Lightning calls no hook at the start of an epoch that it resumes at."""
        if batch_idx == 0:
            # Processes that share batches drop different nodes.
            torch.manual_seed(self.seed + 1_000_003 * (self.current_epoch + 1) + 7919 * self.global_rank)

    def training_step(self, batch: TrainingBatch) -> Tensor:
        """Loss of one batch; a loss that is not finite ends the training."""
        loss: Tensor = self.loss(self.model(batch.graphs).float(), batch.target)
        if not torch.isfinite(loss):
            shown = ", ".join(map(str, batch.index[:8])) + (", ..." if len(batch) > 8 else "")
            raise DataError(
                f"the training loss became {loss.item()} in epoch {self.current_epoch}, batch of train events "
                f"{shown}: check these events for values that are not finite, or lower the learning rate"
            )
        self._note("train_loss", loss, batch)
        return loss * batch.weight

    def validation_step(self, batch: TrainingBatch) -> None:
        """Note the validation loss."""
        self._note("valid_loss", self.loss(self.model(batch.graphs).float(), batch.target), batch)

    def _note(self, name: str, loss: Tensor, batch: TrainingBatch) -> None:
        """Add to the mean over the events of an epoch, of all processes."""
        n_events = len(batch) if batch.weight else 0
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=n_events, sync_dist=True)

    def on_train_batch_end(self, *_: object) -> None:
        """Step the schedule."""
        self.schedule.after_step()

    def on_train_epoch_end(self) -> None:
        """Step the schedule, before callbacks write a checkpoint."""
        loss = float(self.trainer.callback_metrics["valid_loss"])
        if not torch.isfinite(torch.tensor(loss)):
            raise DataError(f"the validation loss became {loss} in epoch {self.current_epoch}")
        self.schedule.after_epoch(loss)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the schedule."""
        checkpoint["schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Nothing can be restored before the optimiser exists; see `on_train_start`."""
        self._schedule_state = cast("dict[str, Any]", checkpoint["schedule"])

    def on_train_start(self) -> None:
        """Restore the schedule of a training that is resumed."""
        if hasattr(self, "_schedule_state"):
            self.schedule.load_state_dict(self._schedule_state)
