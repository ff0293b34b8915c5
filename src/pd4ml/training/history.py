"""What happens during a training, one row an epoch: shown on standard error and kept as ``history.csv``."""

from __future__ import annotations

import csv
import sys
import time
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pd4ml.progress import Progress, progress
from pd4ml.storage.atomic import write_text
from pd4ml.training.threads import Threads

__all__ = ["History", "read_history"]

_COLUMNS = ("epoch", "train_loss", "valid_loss", "learning_rate", "seconds", "threads")


def read_history(file: Path) -> list[dict[str, float]]:
    """Rows of ``file``: epoch, mean training loss, validation loss, learning rate of its last step, seconds.

    Then the threads of most of its steps, which runs of earlier versions did not note.
    """
    return [{name: float(value) for name, value in row.items()} for row in _written(file)]


def _written(file: Path) -> list[dict[str, str]]:
    """Rows of ``file`` as they were written."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    # A row cut off by a crash or a full disk belongs to an epoch that is trained again.
    found = [{name: row[name] for name in _COLUMNS if _number(row.get(name)) is not None} for row in rows]
    return [row for row in found if row.keys() >= set(_COLUMNS[:-1])]


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


class History(Callback):
    """Writes the history and shows the progress.

    Lightning's own CSV logger deletes the file of a training that is resumed; this one goes on.
    """

    def __init__(self, file: Path, title: str, threads: Threads) -> None:
        self.file, self.title, self.threads = file, title, threads
        self._stack = ExitStack()
        self._bar: Progress | None = None
        self._epoch_start = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop rows of epochs that are trained again, open the bar, start the first epoch's clock."""
        if not trainer.is_global_zero:
            return
        self._epoch_start = time.monotonic()
        kept = [row for row in _written(self.file) if float(row["epoch"]) < trainer.current_epoch]
        text = StringIO(newline="")
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(kept)
        write_text(self.file, text.getvalue())
        if sys.stderr.isatty():
            batches = int(trainer.num_training_batches) * ((trainer.max_epochs or 0) - trainer.current_epoch)
            self._bar = self._stack.enter_context(progress(self.title, batches, "batches"))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_start = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.advance(1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's row."""
        metrics = trainer.callback_metrics
        row = {
            "epoch": trainer.current_epoch,
            "train_loss": float(metrics["train_loss"]),
            "valid_loss": float(metrics["valid_loss"]),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(time.monotonic() - self._epoch_start, 3),
            "threads": self.threads.used.most_common(1)[0][0],
        }
        if not trainer.is_global_zero:
            return
        with self.file.open("a", newline="", encoding="utf-8") as text:
            csv.DictWriter(text, _COLUMNS).writerow(row)
        if self._bar is None:
            print(
                f"{self.title}: epoch {trainer.current_epoch + 1} of at most {trainer.max_epochs}, "
                f"train loss {row['train_loss']:.5g}, validation loss {row['valid_loss']:.5g}, "
                f"{row['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar, however the training ended."""
        self._bar = None
        self._stack.close()
