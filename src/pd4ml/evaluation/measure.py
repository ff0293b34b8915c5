"""Metrics of a model's output for the events of a store, with the groups and weights that these events have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card, Measurement
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import event_groups
from pd4ml.storage.store import Events
from pd4ml.tasks import Segmentation, task_of

__all__ = ["Compared", "compared", "measure"]


class Compared:
    """What metrics are computed from: rows of output and truth, their group and weight; nodes or events."""

    def __init__(self, card: Card, events: Events, output: NDArray[Any]) -> None:
        self.task, self.output = task_of(card), output
        self.truth = np.asarray(events.y)
        self.group = event_groups(card, events)
        weight = getattr(card, "weight", "")
        self.weight = np.asarray(events[weight], np.float64) if weight and weight in events else None
        if isinstance(self.task, Segmentation):
            places = self.task.places(self.truth)
            event = np.repeat(np.arange(len(events)), places.sum(axis=1))
            self.truth = self.truth.reshape(places.shape)[places]
            self.group = event if self.group is None else self.group[event]
            self.weight = None if self.weight is None else self.weight[event]
        if len(self.truth) != len(output):
            raise DataError(f"{len(output):,} predictions for {len(self.truth):,} {events!r}")

    def metrics(self) -> dict[str, Measurement]:
        """The task's metrics with bootstrap errors."""
        return self.task.metrics(self.output, self.truth, group=self.group, weight=self.weight)


def compared(card: Card, events: Events, predictions: Predictions) -> Compared:
    """Predictions in the order of their events, as this package writes them, beside the truth of these events.

    ``event_id`` are places in the split; events without predictions are left out.
    """
    ids = predictions.event_id
    if len(ids) and (np.any(np.diff(ids) < 0) or ids[0] < 0 or ids[-1] >= len(events)):
        raise DataError(f"predictions must be in the order of the events, places of {events!r}")
    return Compared(card, events.choose(np.unique(ids)), predictions.output)


def measure(card: Card, events: Events, predictions: Predictions) -> dict[str, Measurement]:
    """The task's metrics of ``predictions`` for their ``events``."""
    return compared(card, events, predictions).metrics()
