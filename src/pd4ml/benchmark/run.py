"""A run: train a recipe on a dataset, predict its test split, leave a record."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pd4ml.benchmark.code import code_state
from pd4ml.benchmark.record import RECORD_NAME, Record, machine, now, read_record, versions
from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, missing_extra
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import dataset_truth, event_groups
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.metrics.by_task import Measurement, metrics
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.lock import one_writer
from pd4ml.storage.manifest import Manifest
from pd4ml.training.processes import is_first_process, started_from_outside
from pd4ml.training.recipe import BOOSTING, Recipe, load_recipe

if TYPE_CHECKING:
    from torch import nn

    from pd4ml.training.boosting import BoostedTrees
    from pd4ml.training.fit import Fit

__all__ = ["dataset_facts", "evaluate", "run_name", "train"]

_PREDICTIONS = "predictions.npz"
_STATE = (RECORD_NAME, "last.ckpt", "final.ckpt")  # of a run that has begun or is over


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
    tensorboard: bool = False,
) -> Record:
    """Train, predict the test split, and write the record into a folder of its own below ``runs_dir``.

    ``n_train`` takes the first events of the train split only (validation included). A run that is finished is
    not repeated: its record is returned; one that was stopped goes on. ``force`` starts it again. ``model`` is
    trained instead of the recipe's: any module from a `GraphBatch` of B events to (B,); see docs/own_model.md.
    ``devices`` processes train together; of them only the first returns. ``tensorboard`` logs for TensorBoard too.
    Raises LockedError while another process works on the same run.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if seed < 0:
        raise DataError(f"seed must not be negative, found {seed}")
    graphs, test = (dataset.graphs(split, path, source=source, variant=variant) for split in ("train", "test"))
    if model is not None:
        recipe = _recipe_of(model, recipe)
    folder = Path(runs_dir) / run_name(graphs.events.manifest, recipe, seed, n_train)
    run = _Run(dataset, recipe, graphs, test, folder, seed, n_train, model, devices, tensorboard)
    if force and started_from_outside() and any((folder / name).exists() for name in _STATE):
        raise DataError(f"several processes cannot start {folder} again together: delete it, and leave out force")
    if not is_first_process():  # it helps the first one, which writes
        run.train()
        sys.exit(0)
    busy = f"another process is training {folder}: wait for it, or choose another --runs"
    with one_writer(folder, busy):
        if force and folder.exists():
            shutil.rmtree(folder)
        if (folder / RECORD_NAME).exists():
            print(f"already trained: {folder / RECORD_NAME} (--force trains it again)", file=sys.stderr)
            return read_record(folder)
        return run.record()


def evaluate(run_dir: str | Path, path: str | Path = "./datasets") -> dict[str, Measurement]:
    """Compute the metrics of a finished run again from its predictions and the dataset in ``path``.

    Raises DataError if predictions, events or metrics are not those of the record.
    """
    record = read_record(Path(run_dir))
    file = Path(run_dir) / record.predictions["file"]
    if not file.exists() or sha256_of(file) != record.predictions["sha256"]:
        raise DataError(f"predictions {file} are missing or not those of the record: train again with force")
    facts = record.dataset
    dataset = Dataset.datasets_register.find(facts["name"])
    truth = dataset_truth(dataset, "test", path, source=facts["source"], variant=facts["variant"])
    if truth.fingerprint != facts["fingerprint"]:
        raise DataError(
            f"{truth.name} in {path} are not the events of the record: fingerprint {truth.fingerprint[:12]}, "
            f"recorded {facts['fingerprint'][:12]}"
        )
    predictions = Predictions.read(file, truth.task)
    output = predictions.output[truth.places(predictions.event_id, len(predictions))]
    measured = metrics(truth.task, output, truth.values, group=truth.group)
    for name, recorded in record.metrics.items():
        if name not in measured or not _same(measured[name], recorded):
            raise DataError(f"{name} is {measured.get(name)}, but the record says {recorded}")
    return measured


def run_name(manifest: Manifest, recipe: Recipe, seed: int, n_train: int | None) -> str:
    """Name of a run's folder: what a reader wants to know, and a hash of all that decides the result."""
    facts = [manifest.fingerprint, recipe.to_dict(), seed, n_train]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    return f"{manifest.dataset}-{manifest.source}-{manifest.variant}-{recipe.name}-seed{seed}-{digest}"


