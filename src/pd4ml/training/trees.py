"""Gradient-boosted decision trees on summary features: the baseline that physicists compare networks with.

They follow the same recipe keys as networks: ``max_epochs`` trees, each shrunk by ``learning_rate``, stopped after
``patience`` of them without a better validation loss; ``batch_size`` events are read at a time. Of K classes there
are K trees at a time; of a vector each component has trees of its own. What is kept are the trees themselves, as
arrays, and not the object that grew them, which only unpickling could bring back.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_info, threadpool_limits

from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.machine import free_cores
from pd4ml.progress import progress
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.npz import read_npz
from pd4ml.storage.store import Events
from pd4ml.tasks import Task, task_of
from pd4ml.training.fitted import FEATURES_NAME, Facts, Fitted, Options
from pd4ml.training.material import Material, Role, prepare
from pd4ml.training.objectives import Supervised
from pd4ml.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ESTIMATOR", "BoostedTrees", "Forest", "TreesEstimator", "grown_on"]

_FILE = "trees.npz"
_VARIABLE = "OMP_NUM_THREADS"
_NODE = {
    "feature": np.int32,
    "threshold": np.float64,
    "missing_left": np.uint8,
    "left": np.int32,
    "right": np.int32,
    "value": np.float64,
    "leaf": np.uint8,
}
_FROM_SKLEARN = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "value", "is_leaf")


class Forest:
    """Trees as arrays: all nodes one tree after the other, children numbered within all nodes.

    ``root`` (T,) are the nodes where trees begin, ``output`` (T,) says which output each adds to, ``baseline``
    (K,) is where the sums start. The sums are those of scikit-learn, in the same order and precision.
    """

    def __init__(
        self,
        nodes: Mapping[str, NDArray[Any]],
        root: NDArray[np.int64],
        output: NDArray[np.int64],
        baseline: NDArray[np.float64],
    ) -> None:
        self.nodes, self.root, self.output, self.baseline = dict(nodes), root, output, baseline

    @classmethod
    def of(cls, models: Sequence[Any], n_rounds: Sequence[int]) -> Forest:
        """The first ``n_rounds`` rounds of each of scikit-learn's models; one model may have several outputs."""
        columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _NODE}
        roots, outputs, baselines, first, n_outputs = [], [], [], 0, 0
        for model, rounds in zip(models, n_rounds, strict=True):
            for trees in model._predictors[:rounds]:
                for k, tree in enumerate(trees):
                    values = {ours: tree.nodes[theirs] for ours, theirs in zip(_NODE, _FROM_SKLEARN, strict=True)}
                    for child in ("left", "right"):
                        values[child] = values[child].astype(np.int64) + first
                    for name, dtype in _NODE.items():
                        columns[name].append(values[name].astype(dtype))
                    roots.append(first)
                    outputs.append(n_outputs + k)
                    first += len(tree.nodes)
            baseline = np.ravel(model._baseline_prediction)
            baselines.append(baseline)
            n_outputs += len(baseline)
        nodes = {name: np.concatenate(parts) for name, parts in columns.items()}
        return cls(nodes, np.array(roots, np.int64), np.array(outputs, np.int64), np.concatenate(baselines))

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, K) sums of the trees' values for features (N, F)."""
        from pd4ml.training.tree_kernel import add_trees

        if (most := int(self.nodes["feature"].max(initial=0))) >= x.shape[1]:
            raise DataError(f"these trees ask for feature {most}, and events have {x.shape[1]}")
        sums = np.tile(self.baseline, (len(x), 1))
        add_trees(np.ascontiguousarray(x), *self.nodes.values(), self.root, self.output, sums)
        return sums

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, for a file."""
        return {**self.nodes, "root": self.root, "output": self.output, "baseline": self.baseline}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """From what `arrays` gave; DataError for numbers that make no trees."""
        nodes = {name: arrays[name] for name in _NODE}
        if {array.ndim for array in arrays.values()} != {1} or len({len(array) for array in nodes.values()}) > 1:
            raise DataError("its arrays make no nodes")
        n, inner = len(nodes["leaf"]), ~nodes["leaf"].astype(bool)
        rising = all((nodes[c][inner] > np.flatnonzero(inner)).all() for c in ("left", "right"))
        inside = all((nodes[c][inner] < n).all() for c in ("left", "right")) and (nodes["feature"] >= 0).all()
        root, output, baseline = arrays["root"], arrays["output"], arrays["baseline"]
        known = len(root) == len(output) and (root >= 0).all() and (root < n).all()
        if not (rising and inside and known and ((output >= 0) & (output < len(baseline))).all()):
            raise DataError("its nodes make no trees")
        return cls(nodes, root.astype(np.int64), output.astype(np.int64), baseline)


class BoostedTrees(Fitted):
    """Trained trees, of which those up to the best are used."""

    def __init__(
        self, dataset: type[Dataset], task: Task, view: FeatureView, facts: Facts | None, forest: Forest
    ) -> None:
        super().__init__(dataset, task, view, facts)
        self.forest = forest

    @property
    def n_parameters(self) -> int:
        """Thresholds of the nodes and values of the leaves."""
        return len(self.forest.nodes["leaf"])

    def predict(self, events: Events, batch_size: int = 1024) -> NDArray[np.float32]:
        """(N,) or (N, K) logits, or values in the target's unit, of all ``events``."""
        x = _features(Role(events, np.arange(len(events))), self.dataset, batch_size)
        sums = self.forest(x).astype(np.float32)
        return sums[:, 0] if self.task.n_outputs == 1 else sums

    def save(self, folder: Path) -> None:
        """Write ``features.json`` and ``trees.npz``."""
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **self.forest.arrays())
        write_bytes(folder / FEATURES_NAME, self.view.to_json().encode())
        write_bytes(folder / _FILE, stream.getvalue())


