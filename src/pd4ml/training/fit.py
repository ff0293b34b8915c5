"""Train a model as its recipe says. This module loads torch and Lightning; import it where training starts."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from pd4ml.card import Task
from pd4ml.errors import DataError, missing_extra
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.base import Model
from pd4ml.training.data import TrainingData
from pd4ml.training.history import History, read_history
from pd4ml.training.module import TrainingModule
from pd4ml.training.processes import Processes, leave_group, processes
from pd4ml.training.recipe import Recipe

__all__ = ["Fit", "fit", "load_weights", "make_model", "model_inputs"]


@dataclass(frozen=True)
class Fit:
    """A finished training: the model with its best weights, and what it took.

    ``seconds`` are those of all epochs, also of those before a resume; ``best_epoch`` counts from 1.
    """

    model: nn.Module
    n_train: int
    n_valid: int
    epochs: int
    best_epoch: int
    seconds: float

    @property
    def n_parameters(self) -> int:
        """Number of the model's parameters."""
        return sum(p.numel() for p in self.model.parameters())


def fit(
    graphs: LazyGraphs,
    task: Task,
    recipe: Recipe,
    folder: Path,
    *,
    seed: int = 1,
    n_events: int | None = None,
    model: nn.Module | None = None,
    devices: int = 1,
    tensorboard: bool = False,
) -> Fit:
    """Train on the first ``n_events`` of ``graphs`` (all, if None), keeping state in ``folder``.

    A training that was stopped there goes on from its last whole epoch; the result is that of one that was
    never stopped. ``model`` may be any module from `GraphBatch` to (B,); by default the recipe's is built.
    ``devices`` processes share each batch, on GPUs where there are; of them, and of those that torchrun or Slurm
    started, only the first returns, the others end here. ``tensorboard`` logs for TensorBoard too.
    Raises DataError if the loss is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = TrainingData(
        graphs,
        batch_size=recipe.batch_size,
        validation_fraction=recipe.validation_fraction,
        seed=seed,
        n_events=n_events,
    )
    history = folder / "history.csv"
    best, last, final = (folder / f"{name}.ckpt" for name in ("best", "last", "final"))
    # The user's random state is left alone.
    with torch.random.fork_rng(devices=[]), _quiet_lightning():
        if model is None:
            model = make_model(recipe, model_inputs(graphs, task), seed)
        if task == "regression" and isinstance(model, Model):
            model.set_target(*data.target_statistics())
        balance = recipe.balance_classes and task == "classification"
        module = TrainingModule(model, recipe, task, seed, data.class_weight() if balance else None)
        if not final.exists():
            resumed, data.train_order.epoch = _resume(last)
            with _interruptible():
                trainer = _trainer(recipe, folder, history, processes(devices), tensorboard)
                trainer.fit(module, datamodule=data, ckpt_path=resumed, weights_only=True)
            leave_group()
            # The new name says that the training is over, not stopped.
            last.replace(final)
    load_weights(model, best)
    rows = read_history(history)
    return Fit(
        model=model,
        n_train=data.n_train,
        n_valid=data.n_valid,
        epochs=len(rows),
        best_epoch=1 + int(np.argmin([row["valid_loss"] for row in rows])),
        seconds=sum(row["seconds"] for row in rows),
    )


def model_inputs(graphs: LazyGraphs, task: Task) -> ModelInputs:
    """What a model must know, read off the first graph."""
    first = graphs[0]
    return ModelInputs(first.nodes.shape[1], first.max_nodes, task, first.n_tokens, first.grid)


def make_model(recipe: Recipe, inputs: ModelInputs, seed: int) -> Model:
    """The recipe's model with the weights that ``seed`` starts from."""
    torch.manual_seed(seed)
    return build(recipe.model, inputs, **recipe.hyperparameters)


def load_weights(model: nn.Module, checkpoint: Path) -> None:
    """Put the weights of ``checkpoint`` into ``model``; nothing but tensors and plain values is unpickled."""
    state = _read_checkpoint(checkpoint)["state_dict"]
    own = {name: value for name, value in state.items() if name.startswith("model.")}
    model.load_state_dict({name.removeprefix("model."): value for name, value in own.items()})


def _trainer(recipe: Recipe, folder: Path, history: Path, where: Processes, tensorboard: bool) -> Trainer:
    monitored: dict[str, Any] = {"monitor": "valid_loss", "mode": "min"}
    return Trainer(
        max_epochs=recipe.max_epochs,
        devices=where.per_node,
        num_nodes=where.nodes,
        strategy="ddp" if where.per_node * where.nodes > 1 else "auto",
        use_distributed_sampler=False,  # batches are shared out by `SharedOrder`
        precision=recipe.precision,  # type: ignore[arg-type]
        callbacks=[
            History(history, f"training {recipe.name}"),
            EarlyStopping(
                **monitored,
                min_delta=recipe.min_delta,
                patience=recipe.patience,
                check_on_train_epoch_end=True,
                check_finite=False,
            ),
            # After the others, whose state is in the checkpoint.
            _checkpoint(folder, "best", **monitored),
            _checkpoint(folder, "last"),
        ],
        logger=_tensorboard(folder) if tensorboard else False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _tensorboard(folder: Path) -> TensorBoardLogger:
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise missing_extra("a TensorBoard log", "tensorboard", error) from error
    return TensorBoardLogger(folder, name=None, version="tensorboard")


def _checkpoint(folder: Path, name: str, **monitored: Any) -> ModelCheckpoint:
    """Keeps one checkpoint called ``name``, written at the end of the (best) epoch."""
    return ModelCheckpoint(
        dirpath=folder, filename=name, save_on_train_epoch_end=True, enable_version_counter=False, **monitored
    )


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        # torch.load raises anything from EOFError to UnpicklingError on a damaged file.
        raise DataError(f"checkpoint {path} cannot be read ({type(error).__name__})") from error


def _resume(last: Path) -> tuple[Path | None, int]:
    """The checkpoint to go on from, if there is one that can be read, and the epoch that comes next."""
    if not last.exists():
        return None, 0
    try:
        epoch = int(_read_checkpoint(last)["epoch"]) + 1
    except DataError as error:
        print(f"{error}; starting from the first epoch", file=sys.stderr)
        return None, 0
    print(f"going on after epoch {epoch} ({last})", file=sys.stderr)
    return last, epoch


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's hints and notes off the screen; its errors are raised all the same."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            # The folder of a resumed training is not empty, which is what is wanted.
            warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt: Lightning turns it into an exit and then ignores the signal."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
