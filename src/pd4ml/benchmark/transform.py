"""Runs made of runs: a transform changes a trained model, and what comes out is a run with a parent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.benchmark.outcome import VALID_PREDICTIONS, leave_record
from pd4ml.benchmark.record import RECORD_NAME, Record, read_record
from pd4ml.benchmark.run import Run
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.sample import Sample
from pd4ml.storage.lock import one_writer
from pd4ml.training.fitted import Transform

__all__ = ["transform"]


def transform(run: Run, how: Transform, sample: Sample, *, runs_dir: str | Path = "./runs") -> Run:
    """Apply ``how`` to a finished run, and leave a run of its own that names the first as its parent.

    Parameters
    ----------
    run : Run
        What is changed; it stays as it is.
    how : Transform
        The change and its options, a frozen dataclass.
    sample : Sample
        The sample that the run was trained on: for what the change has to look at, and to predict again.
    runs_dir : str or Path
        Below it the new run gets a folder; one that is there already is not made again.

    Returns
    -------
    Run
        The changed model with its record.

    Raises
    ------
    DataError
        If ``sample`` is not the one of the record, or if the model cannot be changed like this.
    """
    record = run.record
    if sample.fingerprint != record.samples.get("test"):
        raise DataError(f"{sample!r} is not the sample that {run!r} was trained on")
    method = {"kind": how.kind, **asdict(how)}
    digest = hashlib.sha256(json.dumps([record.sha256, method], sort_keys=True).encode()).hexdigest()[:8]
    folder = as_path(runs_dir, "runs_dir") / f"{run.folder.name.rpartition('-')[0]}-{how.kind}-{digest}"
    with one_writer(folder, f"another process is making {folder}: wait for it, or choose another folder"):
        if (folder / RECORD_NAME).exists():
            return Run(read_record(folder), run.model, run.threads)
        folder.mkdir(parents=True, exist_ok=True)
        split = "valid" if "valid" in sample.card.splits else "train"
        ids = Predictions.read(run.folder / VALID_PREDICTIONS, record.dataset["task"]).event_id
        whole = sample.open(split)
        fitted = how.apply(run.fitted, _roles(record, sample, split, np.isin(whole.places, ids)), folder)
        fitted.threads = run.threads
        fitted.save(folder)
        left = leave_record(
            fitted,
            sample,
            folder,
            recipe={**record.recipe, "name": f"{record.recipe['name']}-{how.kind}"},
            model=record.model["name"],
            seed=record.seed,
            events={name: n for name, n in record.events.items() if name != "test"},
            epochs=record.epochs,
            train_seconds=record.timing["train_seconds"],
            valid=whole.choose(np.isin(whole.places, ids)),
            method=method,
            parents=(record.sha256,),
        )
        return Run(left, run.model, run.threads)


def _roles(record: Record, sample: Sample, split: str, valid: NDArray[np.bool_]) -> dict[str, Sample]:
    """The parts of ``sample`` that were trained on and validated on, ``valid`` (N,) of the events of ``split``."""
    trained = np.flatnonzero(~valid) if split == "train" else np.arange(len(sample.open("train")))
    return {
        "train": sample.subset(trained[: record.events["train"]]),
        "valid": sample.subset(np.flatnonzero(valid), split=split),
    }
