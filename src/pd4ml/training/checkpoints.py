"""Checkpoints: how a training is kept, read again, and known to have been over already."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from pd4ml.errors import DataError
from pd4ml.storage.atomic import write_bytes

__all__ = ["Patience", "WholeFiles", "kept_checkpoint", "last_epoch", "read_checkpoint"]


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints as all other files: Lightning's own leaves one in TMPDIR when it is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` as the whole file ``path``."""
        stream = io.BytesIO()
        torch.save(checkpoint, stream)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(Path(path), stream.getvalue())


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


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What ``path`` holds; DataError for a damaged file. Nothing but tensors and plain values is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # PyTorch does not look at the check sums
        if damaged is None:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        # torch.load raises anything from EOFError to UnpicklingError on a damaged file.
        raise DataError(f"checkpoint {path} cannot be read ({type(error).__name__})") from error
    raise DataError(f"checkpoint {path} is damaged: {damaged} has another check sum")


def last_epoch(last: Path) -> tuple[Path | None, int]:
    """The checkpoint to go on from, if there is one that can be read, and the epoch that comes next."""
    if not last.exists():
        return None, 0
    try:
        epoch = int(read_checkpoint(last)["epoch"]) + 1
    except DataError as error:
        print(f"{error}; starting from the first epoch", file=sys.stderr)
        return None, 0
    print(f"going on after epoch {epoch} ({last})", file=sys.stderr)
    return last, epoch
