"""What runs left beside their records, and the events they are about, where these can be had."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark.outcome import is_recorded
from pd4ml.benchmark.record import Record
from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.errors import Pd4mlError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import events_truth
from pd4ml.report.groups import Section
from pd4ml.storage.small import read_text
from pd4ml.storage.store import Events

__all__ = ["Outputs", "open_events", "read_history", "read_outputs"]


@dataclass(frozen=True)
class Outputs:
    """Outputs of a training and the truth of the same events, in the shapes of their task.

    output: logits (N,) of two classes, (N, K) of K; values (N,) or (N, D). Events with the same value in ``group``
    (N,) are not independent; ``weight`` (N,) is what each counts. Of labels of nodes all are of the nodes.
    """

    output: NDArray[Any]
    truth: NDArray[Any]
    group: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None

    @property
    def counts(self) -> NDArray[np.float64]:
        """What each row counts, (N,)."""
        return np.ones(len(self.truth)) if self.weight is None else np.asarray(self.weight, np.float64)


def open_events(section: Section, path: Path | None) -> tuple[type[Dataset] | None, Events | None, str]:
    """The dataset and the test events of a section; of what cannot be had None, and a sentence that says why.

    Nothing is downloaded: only a folder that is there is opened.
    """
    facts = section.dataset
    try:
        dataset = Dataset.datasets_register.find(facts["name"], path)
    except Pd4mlError:
        return (
            None,
            None,
            f"The dataset {facts['name']} is not known here: its plots that need truth are left out.",
        )
    if path is None or not dataset.folder(path, facts["source"], facts["variant"]).exists():
        return dataset, None, "The events are not at hand (--path): plots that need their truth are left out."
    try:
        events = dataset.open("test", path, source=facts["source"], variant=facts["variant"])
    except Pd4mlError as error:
        return dataset, None, f"The events cannot be read ({error}): plots that need their truth are left out."
    if events.manifest.fingerprint != facts["fingerprint"]:
        found = f"fingerprint {events.manifest.fingerprint[:12]}, recorded {facts['fingerprint'][:12]}"
        return dataset, None, f"The events at hand are others ({found}): plots that need their truth are left out."
    return dataset, events, ""


def read_outputs(record: Record, card: Card, events: Events) -> Outputs | str:
    """A training's outputs with the truth of ``events``, or a sentence that says why there are none."""
    where = record.recipe["name"] + ("" if record.seed is None else f", seed {record.seed}")
    # Never another folder's file, whatever a record says.
    file = (record.folder or Path()) / Path(record.predictions["file"]).name
    if not file.exists():
        return f"The predictions of {where} are not beside its record."
    if not is_recorded(file, record.predictions["sha256"]):
        return f"The predictions of {where} are not those of its record."
    try:
        predictions = Predictions.read(file, record.dataset["task"])
    except Pd4mlError as error:
        return f"The predictions of {where} cannot be used: {error}."
    try:
        if record.part:
            events = events.choose(np.unique(predictions.event_id))
        truth = events_truth(card, events)
        places = truth.places(predictions.event_id, len(predictions), predictions.node)
    except Pd4mlError as error:
        return f"The predictions of {where} are not those of the events: {error}."
    output = np.asarray(predictions.output, np.float64)[places]
    wanted = truth.values.shape if truth.task == "regression" else (len(truth), truth.n_classes)
    flat = truth.task == "classification" and truth.n_classes == 2
    if output.shape != (wanted[:1] if flat else wanted) or not np.isfinite(output).all():
        many = "one finite number" if len(wanted) == 1 or flat else f"{wanted[1]} finite numbers"
        return f"The predictions of {where} are not {many} for each of the {truth.rows}."
    return Outputs(output, truth.values, truth.group, truth.weight)


def read_history(record: Record) -> dict[str, NDArray[np.float64]] | None:
    """Training and validation loss by epoch, from ``history.csv``; None where it is missing or says nothing."""
    file = (record.folder or Path()) / "history.csv"
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(file))))
        columns = {name: np.array([float(row[name]) for row in rows]) for name in ("train_loss", "valid_loss")}
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None
    return columns if rows else None