class TreesEstimator:
    """Trains boosted trees with scikit-learn."""

    def fit(self, samples: Mapping[str, Sample], recipe: Recipe, folder: Path, options: Options) -> BoostedTrees:
        """Train as ``recipe`` says; ``folder`` gets the history. A stopped training starts again."""
        if options.model is not None:
            raise DataError(
                f"the recipe {recipe.name} trains {recipe.model}: choose a network's for your own model"
            )
        if not isinstance(recipe.method, Supervised):
            raise DataError(f"{recipe.model} has no gradients for the method {recipe.method.kind}")
        material = prepare(samples, recipe, options.n_events, features=False)
        task = material.task
        if task.per_node:
            raise DataError(
                f"{recipe.model} makes one prediction an event, and this is a {task.name}: use a network"
            )
        folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        threads = _threads(options)
        with threadpool_limits(threads, user_api="openmp"):
            models = _grow(material, recipe, options.seed)
        # Before the first tree there is a score too. Scores are losses with a minus; of a regression half the MSE.
        factor = -2 if task.scaled else -1
        scores = [
            [factor * np.asarray(values)[1:] for values in (m.train_score_, m.validation_score_)] for m in models
        ]
        best = [int(np.argmin(valid)) + 1 for _, valid in scores]
        seconds = time.monotonic() - start
        losses = _mean_losses(scores)
        _write_history(folder, losses, recipe, seconds, threads)
        facts = Facts(
            n_train=len(material.train.index),
            n_valid=len(material.valid.index),
            epochs=len(losses[0]),
            best_epoch=max(best),
            seconds=seconds,
            valid_split=material.valid_split,
            valid_index=material.valid.index,
            threads=threads,
            threads_measured=options.threads is None and _VARIABLE not in os.environ,
        )
        view = FeatureView(material.card.name, material.dataset.described(), samples["train"].fingerprint)
        trees = BoostedTrees(material.dataset, task, view, facts, Forest.of(models, best))
        trees.save(folder)
        return trees

    def load(
        self, folder: Path, dataset: type[Dataset], view: FeatureView, model: nn.Module | None
    ) -> BoostedTrees:
        """The trees in ``folder``; DataError for a file that is damaged or holds none."""
        if model is not None:
            raise DataError(f"{folder} holds trees: leave out model")
        dtypes: dict[str, Any] = {**_NODE, "root": np.int64, "output": np.int64, "baseline": np.float64}
        try:
            forest = Forest.from_arrays(read_npz(folder / _FILE, *dtypes, dtypes=dtypes))
        except DataError as error:
            raise DataError(f"{folder / _FILE} cannot be used ({error}): train again") from error
        return BoostedTrees(dataset, task_of(dataset.card), view, None, forest)


ESTIMATOR = TreesEstimator()


