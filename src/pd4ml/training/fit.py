"""The loop that trains networks, which is Lightning's. Import it where training starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn

from pd4ml.arguments import as_name
from pd4ml.errors import DataError, missing_extra
from pd4ml.sample import Sample
from pd4ml.training.checkpoints import Patience, WholeFiles, kept_checkpoint, last_epoch
from pd4ml.training.data import TrainingData
from pd4ml.training.fitted import Facts, Options
from pd4ml.training.history import History, read_history
from pd4ml.training.manners import interruptible, quiet_lightning
from pd4ml.training.material import Material, prepare
from pd4ml.training.module import TrainingModule, task_loss
from pd4ml.training.network import WEIGHTS, Network, begun_model
from pd4ml.training.processes import Processes, leave_group, processes
from pd4ml.training.recipe import Recipe
from pd4ml.training.thread_watch import ThreadWatch
from pd4ml.training.threads import Threads, fixed_threads
from pd4ml.training.weights import load_state, read_checkpoint, read_weights

__all__ = ["fit_network"]

_DEVICES = ("auto", "cpu", "cuda")
_PREFIX = "networks.model."  # of the model's weights in a checkpoint


def fit_network(samples: Mapping[str, Sample], recipe: Recipe, folder: Path, options: Options) -> Network:
    """As `NetworkEstimator.fit` says."""
    accelerator = _accelerator(options.device)
    where = processes(options.devices)
    on_cpu = accelerator == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    fixed = fixed_threads(options.threads, on_cpu=on_cpu, processes=where.per_node)
    material = prepare(samples, recipe, options.n_events)
    history = folder / "history.csv"
    # The user's random state is left alone.
    with torch.random.fork_rng(devices=[]), quiet_lightning(), Threads(fixed) as threads:
        model = begun_model(material, recipe, options)
        folder.mkdir(parents=True, exist_ok=True)  # nothing is left of what was refused
        if not (folder / WEIGHTS).exists():
            trainer = _trainer(recipe, folder, where, options.tensorboard, accelerator, threads)
            arrays = _train(model, material, recipe, folder, options.seed, trainer)
        else:
            content = read_weights(folder / WEIGHTS)
            load_state(model, content["state"], folder / WEIGHTS)
            arrays = content.get("arrays", {})
    rows = read_history(history)
    losses = [row["valid_loss"] for row in rows]
    facts = Facts(
        n_train=len(material.train.index),
        n_valid=len(material.valid.index),
        epochs=len(rows),
        best_epoch=1 + int(np.argmin(losses)) if recipe.method.keeps_best else len(rows),
        seconds=sum(row["seconds"] for row in rows),
        valid_split=material.valid_split,
        valid_index=material.valid.index,
        threads=_most_common([int(row["threads"]) for row in rows if "threads" in row] or [threads.number]),
        threads_measured=fixed is None,
    )
    assert material.view is not None
    network = Network(material.dataset, material.task, material.view, facts, model, recipe)
    network.threads, network.arrays = options.threads, arrays
    if not (folder / WEIGHTS).exists():
        network.save(folder)
    for name in ("best", "last"):  # what was needed to go on is not needed any more
        (folder / f"{name}.ckpt").unlink(missing_ok=True)
    if accelerator != "cpu" and torch.cuda.is_available():
        model.to("cuda")  # where predictions are quick, too
    return network


def _most_common(numbers: list[int]) -> int:
    return max(set(numbers), key=numbers.count)


def _train(
    model: nn.Module, material: Material, recipe: Recipe, folder: Path, seed: int, trainer: Trainer
) -> dict[str, Tensor]:
    """Train ``model``, which has its best weights afterwards; gives the arrays that predictions need besides."""
    data = TrainingData(
        material,
        batch_size=recipe.batch_size,
        seed=seed,
        method=recipe.method,
        edges=getattr(model, "needs_edges", True),
    )
    loss = task_loss(material, recipe)
    module = TrainingModule(model, recipe, material.task, seed, loss)
    resumed, data.train_order.epoch = last_epoch(folder / "last.ckpt", module)
    with interruptible():
        trainer.fit(module, data.train_dataloader(), data.val_dataloader(), ckpt_path=resumed, weights_only=True)
    leave_group()
    kept = folder / ("best.ckpt" if recipe.method.keeps_best else "last.ckpt")
    state = read_checkpoint(kept).get("state_dict", {})
    own = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    load_state(model, own, kept)
    return recipe.method.finish(model, trainer, data)


def _accelerator(device: str) -> str:
    """Lightning's name for where it is trained."""
    as_name("device", device, _DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("no CUDA device can be used here: choose device cpu, or auto")
    return {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[device]


def _trainer(
    recipe: Recipe, folder: Path, where: Processes, tensorboard: bool, accelerator: str, threads: Threads
) -> Trainer:
    monitored: dict[str, Any] = {"monitor": "valid_loss", "mode": "min"}
    return Trainer(
        max_epochs=recipe.max_epochs,
        accelerator=accelerator,
        devices=where.per_node,
        num_nodes=where.nodes,
        strategy="ddp" if where.per_node * where.nodes > 1 else "auto",
        use_distributed_sampler=False,  # batches are shared out by `SharedOrder`
        precision=recipe.precision,  # type: ignore[arg-type]
        callbacks=[
            ThreadWatch(threads),
            History(folder / "history.csv", f"training {recipe.name}", threads),
            Patience(
                **monitored,
                min_delta=recipe.min_delta,
                patience=recipe.patience if recipe.method.keeps_best else recipe.max_epochs,
                check_on_train_epoch_end=True,
                check_finite=False,
            ),
            *recipe.method.callbacks(),
            # After the others, whose state is in the checkpoint.
            kept_checkpoint(folder, "best", **monitored),
            kept_checkpoint(folder, "last"),
        ],
        plugins=[WholeFiles()],
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
