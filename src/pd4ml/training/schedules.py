"""Learning-rate schedules, stepped by the training module itself.

Lightning steps a plateau schedule after it has written the checkpoint of that epoch and not at all when it
resumes; stepped here, a resumed training goes on as the unbroken one does.
"""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR, ReduceLROnPlateau

from pd4ml.training.recipe import OneCycle, Plateau, Recipe, Steps

__all__ = ["Schedule"]


class Schedule:
    """The schedule of ``recipe`` for ``optimizer``; ``total_steps`` is the number of steps of all epochs."""

    def __init__(self, recipe: Recipe, optimizer: Optimizer, total_steps: int) -> None:
        self.by_step: OneCycleLR | None = None
        self.by_epoch: MultiStepLR | None = None
        self.by_loss: ReduceLROnPlateau | None = None
        schedule = recipe.schedule
        if isinstance(schedule, OneCycle):
            # Momentum stays as it is: the recipe speaks of the learning rate only.
            self.by_step = OneCycleLR(
                optimizer,
                recipe.learning_rate,
                # One more than is taken, because the first is the start.
                total_steps=total_steps + 1,
                pct_start=schedule.warmup,
                cycle_momentum=False,
            )
        elif isinstance(schedule, Steps):
            self.by_epoch = MultiStepLR(optimizer, schedule.epochs, gamma=schedule.factor)
        elif isinstance(schedule, Plateau):
            self.by_loss = ReduceLROnPlateau(
                optimizer,
                factor=schedule.factor,
                patience=schedule.patience,
                threshold=recipe.min_delta,
                threshold_mode="abs",
                min_lr=schedule.floor,
            )

    def after_step(self) -> None:
        """Call after each optimiser step."""
        if self.by_step:
            self.by_step.step()

    def after_epoch(self, validation_loss: float) -> None:
        """Call after each epoch."""
        if self.by_epoch:
            self.by_epoch.step()
        if self.by_loss:
            self.by_loss.step(validation_loss)

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint; none for a constant learning rate."""
        return dict(self._active.state_dict()) if self._active else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""
        if self._active:
            self._active.load_state_dict(state)

    @property
    def _active(self) -> OneCycleLR | MultiStepLR | ReduceLROnPlateau | None:
        return self.by_step or self.by_epoch or self.by_loss
