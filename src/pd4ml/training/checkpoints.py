"""Checkpoints: how a training is kept, read again, and known to have been over already."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from pd4ml.errors import DataError
from pd4ml.storage.atomic import write_bytes
from pd4ml.training.weights import read_checkpoint

__all__ = ["Patience", "WholeFiles", "kept_checkpoint", "last_epoch"]


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints as all other files: Lightning's own leaves one in TMPDIR when it is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` as the whole file ``path``."""
        stream = io.BytesIO()
        torch.save(checkpoint, stream)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(Path(path), stream.getvalue())


_STATE = ("epoch", "global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers")


class Patience(EarlyStopping):
    """Early stopping that knows, when a training goes on, that it was over already."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where a stop came between the last epoch and the end."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def kept_checkpoint(folder: Path, name: str, **monitored: Any) -> ModelCheckpoint:
    """Keeps one checkpoint called ``name``, written at the end of the (best) epoch."""
    return ModelCheckpoint(
        dirpath=folder, filename=name, save_on_train_epoch_end=True, enable_version_counter=False, **monitored
    )


def _fits(content: Mapping[str, Any], module: LightningModule) -> bool:
    """Whether a checkpoint has all that a training goes on from, and weights of the module's shapes."""
    state = content.get("state_dict")
    if not isinstance(state, Mapping) or not set(_STATE) <= set(content) or type(content["epoch"]) is not int:
        return False
    shapes = {name: getattr(value, "shape", None) for name, value in state.items()}
    return shapes == {name: value.shape for name, value in module.state_dict().items()}


def last_epoch(last: Path, module: LightningModule) -> tuple[Path | None, int]:
    """The checkpoint to go on from, if there is one that is of ``module``, and the epoch that comes next."""
    if not last.exists():
        return None, 0
    try:
        content = read_checkpoint(last)
        if not _fits(content, module):
            raise DataError(f"checkpoint {last} is of another training")
        epoch = int(content["epoch"]) + 1
    except DataError as error:
        print(f"{error}; starting from the first epoch", file=sys.stderr)
        return None, 0
    print(f"going on after epoch {epoch} ({last})", file=sys.stderr)
    return last, epoch
