"""Physics Data for Machine Learning: shared physics datasets, generated or published, as arrays and graphs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pd4ml.interrupts  # first: Ctrl-C while all else is imported
import pd4ml.methods  # noqa: F401  what it registers is known by name
from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.datasets import (
    EOSL,
    Airshower,
    Belle,
    CaloParticles,
    CaloTestBeam,
    JetImages,
    LArPixels,
    LArTPC,
    Spinodal,
    TopTagging,
)
from pd4ml.errors import Pd4mlError
from pd4ml.graphs import PackedGraphs
from pd4ml.own import own_data
from pd4ml.requirements import version
from pd4ml.sample import Sample

if TYPE_CHECKING:
    from torch import nn

    from pd4ml.benchmark.run import Run
    from pd4ml.training.recipe import Recipe

__all__ = [
    "EOSL",
    "Airshower",
    "Belle",
    "CaloParticles",
    "CaloTestBeam",
    "Card",
    "Dataset",
    "JetImages",
    "LArPixels",
    "LArTPC",
    "PackedGraphs",
    "Pd4mlError",
    "Sample",
    "Spinodal",
    "TopTagging",
    "__version__",
    "load_run",
    "own_data",
    "train",
]

__version__: str


def __getattr__(name: str) -> str:
    """``__version__``, read from the package's metadata when it is asked for."""
    if name == "__version__":
        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def train(
    sample: Sample,
    recipe: Recipe | str,
    *,
    seed: int = 1,
    runs_dir: str | Path = "./runs",
    n_train: int | None = None,
    model: nn.Module | None = None,
    device: str = "auto",
    devices: int = 1,
    force: bool = False,
    tensorboard: bool = False,
    threads: int | None = None,
) -> Run:
    """Train a recipe on a sample, evaluate it on the sample's test split, and leave a record.

    A run that is finished is not repeated; one that was stopped goes on.

    Parameters
    ----------
    sample : Sample
        What to train on: ``TopTagging.at(path, source="generated")``, or a part of it.
    recipe : str or Recipe
        The name of a recipe (``pd4ml recipes``), a TOML file, or a recipe made in Python.
    seed : int
        Of the weights and of the order of events.
    runs_dir : str or Path
        Below it the run gets a folder of its own.
    n_train : int, optional
        Train on the first events only, validation included.
    model : torch.nn.Module, optional
        Trained in place of the recipe's: from a `GraphBatch` of B events to (B,), or to (B, K) for K classes.
    device : str
        ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.
    devices : int
        Processes that share each batch.
    force : bool
        Start again.
    tensorboard : bool
        Log for TensorBoard, too.
    threads : int, optional
        Threads of each process; measured, and chosen again as the machine gets busy or free, if not given.

    Returns
    -------
    Run
        ``run.record`` has the numbers, ``run.predict(sample)`` applies the model, ``run.folder`` keeps it all.

    Raises
    ------
    DataError
        Before the first epoch, for what cannot be trained like this; later if the loss is not finite.
    LockedError
        When another process that works on the same run does not finish within a day.
    """
    from pd4ml.benchmark.run import train_sample
    from pd4ml.training.fitted import Options

    options = Options(seed, n_train, model, devices, device, tensorboard, threads)
    return train_sample(sample, recipe, runs_dir=runs_dir, force=force, options=options)


def load_run(folder: str | Path, model: nn.Module | None = None, *, threads: int | None = None) -> Run:
    """The finished run in ``folder``, ready to predict; see `pd4ml.benchmark.load_run`.

    Parameters
    ----------
    folder : str or Path
        The folder that a training left.
    model : torch.nn.Module, optional
        For a run of a module of one's own: such a module, which takes the trained weights.
    threads : int, optional
        Threads that predict; measured if not given.

    Returns
    -------
    Run
        The record, and the trained model with the features as they were fitted in training.

    Raises
    ------
    DataError
        If there is no finished run, if a file is not the one of the record, or if an earlier version left it.
    """
    from pd4ml.benchmark.run import load_run

    return load_run(folder, model, threads=threads)
