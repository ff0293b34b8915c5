"""Checkpoints: how a training is kept, read again, and known to have been over already."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from pd4ml.errors import DataError, one_line
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.disk import open_plain

__all__ = ["Patience", "WholeFiles", "kept_checkpoint", "last_epoch", "read_checkpoint"]


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


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What ``path`` holds; DataError for a damaged file. Nothing but tensors and plain values is unpickled.

    Nothing is larger than in the file: PyTorch packs nothing, and a tensor has a place for each of its numbers.
    """
    try:
        with open_plain(path) as stream:
            with zipfile.ZipFile(stream) as archive:
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise ValueError("it is packed, as PyTorch packs nothing")
                if (damaged := archive.testzip()) is not None:  # PyTorch does not look at the check sums
                    raise ValueError(f"{damaged} has another check sum")
            stream.seek(0)
            content = dict(torch.load(stream, map_location="cpu", weights_only=True))
        if any(
            t.is_sparse or t.numel() * t.element_size() > t.untyped_storage().nbytes() for t in _tensors(content)
        ):
            raise ValueError("it has tensors that are larger than what it holds of them")
    except Exception as error:
        # torch.load raises anything from EOFError to UnpicklingError on a damaged file.
        reason = f": {one_line(str(error))}" if type(error) in (ValueError, OSError) else ""
        raise DataError(f"checkpoint {path} cannot be read ({type(error).__name__}{reason})") from error
    return content


def _fits(content: Mapping[str, Any], module: LightningModule) -> bool:
    """Whether a checkpoint has all that a training goes on from, and weights of the module's shapes."""
    state = content.get("state_dict")
    if not isinstance(state, Mapping) or not set(_STATE) <= set(content) or type(content["epoch"]) is not int:
        return False
    shapes = {name: getattr(value, "shape", None) for name, value in state.items()}
    return shapes == {name: value.shape for name, value in module.state_dict().items()}


def _tensors(content: object) -> Iterator[Tensor]:
    """All tensors in what was read, in dicts and lists of any depth."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, Mapping | list | tuple):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from _tensors(part)


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
