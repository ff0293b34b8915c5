"""Runs made of runs: whatever makes a model of finished ones leaves a run of its own that names its parents.

Folders are named after what is done to which parents, so that a run that is there is found, not made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.arguments import as_path
from pd4ml.benchmark.outcome import VALID_PREDICTIONS, leave_record
from pd4ml.benchmark.record import RECORD_NAME, Record, read_record
from pd4ml.benchmark.run import Run
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.methods.derived import Derived
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.lock import one_writer
from pd4ml.storage.store import Events
from pd4ml.training.fitted import Fitted

__all__ = ["Material", "derive", "events_of", "test_predictions", "valid_predictions"]


@dataclass(frozen=True)
class Material:
    """The events of finished runs: those all of them were tested on, and those none of them was trained on."""

    test: Events
    valid: Events


def events_of(runs: Sequence[Run], path: str | Path = "./datasets") -> Material:
    """The test and validation events of ``runs``, from the datasets in ``path``.

    Raises DataError if they are not of the same events, if these are not in ``path``, or if each validation event
    was trained on by one of them.
    """
    record = runs[0].record
    for run in runs[1:]:
        other = run.record
        if (other.dataset["fingerprint"], other.part) != (record.dataset["fingerprint"], record.part):
            raise DataError(f"{run.folder} and {runs[0].folder} were not tested on the same events")
    facts = record.dataset
    dataset = Dataset.datasets_register.find(facts["name"], as_path(path))
    sample = dataset.at(path, source=facts["source"], variant=facts["variant"])
    test = sample.open("test")
    if test.manifest.fingerprint != facts["fingerprint"]:
        raise DataError(
            f"{sample!r} has not the events of the record: fingerprint {test.manifest.fingerprint[:12]}, "
            f"recorded {facts['fingerprint'][:12]}"
        )
    if record.part:
        test = test.choose(np.unique(test_predictions(runs[0]).event_id))
    places = reduce(np.intersect1d, (valid_predictions(run).event_id for run in runs))
    if not len(places):
        raise DataError("the runs have no validation event in common: train them on equally many events")
    return Material(test, sample.open("valid" if "valid" in dataset.card.splits else "train").choose(places))


def test_predictions(run: Run) -> Predictions:
    """What a run said of the test events; DataError if the file is not the record's."""
    return _read(run, run.record.predictions["file"], run.record.predictions["sha256"])


def valid_predictions(run: Run) -> Predictions:
    """What a run said of its validation events; DataError if the file is missing or not the record's."""
    return _read(run, VALID_PREDICTIONS, run.record.artifacts.get(VALID_PREDICTIONS))


def derive(
    parents: Sequence[Run],
    method: Mapping[str, Any],
    make: Callable[[Path], Fitted],
    material: Material,
    *,
    runs_dir: str | Path = "./runs",
    recipe: Mapping[str, Any] | None = None,
) -> Run:
    """Leave what ``make`` makes in the new run's folder as a run of its own, or find it there.

    Parameters
    ----------
    parents : sequence of Run
        What it is made of; they stay as they are.
    method : mapping
        What is done, plain JSON with its ``kind``: it decides the folder's name, together with the parents. The
        record says the options of a `Derived`, too.
    make : callable
        Makes the model; its argument is the folder.
    material : Material
        The events to predict, from `events_of`.
    runs_dir : str or Path
        Below it the new run gets a folder.
    recipe : mapping, optional
        Of the new record, with ``name`` and ``model``; that of a single parent with the method's name otherwise.

    Returns
    -------
    Run
        The new model with its record.
    """
    first, records = parents[0], [run.record for run in parents]
    content = [*(record.sha256 for record in records), dict(method)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    facts, name = records[0].dataset, first.folder.name.rpartition("-")[0] + f"-{method['kind']}"
    if len(records) > 1:
        name = f"{facts['name']}-{facts['source']}-{facts['variant']}-{method['kind']}-of-{len(records)}"
    folder = as_path(runs_dir, "runs_dir") / f"{name}-{digest}"
    with one_writer(folder, f"another process is making {folder}"):
        if (folder / RECORD_NAME).exists():
            return Run(read_record(folder), first.model, first.threads)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            fitted = make(folder)
        except DataError:
            with suppress(OSError):  # nothing is left of what was refused
                folder.rmdir()
            raise
        fitted.threads = first.threads
        fitted.save(folder)
        seeds = {record.seed for record in records}
        left = leave_record(
            fitted,
            material.test,
            folder,
            recipe=dict(recipe or {**records[0].recipe, "name": f"{records[0].recipe['name']}-{method['kind']}"}),
            model=records[0].model["name"] if recipe is None else recipe["model"],
            seed=seeds.pop() if len(seeds) == 1 else None,
            events={"train": max(r.events["train"] for r in records), "valid": len(material.valid)},
            epochs=_epochs(records),
            train_seconds=sum(record.timing["train_seconds"] for record in records),
            valid=material.valid,
            samples=records[0].samples,
            method={**method, **(fitted.options if isinstance(fitted, Derived) else {})},
            parents=tuple(record.sha256 for record in records),
        )
        return Run(left, first.model, first.threads)


def _epochs(records: Sequence[Record]) -> dict[str, int]:
    return {name: sum(record.epochs[name] for record in records) for name in ("trained", "best")}


def _read(run: Run, name: str, wanted: str | None) -> Predictions:
    file = run.folder / name
    if wanted is None or not file.is_file() or sha256_of(file) != wanted:
        raise DataError(f"{file} is missing or not the one of the record: train again with force")
    return Predictions.read(file, run.record.dataset["task"])
