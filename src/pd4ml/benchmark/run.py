"""A run: train a recipe on a sample, predict its test split, leave a record; and use it afterwards."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pd4ml.arguments import as_path, as_whole
from pd4ml.benchmark.outcome import VALID_PREDICTIONS, dataset_facts, is_recorded, leave_record, predictions_of
from pd4ml.benchmark.record import RECORD_NAME, Record, read_record
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, StoreError, missing_extra
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import dataset_truth, events_truth
from pd4ml.metrics.measurement import Measurement
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.lock import WAIT_SECONDS, one_writer
from pd4ml.storage.manifest import Manifest
from pd4ml.storage.memory import read_own
from pd4ml.storage.store import Events, Store
from pd4ml.training.fitted import MODEL_FILES, Fitted, Options, estimator_of, load_fitted
from pd4ml.training.processes import is_first_process, started_from_outside
from pd4ml.training.recipe import TREES, Recipe, load_recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Run", "dataset_facts", "evaluate", "load_run", "open_data", "run_name", "train", "train_sample"]

_STATE = (RECORD_NAME, "last.ckpt", *MODEL_FILES)  # of a run that has begun or is over


@dataclass(frozen=True)
class Run:
    """A finished run: its record, and the trained model, which is loaded when it is first used.

    Parameters
    ----------
    record : Record
        Read from the run's folder.
    model : torch.nn.Module, optional
        Takes the weights where the trained model was a module of the user's own.
    threads : int, optional
        Threads that predict; measured if not given.
    """

    record: Record
    model: nn.Module | None = None
    threads: int | None = None

    def __repr__(self) -> str:
        return f"<run of {self.record.summary}>"

    def _repr_html_(self) -> str:
        return self.record._repr_html_()

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        if self.record.folder is None:
            raise DataError("this record was not read from a run's folder")
        return self.record.folder

    @cached_property
    def fitted(self) -> Fitted:
        """The trained model with its features; DataError if its files are not the record's."""
        for name, wanted in self.record.artifacts.items():
            file = self.folder / name
            if name != VALID_PREDICTIONS and not is_recorded(file, wanted):
                raise DataError(f"{file} is missing or not the one of the record: train again with force")
        fitted = load_fitted(self.folder, self.model)
        fitted.threads = self.threads
        return fitted

    @property
    def view(self) -> FeatureView:
        """What the features were fitted to."""
        return self.fitted.view

    def predict(self, data: Sample | Events, split: str = "test") -> Predictions:
        """Predictions with features as in training: they are not fitted again.

        Parameters
        ----------
        data : Sample or Events
            A sample of any variant, or events at hand, of the dataset that the run was trained on.
        split : str
            Of a sample: which split.

        Returns
        -------
        Predictions
            ``event_id`` (N,) are places in the split, ``output`` (N,) or (N, K) logits or values in the target's
            unit; of a segmentation a row for each node, (M, K).

        Raises
        ------
        DataError
            For events of another dataset, and if files of the run are missing or not those of the record.
        """
        events = data.open(split) if isinstance(data, Sample) else data
        if events.manifest.dataset != self.record.dataset["name"]:
            raise DataError(
                f"{self.folder} predicts {self.record.dataset['name']}, found events of {events.manifest.dataset}"
            )
        return predictions_of(self.fitted, events)


