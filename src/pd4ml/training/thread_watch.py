"""The threads of a training, chosen step by step."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pd4ml.training.data import TrainingBatch
from pd4ml.training.threads import Threads

__all__ = ["ThreadWatch"]


class ThreadWatch(Callback):
    """Times the steps of a training; validation uses the number that is chosen."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count anew."""
        self.threads.used.clear()

    def on_train_batch_start(self, *_: Any) -> None:
        """Begin a step."""
        self.threads.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: TrainingBatch, batch_idx: int
    ) -> None:
        """End it; its size is the number of its nodes."""
        self.threads.end(len(batch.graphs.nodes))

    def on_validation_batch_end(self, *_: Any) -> None:
        """Leave cores that others have taken."""
        self.threads.look()
