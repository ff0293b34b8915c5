"""Gradient-boosted decision trees on summary features: the baseline that physicists compare networks with.

They follow the same recipe keys as networks: ``max_epochs`` trees, each shrunk by ``learning_rate``, stopped after
``patience`` of them without a better validation loss; ``batch_size`` events are read at a time. No model file is
kept: a training takes seconds to minutes and is repeated exactly from the seed.
"""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.progress import progress
from pd4ml.storage.store import Array, Events
from pd4ml.training.recipe import Recipe
from pd4ml.training.split import split_sizes

__all__ = ["BoostedTrees", "fit_trees"]

Summary = Callable[[Mapping[str, Array]], tuple[tuple[str, ...], NDArray[np.float32]]]


class BoostedTrees:
    """Trained trees, of which those up to the best are used; how well and how long they were trained."""

    def __init__(
        self, model: Any, features: Summary, best_epoch: int, seconds: float, sizes: tuple[int, int]
    ) -> None:
        self._model, self._features = model, features
        self.best_epoch, self.seconds = best_epoch, seconds
        self.n_train, self.n_valid = sizes
        self.epochs = int(model.n_iter_)

    @property
    def n_parameters(self) -> int:
        """Thresholds and values of the leaves of the trees that are used."""
        trees = itertools.islice(self._model._predictors, self.best_epoch)
        return sum(2 * tree.get_n_leaf_nodes() - 1 for (tree,) in trees)

    def predict(self, events: Events, batch_size: int) -> NDArray[np.float32]:
        """(N,) logits, or values in the target's unit, of all ``events``."""
        x = _features(events, self._features, batch_size)
        is_classifier = hasattr(self._model, "staged_decision_function")
        staged = self._model.staged_decision_function if is_classifier else self._model.staged_predict
        output = next(itertools.islice(staged(x), self.best_epoch - 1, None))
        return np.asarray(output, np.float32).reshape(len(x))


def fit_trees(
    events: Events, features: Summary, task: Task, recipe: Recipe, folder: Path, *, seed: int, n_events: int | None
) -> BoostedTrees:
    """Train on the first ``n_events`` of ``events`` as ``recipe`` says; ``folder`` gets the history."""
    n_train, n_valid = split_sizes(len(events), n_events, recipe.validation_fraction)
    start = time.monotonic()
    x = _features(events, features, recipe.batch_size, n_train + n_valid)
    y = np.asarray(events.y[: n_train + n_valid])
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    try:
        model = kind(
            learning_rate=recipe.learning_rate,
            max_iter=recipe.max_epochs,
            early_stopping=True,
            n_iter_no_change=recipe.patience,
            tol=recipe.min_delta,
            random_state=seed,
            **_class_weight(recipe, task),
            **recipe.hyperparameters,
        )
        model.fit(x[:n_train], y[:n_train], X_val=x[n_train:], y_val=y[n_train:])
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"trees cannot be trained with {dict(recipe.hyperparameters)}: {reason}") from error
    # Before the first tree there is a score too. Scores are losses with a minus; of a regression, half the MSE.
    factor = -2 if task == "regression" else -1
    losses = [factor * np.asarray(scores)[1:] for scores in (model.train_score_, model.validation_score_)]
    seconds = time.monotonic() - start
    _write_history(folder, losses, recipe, seconds)
    return BoostedTrees(model, features, int(np.argmin(losses[1])) + 1, seconds, (n_train, n_valid))


def _class_weight(recipe: Recipe, task: Task) -> dict[str, str]:
    return {"class_weight": "balanced"} if recipe.balance_classes and task == "classification" else {}


def _features(events: Events, features: Summary, batch_size: int, stop: int | None = None) -> NDArray[np.float32]:
    """(N, K) features of the events before ``stop``."""
    stop = len(events) if stop is None else stop
    parts = []
    with progress("summary features", stop) as bar:
        for start in range(0, stop, batch_size):
            parts.append(features(events.take(slice(start, min(start + batch_size, stop))))[1])
            bar.advance(len(parts[-1]))
    return np.concatenate(parts)


def _write_history(folder: Path, losses: list[NDArray[Any]], recipe: Recipe, seconds: float) -> None:
    """One row a tree, with the columns of a network's history."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(("epoch", "train_loss", "valid_loss", "learning_rate", "seconds"))
        for epoch, (train, valid) in enumerate(zip(*losses, strict=True)):
            writer.writerow((epoch, train, valid, recipe.learning_rate, round(seconds / len(losses[0]), 4)))