def load_run(folder: str | Path, model: nn.Module | None = None, *, threads: int | None = None) -> Run:
    """The finished run in ``folder``, ready to predict.

    Parameters
    ----------
    folder : str or Path
        The folder that `train` left, with its ``record.json``.
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
    folder = as_path(folder, "folder")
    if folder.is_dir() and not (folder / RECORD_NAME).exists():
        raise DataError(f"{folder} is no finished run: it has no {RECORD_NAME}")
    run = Run(read_record(folder), model, None if threads is None else as_whole("threads", threads, 1))
    _ = run.fitted
    return run


def train(
    dataset: type[Dataset],
    recipe: Recipe | str,
    *,
    path: str | Path = "./datasets",
    source: str = "published",
    variant: str = "default",
    seed: int = 1,
    runs_dir: str | Path = "./runs",
    n_train: int | None = None,
    force: bool = False,
    model: nn.Module | None = None,
    devices: int = 1,
    device: str = "auto",
    tensorboard: bool = False,
    threads: int | None = None,
) -> Record:
    """Train, predict the test split, and write the record into a folder of its own below ``runs_dir``.

    A run that is finished is not repeated: its record is returned; one that was stopped goes on.

    Parameters
    ----------
    dataset : type[Dataset]
        What to train on.
    recipe : str or Recipe
        The name of a recipe, a TOML file, or a recipe made in Python.
    path : str or Path
        The folder that holds the datasets.
    source : str
        ``published``, ``generated`` or ``imported``.
    variant : str
        Of generated or imported events: which ones.
    seed : int
        Of the weights and of the order of events; not negative.
    runs_dir : str or Path
        The folder that holds the runs.
    n_train : int, optional
        Train on the first events of the train split only, validation included.
    force : bool
        Start again.
    model : torch.nn.Module, optional
        Trained in place of the recipe's: from a `GraphBatch` to the shape that the task needs; see
        docs/how_to/own_model.md.
    devices : int
        Processes that train together; of them only the first returns.
    device : str
        ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.
    tensorboard : bool
        Log for TensorBoard, too.
    threads : int, optional
        Threads of each process; measured, and chosen again as the machine gets busy or free, if not given.

    Returns
    -------
    Record
        With the run's folder; ``load_run(record.folder)`` gives the trained model.

    Raises
    ------
    DataError
        Before the first epoch, for what cannot be trained like this; later if the loss is not finite.
    LockedError
        When another process that works on the same run does not finish within a day.
    MissingExtraError
        If PyTorch and Lightning, or scikit-learn, are not installed.
    """
    return train_sample(
        dataset.at(path, source=source, variant=variant),
        recipe,
        runs_dir=runs_dir,
        force=force,
        options=Options(seed, n_train, model, devices, device, tensorboard, threads),
    ).record


def train_sample(
    sample: Sample,
    recipe: Recipe | str,
    *,
    runs_dir: str | Path = "./runs",
    force: bool = False,
    options: Options | None = None,
    wait: float = WAIT_SECONDS,
) -> Run:
    """As `train`, for any sample, with the run itself as the result; another process is waited for so long."""
    if not isinstance(sample, Sample):
        raise DataError(f"expected a sample, such as DATASET.at('datasets'), found {sample!r}"[:200])
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, sample.dataset)
    options = (Options() if options is None else options).checked()
    train_events, test = sample.open("train"), sample.open("test")
    if options.model is not None:
        recipe = _recipe_of(options.model, recipe)
    manifest = train_events.manifest
    name = run_name(manifest, recipe, options.seed, options.n_events, sample.fingerprint)
    training = _Training(sample, recipe, test, as_path(runs_dir, "runs_dir") / name, options)
    if force and started_from_outside() and any((training.folder / name).exists() for name in _STATE):
        raise DataError(f"several processes cannot start {training.folder} again together: delete it first")
    if not is_first_process():  # it helps the first one, which writes
        training.fit()
        sys.exit(0)
    with one_writer(training.folder, f"another process is training {training.folder}", wait):
        if force and training.folder.exists():
            shutil.rmtree(training.folder)
        if (training.folder / RECORD_NAME).exists():
            print(f"already trained: {training.folder / RECORD_NAME} (--force trains it again)", file=sys.stderr)
            return Run(read_record(training.folder), options.model, options.threads)
        return training.run()


def evaluate(run_dir: str | Path, path: str | Path = "./datasets") -> dict[str, Measurement]:
    """Compute the metrics of a finished run again from its predictions and the dataset.

    Parameters
    ----------
    run_dir : str or Path
        The folder of the run, with its ``record.json``.
    path : str or Path
        The folder that holds the datasets.

    Returns
    -------
    dict[str, Measurement]
        By name, with bootstrap errors; equal to those of the record.

    Raises
    ------
    DataError
        If predictions, events or metrics are not those of the record.
    """
    run_dir = as_path(run_dir, "run_dir")
    record = read_record(run_dir)
    file = run_dir / record.predictions["file"]
    if not is_recorded(file, record.predictions["sha256"]):
        raise DataError(f"predictions {file} are missing or not those of the record: train again with force")
    facts = record.dataset
    dataset = Dataset.datasets_register.find(facts["name"], as_path(path))
    truth = dataset_truth(dataset, "test", path, source=facts["source"], variant=facts["variant"])
    if truth.fingerprint != facts["fingerprint"]:
        raise DataError(
            f"{truth.name} in {path} are not the events of the record: fingerprint {truth.fingerprint[:12]}, "
            f"recorded {facts['fingerprint'][:12]}"
        )
    predictions = Predictions.read(file, truth.task)
    events = dataset.open("test", path, source=facts["source"], variant=facts["variant"])
    n_predicted = predictions.n_events
    if n_predicted != (record.events["test"] if record.part else len(events)):
        raise DataError(f"{file} has predictions for {n_predicted:,} events, not for those of the record")
    if record.part:
        events = events.choose(np.unique(predictions.event_id))
    measured = events_truth(dataset.card, events).metrics(predictions)
    for name, recorded in record.metrics.items():
        if name not in measured or not _same(measured[name], recorded):
            raise DataError(f"{name} is {measured.get(name)}, but the record says {recorded}")
    return measured


def open_data(dataset: type[Dataset], what: Path, split: str) -> Events:
    """Events of ``dataset`` in any dataset folder, or in an own .npz file with arrays named as on the card.

    Such a file may lack the target and all extras. Raises DataError or StoreError, in one line, for anything else.
    """
    what = as_path(what, "data")
    if what.suffix.lower() == ".npz":
        return read_own(dataset.card, what)
    if what.exists() and not what.is_dir():
        raise DataError(f"expected a dataset folder, or an .npz file of arrays named as on the card, found {what}")
    store = Store(what)
    found = (store.manifest.dataset, store.manifest.card_version)
    if found != (dataset.name, dataset.card.version):
        raise StoreError(
            f"{what} holds {found[0]} (card version {found[1]}), expected {dataset.name} ({dataset.card.version})"
        )
    return store.events(split)


def run_name(
    manifest: Manifest, recipe: Recipe, seed: int, n_train: int | None, fingerprint: str | None = None
) -> str:
    """Name of a run's folder: what a reader wants to know, and a hash of all that decides the result.

    ``fingerprint`` is that of the sample, if it is not all of the events of ``manifest``.
    """
    facts = [fingerprint or manifest.fingerprint, recipe.to_dict(), seed, n_train]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    return f"{manifest.dataset}-{manifest.source}-{manifest.variant}-{recipe.name}-seed{seed}-{digest}"


def _recipe_of(model: nn.Module, recipe: Recipe) -> Recipe:
    """The recipe with the module's class for its model, and a hash of all that it is, so that runs differ."""
    from pd4ml.training.identity import module_digest

    if recipe.model == TREES:
        raise DataError(f"the recipe {recipe.name} trains {TREES}: choose a network's for your own model")
    kind = type(model)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return replace(recipe, model=name, hyperparameters={"module_sha256": module_digest(model)})


