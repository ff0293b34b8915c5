"""Scores made independent of an observed quantity, and what any score's cuts do to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.benchmark.derive import derive, events_of, test_predictions, valid_predictions
from pd4ml.benchmark.record import now
from pd4ml.benchmark.run import Run
from pd4ml.card import Measurement
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import Truth, events_truth
from pd4ml.methods.derived import Derived
from pd4ml.methods.flatten import conditional_rank
from pd4ml.metrics.decorrelation import sculpting
from pd4ml.quantity import quantity
from pd4ml.storage.atomic import write_text
from pd4ml.storage.store import Events

__all__ = ["DECORRELATION_NAME", "flatten_predictions", "flatten_run", "sculpting_of", "sculpting_of_run"]

DECORRELATION_NAME = "decorrelation.json"
_FORMAT = 1


def flatten_run(run: Run, path: str | Path = "./datasets", *, of: str, runs_dir: str | Path | None = None) -> Run:
    """Flatten a run's score in an observed quantity, by its rank among background of its validation part.

    Parameters
    ----------
    run : Run
        A finished run of two classes; it stays as it is.
    path : str or Path
        The folder that holds the datasets.
    of : str
        The quantity: an array of the events, a summary feature, or an expression over both.
    runs_dir : str or Path, optional
        Below it the new run gets a folder: by default beside the run. One that is there is not made again.

    Returns
    -------
    Run
        What gives the flattened score. It is a rank, not a probability: calibrate it where one is wanted.

    Raises
    ------
    DataError
        For another task, fewer than 500 background events among the validated, a quantity that is none.
    """
    material = events_of([run], path)
    dataset = run.fitted.dataset
    _two_classes(dataset, str(run.folder))

    def make(folder: Path) -> Derived:
        predictions, truth = valid_predictions(run), events_truth(dataset.card, material.valid)
        score = predictions.output[truth.places(predictions.event_id, len(predictions))]
        is_background = truth.values == 0
        arrays = {
            "background_score": score[is_background],
            "background_value": quantity(dataset, material.valid, of)[is_background],
        }
        conditional_rank(score[:1], arrays["background_value"][:1], *arrays.values())  # refused before it is saved
        return Derived([run.fitted], "flatten", arrays, {"quantity": of, "background": int(is_background.sum())})

    method = {"kind": "flatten", "quantity": of}
    return derive([run], method, make, material, runs_dir=runs_dir or run.folder.parent)


def flatten_predictions(
    predictions: Predictions, dataset: type[Dataset], events: Events, *, of: str, seed: int = 0
) -> Predictions:
    """Flatten any tool's predictions for ``events`` in a quantity.

    A random half of the events is ranked among the background of the other half, so that none is among its own;
    events of a group are in the same half.

    Parameters
    ----------
    predictions : Predictions
        For all ``events``, two classes.
    dataset : type[Dataset]
        What the events are of.
    events : Events
        With their truth.
    of : str
        The quantity: an array of the events, a summary feature, or an expression over both.
    seed : int
        Of the halves.

    Returns
    -------
    Predictions
        Of the same events, in the order of ``events``.

    Raises
    ------
    DataError
        For another task, and for fewer than 500 background events in a half.
    """
    _two_classes(dataset, "these predictions")
    truth = events_truth(dataset.card, events)
    score = predictions.output[truth.places(predictions.event_id, len(predictions))]
    value, output = quantity(dataset, events, of), np.empty(len(score))
    codes = np.unique(truth.event_id if truth.group is None else truth.group, return_inverse=True)[1]
    half = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes] % 2
    for side in (0, 1):
        fit = (half != side) & (truth.values == 0)
        rank = conditional_rank(score[half == side], value[half == side], score[fit], value[fit])
        output[half == side] = np.log(rank) - np.log1p(-rank)
    return Predictions(predictions.task, events.places, output.astype(np.float32))


def sculpting_of(
    predictions: Predictions, dataset: type[Dataset], events: Events, value: NDArray[np.float64]
) -> dict[str, Measurement]:
    """Rejections, 1/JSD and KS distances of predictions for ``events``, whose quantity is ``value`` (N,)."""
    _two_classes(dataset, "these predictions")
    truth: Truth = events_truth(dataset.card, events)
    score = predictions.output[truth.places(predictions.event_id, len(predictions))]
    found = sculpting(score, truth.values, value, group=truth.group, weight=truth.weight)
    auc = truth.metrics(Predictions(predictions.task, truth.event_id, score))["auc"]
    return {"auc": auc, **found}


def sculpting_of_run(run: Run, path: str | Path = "./datasets", *, of: str) -> dict[str, Measurement]:
    """What cuts on a run's score do to a quantity of its test events; kept in ``decorrelation.json`` beside it.

    Parameters
    ----------
    run : Run
        A finished run of two classes.
    path : str or Path
        The folder that holds the datasets.
    of : str
        The quantity: an array of the events, a summary feature, or an expression over both.

    Returns
    -------
    dict[str, Measurement]
        AUC, and what `pd4ml.metrics.decorrelation.sculpting` measures.

    Raises
    ------
    DataError
        For another task, other events than the record's, a quantity that is none.
    """
    events, dataset = events_of([run], path).test, run.fitted.dataset
    found = sculpting_of(test_predictions(run), dataset, events, quantity(dataset, events, of))
    body = {
        "format": _FORMAT,
        "created": now(),
        "predictions": run.record.predictions["sha256"],
        "fingerprint": events.manifest.fingerprint,
        "split": "test",
        "quantity": of,
        "metrics": _plain(found),
    }
    write_text(as_path(run.folder) / DECORRELATION_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
    return found


def _plain(measured: Mapping[str, Measurement]) -> dict[str, dict[str, Any]]:
    return {name: asdict(value) for name, value in measured.items()}


def _two_classes(dataset: type[Dataset], what: str) -> None:
    card = dataset.card
    if card.task != "classification" or len(card.classes) > 2:
        raise DataError(f"{what}: sculpting is of a score that tells signal from background; {card.name} has none")
