"""One file for each kind of task: outputs, target, loss, metrics. Importing this room does not load torch."""

from __future__ import annotations

import math

from pd4ml.card import Card
from pd4ml.errors import unknown_name
from pd4ml.tasks.base import Task
from pd4ml.tasks.binary import Binary
from pd4ml.tasks.multiclass import Multiclass
from pd4ml.tasks.regression import Regression
from pd4ml.tasks.segmentation import Segmentation
from pd4ml.tasks.unlabelled import Unlabelled

__all__ = ["Binary", "Multiclass", "Regression", "Segmentation", "Task", "Unlabelled", "task_of"]

_NAMES = ("classification", "regression", "segmentation", "unlabelled")


def task_of(card: Card | str) -> Task:
    """The task of a card; of a name alone the one with two classes, or one value."""
    shape: tuple[int, ...]
    name, n_classes, shape, padding = card if isinstance(card, str) else card.task, 2, (), None
    if isinstance(card, Card):
        n_classes, shape, padding = max(len(card.classes), 2), card.target.shape, card.target.padding
    if name == "classification":
        return Binary() if n_classes == 2 else Multiclass(n_classes)
    if name == "regression":
        return Regression(math.prod(shape))
    if name == "segmentation":
        return Segmentation(n_classes, -1 if padding is None else int(padding))
    if name == "unlabelled":
        return Unlabelled()
    raise unknown_name("task", name, _NAMES)
