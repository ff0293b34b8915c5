"""What takes the weights for SWAG while a network is trained. This module loads torch and Lightning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.nn.utils import parameters_to_vector

if TYPE_CHECKING:
    from pd4ml.methods.swag import Swag

__all__ = ["Snapshots"]


class Snapshots(Callback):
    """Holds the learning rate in the last part of a training, and takes weights there at equal distances.

    ``taken`` are vectors (P,) of the model's parameters.
    """

    def __init__(self, method: Swag) -> None:
        self.method, self.taken = method, list[Tensor]()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Hold the learning rate, which the schedule has changed."""
        self._hold(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Once more, so that the history says what it was."""
        self._hold(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Take the weights if it is time."""
        first, total = self._steps(trainer)
        if len(self.taken) < (trainer.global_step - first) * self.method.snapshots // (total - first):
            model: Any = pl_module.networks.model  # type: ignore[union-attr]
            self.taken.append(parameters_to_vector(model.parameters()).detach().cpu().clone())

    def state_dict(self) -> dict[str, Any]:
        """What was taken, for a checkpoint."""
        return {"taken": self.taken}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.taken = list(state_dict["taken"])

    def _steps(self, trainer: Trainer) -> tuple[int, int]:
        """Steps after which weights are taken, and all steps."""
        total = int(trainer.estimated_stepping_batches)
        return min(round((1 - self.method.share) * total), total - 1), total

    def _hold(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step >= self._steps(trainer)[0]:
            recipe: Any = pl_module.recipe
            for optimiser in trainer.optimizers:
                for group in optimiser.param_groups:
                    group["lr"] = self.method.rate * recipe.learning_rate
