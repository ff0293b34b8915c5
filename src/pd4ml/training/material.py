"""What a training works on: samples opened and shared out, their features fitted on the training part's sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.metrics.by_task import checked_weight
from pd4ml.quantity import quantity
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.store import Events
from pd4ml.tasks import Task, task_of
from pd4ml.training.beside import graphs_of, with_quantities
from pd4ml.training.objectives import Objective, Quantities
from pd4ml.training.recipe import Recipe
from pd4ml.training.split import split_events

__all__ = ["Material", "Role", "prepare", "target_statistics"]

_CHECKED_EVENTS = 100_000  # at a time, so that long targets do not fill the memory


@dataclass(frozen=True)
class Role:
    """The events of a part, the places ``index`` of those in ``events``."""

    events: Events
    index: NDArray[np.int64]

    def target(self) -> NDArray[Any]:
        """The target of the part's events."""
        return np.asarray(self.events.y[self.index])

    def weight(self, name: str) -> NDArray[np.float64] | None:
        """(n,) weights of the part's events, or None."""
        return np.asarray(self.events[name][self.index], np.float64) if name else None


@dataclass(frozen=True)
class Material:
    """All that is trained and validated on. ``weight`` names the array of event weights, if there is one.

    ``valid_split`` is the split whose events are validated on.
    """

    card: Card
    dataset: Any
    task: Task
    train: Role
    valid: Role
    valid_split: str
    view: FeatureView | None = None
    weight: str = ""

    def graphs(self, role: Role) -> LazyGraphs:
        """The graphs of all events in which the role has places."""
        if self.view is None:
            raise DataError("features were not fitted: prepare with features=True")
        return graphs_of(self.dataset, self.view, role.events, own=True)

    def columns(self, method: Objective) -> tuple[dict[str, NDArray[np.float32]], ...]:
        """What ``method`` prepares of training and validation part, (N,) of their split, NaN elsewhere."""
        if not method.quantities():
            return {}, {}
        roles = (self.train, self.valid)
        parts = [self._quantities(role, method) for role in roles]
        found: tuple[dict[str, NDArray[np.float32]], ...] = ({}, {})
        for role, part, columns in zip(roles, parts, found, strict=True):
            for name, values in method.prepare(part, parts[0]).items():
                columns[name] = np.full(len(role.events), np.nan, np.float32)
                columns[name][role.index] = values
        return found

    def _quantities(self, role: Role, method: Objective) -> Quantities:
        events = role.events.choose(role.index)
        values = {name: quantity(self.dataset, events, name) for name in method.quantities()}
        return Quantities(values, role.target(), self.task)

    @property
    def mean_weight(self) -> float:
        """Mean weight of the training part, by which weights are divided."""
        weight = self.train.weight(self.weight)
        return 1.0 if weight is None else float(weight.mean())


def prepare(
    samples: Mapping[str, Sample], recipe: Recipe, n_events: int | None = None, *, features: bool = True
) -> Material:
    """Open the sample of the role ``train`` (and ``valid``, if it is given) and check what is to be trained on.

    Without a sample for validation a part is held back, as `split_events` says. DataError for targets that do not
    fit the task, for weights that are not positive, and for what the recipe's method cannot use; StoreError for
    files that are not those of the manifest.
    """
    sample = samples["train"]
    card, task = sample.card, task_of(sample.card)
    recipe.method.check(card, task)
    train = sample.open("train")
    valid = samples["valid"].open("train") if "valid" in samples else None
    if valid is None and "valid" in card.splits:
        valid = sample.open("valid")
    for events in (train, valid):
        if events is not None:
            events.verify()
    parts = split_events(train, card, n_events, recipe.validation_fraction, valid)
    trained = Role(train, parts.train)
    validated = Role(train if valid is None else valid, parts.valid)
    weight = card.weight
    for role in (trained, validated):
        _check(role, task, weight)
    if recipe.balance_classes:
        task.class_balance(trained.target(), trained.weight(weight))  # refuses what has no classes, or one only
    for name in recipe.method.arrays(card):
        if name not in train:
            raise DataError(f"the method {recipe.method.kind} needs the array {name}, which these events lack")
    view = sample.view() if features else None
    if view is not None and recipe.method.beside():
        view = with_quantities(view, sample.dataset, train.choose(parts.train), recipe.method.beside())
    return Material(card, sample.dataset, task, trained, validated, parts.valid_split, view, weight)


def target_statistics(material: Material) -> tuple[Any, Any]:
    """Mean and standard deviation of the target of the training part, of each component."""
    y = np.asarray(material.train.target(), np.float64)
    if material.task.n_outputs == 1:
        y = y.reshape(len(y))
        return float(y.mean()), float(y.std()) or 1.0
    spread = y.std(axis=0)
    return y.mean(axis=0).tolist(), np.where(spread > 0, spread, 1.0).tolist()


def _check(role: Role, task: Task, weight: str) -> None:
    for start in range(0, len(role.index), _CHECKED_EVENTS):
        task.check(np.asarray(role.events.y[role.index[start : start + _CHECKED_EVENTS]]))
    if weight and weight not in role.events:
        raise DataError(f"events are weighted by {weight}, which these events lack")
    values = role.weight(weight)
    if values is not None:
        checked_weight(values, len(values))