@dataclass(frozen=True)
class _Training:
    """What is trained on what, and where it is kept."""

    sample: Sample
    recipe: Recipe
    test: Events
    folder: Path
    options: Options

    def fit(self) -> Fitted:
        """Train what the recipe asks for."""
        try:
            estimator = estimator_of(self.recipe)
            return estimator.fit({"train": self.sample}, self.recipe, self.folder, self.options)
        except ImportError as error:
            raise missing_extra("training", "train", error) from error

    def run(self) -> Run:
        """Train, predict, and write the record."""
        fitted = self.fit()
        facts = fitted.facts
        record = leave_record(
            fitted,
            self.test,
            self.folder,
            recipe=self.recipe.to_dict(),
            model=self.recipe.model,
            seed=self.options.seed,
            events={"train": facts.n_train, "valid": facts.n_valid},
            epochs={"trained": facts.epochs, "best": facts.best_epoch},
            train_seconds=facts.seconds,
            valid=self.sample.open(facts.valid_split).choose(facts.valid_index),
            samples=dict.fromkeys(("train", "valid", "test"), self.sample.fingerprint),
            method=self.recipe.to_dict()["method"],
            on_cpu=self.options.device == "cpu",
            threads={"threads": facts.threads, "threads_measured": facts.threads_measured},
        )
        run = Run(record, threads=self.options.threads)
        run.__dict__["fitted"] = fitted  # it need not be loaded again
        return run


def _same(first: Measurement, second: Measurement) -> bool:
    """Equal but for the rounding of sums in another version of NumPy."""
    values = [(first.value, second.value), (first.error or 0.0, second.error or 0.0)]
    return first.lower_limit == second.lower_limit and all(np.isclose(a, b, rtol=1e-6) for a, b in values)