def _threads(options: Options) -> int:
    """Threads to grow trees with: those that are set, else as many as cores are free now; trees take seconds."""
    if options.threads is not None:
        return options.threads
    if _VARIABLE in os.environ:
        return max(int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "openmp")
    return max(1, round(free_cores(0.2)))


def _grow(material: Material, recipe: Recipe, seed: int) -> list[Any]:
    """One model of scikit-learn; of a vector one for each component."""
    task, parts = material.task, (material.train, material.valid)
    x, x_valid = (_features(part, material.dataset, recipe.batch_size) for part in parts)
    y, y_valid = (part.target() for part in parts)
    weight, weight_valid = (part.weight(material.weight) for part in parts)
    if not task.scaled and len(np.unique(y)) < max(task.n_outputs, 2):
        found = ", ".join(map(str, np.unique(y)))
        raise DataError(f"trees need training events of all classes, found {found} only: train on more events")
    common = _settings(recipe, seed)
    try:
        if not task.scaled:
            balanced = {"class_weight": "balanced"} if recipe.balance_classes else {}
            model = HistGradientBoostingClassifier(**balanced, **common)
            model.fit(x, y, weight, X_val=x_valid, y_val=y_valid, sample_weight_val=weight_valid)
            return [model]
        columns = zip(y.reshape(len(y), -1).T, y_valid.reshape(len(y_valid), -1).T, strict=True)
        models = []
        for column, column_valid in columns:
            model = HistGradientBoostingRegressor(**common)
            model.fit(x, column, weight, X_val=x_valid, y_val=column_valid, sample_weight_val=weight_valid)
            models.append(model)
    except (TypeError, ValueError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"trees cannot be trained with {dict(recipe.hyperparameters)}: {reason}") from error
    return models


def _settings(recipe: Recipe, seed: int) -> dict[str, Any]:
    """What scikit-learn is told of a recipe."""
    return {
        "learning_rate": recipe.learning_rate,
        "max_iter": recipe.max_epochs,
        "early_stopping": True,
        "n_iter_no_change": recipe.patience,
        "tol": recipe.min_delta,
        "random_state": seed,
        **recipe.hyperparameters,
    }


def grown_on(
    dataset: type[Dataset], parts: Sequence[Role], values: Sequence[NDArray[Any]], recipe: Recipe, seed: int
) -> tuple[Forest, NDArray[np.float64]]:
    """Trees for another target than the dataset's, ``values`` of two ``parts``: one to train, one to validate on.

    Whether or not, if they are booleans, else a number. Gives the trees up to the best, and the loss on the second
    part after each.
    """
    kind = HistGradientBoostingClassifier if values[0].dtype == bool else HistGradientBoostingRegressor
    x, x_valid = (_features(part, dataset, recipe.batch_size) for part in parts)
    model = kind(**_settings(recipe, seed)).fit(x, values[0], X_val=x_valid, y_val=values[1])
    losses = -np.asarray(model.validation_score_, np.float64)[1:]
    return Forest.of([model], [int(np.argmin(losses)) + 1]), losses


def _features(part: Role, dataset: type[Dataset], batch_size: int) -> NDArray[np.float32]:
    """(n, K) summary features of a part's events."""
    parts = []
    with progress("summary features", len(part.index)) as bar:
        for start in range(0, len(part.index), batch_size):
            arrays = part.events.take(part.index[start : start + batch_size])
            parts.append(dataset.summary_features(arrays)[1])
            bar.advance(len(parts[-1]))
    return np.concatenate(parts)


def _mean_losses(scores: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Training and validation loss by round, mean over the components; one that has stopped keeps its last."""
    n = max(len(valid) for _, valid in scores)
    padded = [[np.pad(values, (0, n - len(values)), mode="edge") for values in pair] for pair in scores]
    return [np.mean([pair[i] for pair in padded], axis=0) for i in (0, 1)]


def _write_history(folder: Path, losses: list[NDArray[Any]], recipe: Recipe, seconds: float, threads: int) -> None:
    """One row a tree, with the columns of a network's history."""
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(("epoch", "train_loss", "valid_loss", "learning_rate", "seconds", "threads"))
        for epoch, (train, valid) in enumerate(zip(*losses, strict=True)):
            each = round(seconds / len(losses[0]), 4)
            writer.writerow((epoch, train, valid, recipe.learning_rate, each, threads))