def _recipe_of(model: nn.Module, recipe: Recipe) -> Recipe:
    """The recipe with the module's class for its model, and a hash of what it prints as, so that runs differ."""
    kind = type(model)
    digest = hashlib.sha256(repr(model).encode()).hexdigest()[:8]
    return replace(recipe, model=f"{kind.__module__}.{kind.__qualname__}", hyperparameters={"repr_sha256": digest})


@dataclass(frozen=True)
class _Run:
    """What is trained on what, and where it is kept."""

    dataset: type[Dataset]
    recipe: Recipe
    graphs: LazyGraphs
    test: LazyGraphs
    folder: Path
    seed: int
    n_train: int | None
    model: nn.Module | None
    devices: int
    tensorboard: bool

    def train(self) -> Fit | BoostedTrees:
        """Train the trees or the network that the recipe asks for."""
        task = self.dataset.card.task
        common: dict[str, Any] = {"seed": self.seed, "n_events": self.n_train}
        try:
            if self.recipe.optimiser == BOOSTING:
                from pd4ml.training.boosting import fit_trees

                features = self.dataset.summary_features
                return fit_trees(self.graphs.events, features, task, self.recipe, self.folder, **common)
            from pd4ml.training.fit import fit
        except ImportError as error:
            raise missing_extra("training", "train", error) from error
        options = {"model": self.model, "devices": self.devices, "tensorboard": self.tensorboard, **common}
        return fit(self.graphs, task, self.recipe, self.folder, **options)

    def _predict(self, fitted: Fit | BoostedTrees) -> Predictions:
        """Predictions for the test split."""
        task = self.dataset.card.task
        if self.recipe.optimiser == BOOSTING:
            output = cast("BoostedTrees", fitted).predict(self.test.events, self.recipe.batch_size)
            return Predictions(task, np.arange(len(output)), output)
        from pd4ml.evaluation.evaluate import predict

        return predict(cast("Fit", fitted).model, self.test, task)

    def record(self) -> Record:
        """Train, predict, and write the record."""
        card = self.dataset.card
        fitted = self.train()
        start = time.monotonic()
        predictions = self._predict(fitted)
        seconds = time.monotonic() - start
        predictions.write(self.folder / _PREDICTIONS)
        events = self.test.events
        record = Record(
            dataset=dataset_facts(self.graphs.events.manifest, card),
            model={"name": self.recipe.model, "parameters": fitted.n_parameters},
            recipe=self.recipe.to_dict(),
            seed=self.seed,
            events={"train": fitted.n_train, "valid": fitted.n_valid, "test": len(predictions)},
            epochs={"trained": fitted.epochs, "best": fitted.best_epoch},
            metrics=metrics(
                card.task,
                predictions.output,
                np.asarray(events.y),
                group=event_groups(card, events),
            ),
            timing=_timing(fitted, len(predictions), seconds),
            predictions={"file": _PREDICTIONS, "sha256": sha256_of(self.folder / _PREDICTIONS)},
            versions=versions(),
            machine=machine(),
            created=now(),
            code=code_state(),
        )
        record.write(self.folder / RECORD_NAME)
        return replace(record, folder=self.folder)


def dataset_facts(manifest: Manifest, card: Card) -> dict[str, Any]:
    """What a record says about the events."""
    return {
        "name": manifest.dataset,
        "card_version": manifest.card_version,
        "task": card.task,
        "unit": card.target.unit,
        "source": manifest.source,
        "variant": manifest.variant,
        "fingerprint": manifest.fingerprint,
        "provenance": dict(manifest.provenance),
    }


def _timing(fitted: Fit | BoostedTrees, n_test: int, predict_seconds: float) -> dict[str, float]:
    """Wall times; the smallest step of the clock stands for none at all."""
    train_seconds = max(fitted.seconds, 1e-3)
    predict_seconds = max(predict_seconds, 1e-3)
    return {
        "train_seconds": round(train_seconds, 3),
        "predict_seconds": round(predict_seconds, 3),
        "train_events_per_second": round(fitted.n_train * fitted.epochs / train_seconds, 1),
        "predict_events_per_second": round(n_test / predict_seconds, 1),
    }


def _same(first: Measurement, second: Measurement) -> bool:
    """Equal but for the rounding of sums in another version of NumPy."""
    values = [(first.value, second.value), (first.error or 0.0, second.error or 0.0)]
    return first.lower_limit == second.lower_limit and all(np.isclose(a, b, rtol=1e-6) for a, b in values)
