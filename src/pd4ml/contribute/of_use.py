"""What is made of events: features, graphs, summaries, drawings, and a short training that beats chance."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark import Run
from pd4ml.benchmark.run import train_sample
from pd4ml.card import Measurement
from pd4ml.contribute.subject import Checker, Said, Subject, failed, passed, skipped, warned
from pd4ml.dataset import Dataset
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.training.fitted import Options
from pd4ml.training.recipe import TREES, Recipe, load_recipe

__all__ = ["TRAINING_CHECKS", "USE_CHECKS"]

_N_EVENTS, _MOST_TRAINED = 100, 10_000
# A training is better than chance by so many standard errors; once in a thousand times chance does as much.
_ERRORS = 3.0


class _Score(NamedTuple):
    name: str
    measured: Measurement
    chance: float


def features(subject: Subject) -> Said:
    """What features are fitted to is plain JSON, and the same each time."""
    train = subject.sample.open("train")
    fitted = subject.dataset.fit_features(train)
    if json.loads(json.dumps(fitted)) != fitted:
        return failed("fit_features must give plain JSON: numbers, texts, lists and tables of them")
    if subject.dataset.fit_features(train) != fitted:
        return failed("fit_features gave something else the second time")
    return passed(f"fitted on train: {', '.join(fitted) or 'nothing'}")


def graphs(subject: Subject) -> Said:
    """Packed graphs: finite features, edges within an event, sorted, symmetric, each once, no loops."""
    if not _builds_graphs(subject.dataset):
        return skipped("the room has no graph.py: networks cannot be trained on it")
    lazy = subject.sample.graphs("test")
    pack = lazy[: min(len(lazy), _N_EVENTS)]
    if problem := _problem(pack):
        return failed(problem)
    again = lazy[[len(pack) - 1, 0]]
    for got, place in zip(again, (len(pack) - 1, 0), strict=True):
        same = np.array_equal(got.nodes, pack[place].nodes)
        if not same or not np.array_equal(got.edge_index, pack[place].edge_index):
            return failed(f"the graph of event {place} depends on the events around it")
    nodes, edges = len(pack.nodes) / len(pack), pack.edge_index.shape[1] / len(pack)
    return passed(f"{nodes:.4g} nodes of {pack.nodes.shape[1]} features and {edges:.4g} edges an event")


def _problem(pack: PackedGraphs) -> str:
    """What is wrong with graphs, or nothing."""
    source, target = pack.edge_index
    n = len(pack.nodes)
    owner = np.repeat(np.arange(len(pack)), pack.sizes)
    keys = target * n + source
    wrong = {
        f"nodes must be float32, found {pack.nodes.dtype}": pack.nodes.dtype != np.float32,
        "features of nodes are not finite": not np.isfinite(pack.nodes).all(),
        f"offsets end at {pack.offsets[-1]}, there are {n} nodes": pack.offsets[-1] != n,
        f"an event has {pack.sizes.max()} nodes, more than max_nodes": pack.sizes.max() > pack.max_nodes,
        "edges join nodes of two events": not np.array_equal(owner[source], owner[target]),
        "there are edges from a node to itself": bool((source == target).any()),
        "edges must be sorted by target and source, each there once": not (np.diff(keys) > 0).all(),
        "edges must go both ways": not np.array_equal(np.sort(source * n + target), keys),
    }
    if pack.tokens is not None and n:
        kinds = pack.tokens.min() >= 0 and pack.tokens.max() < pack.n_tokens
        wrong[f"kinds of nodes must be 0 to {pack.n_tokens - 1}"] = not kinds
    return next((problem for problem, there in wrong.items() if there), "")


def summary(subject: Subject) -> Said:
    """A finite number of each event under each name, which varies."""
    if not _has_summary(subject.dataset):
        return skipped("the room has no summary.py: boosted trees cannot be trained on it")
    events = subject.sample.open("train")
    names, values = subject.dataset.summary_features(events.take(slice(0, _N_EVENTS)))
    if values.shape != (min(len(events), _N_EVENTS), len(names)) or not np.isfinite(values).all():
        return failed(f"expected {len(names)} finite numbers of each event, found {values.shape}, or NaN")
    if constant := [name for name, column in zip(names, values.T, strict=True) if np.ptp(column) == 0]:
        return warned(f"the same for all of {len(values)} events: {', '.join(constant)}")
    return passed(f"{len(names)}: {', '.join(names)}")


def levels(subject: Subject) -> Said:
    """Each observable before the detector is an array of one number, in its unit; after it a summary feature."""
    if not (known := subject.dataset.levels()):
        return skipped("the room has no levels.py: nothing can be unfolded but what a regression predicts")
    arrays = {spec.name: spec for spec in (*subject.card.arrays, *subject.card.extras)}
    features, _ = subject.dataset.summary_features(subject.sample.open("train").take(slice(0, 1)))
    for name, level in known.items():
        spec = arrays.get(level.particle)
        if spec is None or spec.shape != () or spec.unit != level.unit:
            return failed(f"{name}: the card has no array {level.particle} of one number an event in {level.unit}")
        if level.detector not in features:
            return failed(f"{name}: there is no summary feature {level.detector}, but {', '.join(features)}")
        if not (level.low < level.high and level.bins > 1):
            return failed(f"{name}: {level.bins} bins from {level.low:g} to {level.high:g} are none")
    return passed(f"before and after the detector: {', '.join(known)}")


def drawing(subject: Subject) -> Said:
    """An event is drawn, observables are finite."""
    events = subject.sample.open("train")
    arrays = events.take(slice(0, _N_EVENTS))
    for label, values in subject.dataset.observables(arrays).items():
        if np.ndim(values) != 1 or not np.isfinite(values).all():
            return failed(f"observable {label}: expected one axis of finite numbers, found {np.shape(values)}")
    labels = ", ".join(subject.dataset.observables(arrays))
    if find_spec("matplotlib") is None:
        return skipped(f"observables are {labels}; nothing can be drawn without matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    per_event = {spec.name: spec.per_event for spec in subject.card.arrays}
    event = {name: array[0] if per_event.get(name, True) else array for name, array in arrays.items()}
    subject.dataset.draw(event, axes)
    return passed(f"an event is drawn; observables are {labels}")


def training(subject: Subject) -> Said:
    """A short training tells more than chance on the test split."""
    if subject.card.task == "unlabelled":
        return skipped("there is no target to learn")
    recipe = _recipe(subject)
    if recipe is None:
        return skipped("there are neither summary features nor graphs to train on")
    n_train = _MOST_TRAINED if len(subject.sample.open("train")) > _MOST_TRAINED else None
    options = Options(n_events=n_train, device="cpu")
    run = train_sample(subject.sample, recipe, runs_dir=subject.scratch / "runs", options=options)
    found = _score(subject, run)
    n_test = len(subject.sample.open("test"))
    told = f"{recipe.model}, {n_test:,} test events: {found.name} {found.measured}, by chance {found.chance:g}"
    if found.measured.value - found.chance < _ERRORS * (found.measured.error or 0.0):
        return warned(f"{told}: not {_ERRORS:g} errors better; a hard problem, or a bug; --events takes more")
    return passed(told)


def _recipe(subject: Subject) -> Recipe | None:
    """Boosted trees, or else a short run of a network that every dataset can use."""
    if _has_summary(subject.dataset) and subject.card.task != "segmentation":
        return load_recipe(TREES)
    return load_recipe("filter_net_quick") if _builds_graphs(subject.dataset) else None


def _score(subject: Subject, run: Run) -> _Score:
    """What a run achieves, and what does who knows only the target's distribution in train."""
    card, metrics = subject.card, run.record.metrics
    if card.task == "classification":
        return _Score("AUC", metrics["auc" if "auc" in metrics else "auc_macro"], 0.5)
    known, truth = (np.asarray(subject.sample.open(split).y) for split in ("train", "test"))
    output = np.asarray(run.predict(subject.sample).output, np.float64)
    if card.task == "regression":
        mean, scale = known.mean(axis=0), known.std(axis=0)
        won = ((truth - mean) / scale) ** 2 - ((truth - output.reshape(truth.shape)) / scale) ** 2
        return _Score("R2", _mean(won.reshape(len(truth), -1).mean(axis=1)), 0.0)
    padding = -1 if card.target.padding is None else card.target.padding
    commonest = np.bincount(known[known != padding].astype(np.int64)).argmax()
    there = truth != padding
    right = np.zeros(truth.shape)
    right[there] = (output.argmax(axis=1) == truth[there]).astype(float) - (truth[there] == commonest)
    won = right.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return _Score("share of nodes that are right, above that of the commonest class,", _mean(won), 0.0)


def _mean(values: NDArray[Any]) -> Measurement:
    return Measurement(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _has_summary(dataset: type[Dataset]) -> bool:
    own = dataset.summary.__func__ is not Dataset.summary.__func__  # type: ignore[attr-defined]
    return own or dataset._room("summary", "summary") is not None


def _builds_graphs(dataset: type[Dataset]) -> bool:
    own = dataset.build_graphs.__func__ is not Dataset.build_graphs.__func__  # type: ignore[attr-defined]
    return own or dataset._room("graph", "graphs") is not None


USE_CHECKS: dict[str, Checker] = {
    "use: features": features,
    "use: graphs": graphs,
    "use: summary": summary,
    "use: levels": levels,
    "use: drawing": drawing,
}
TRAINING_CHECKS: dict[str, Checker] = {"use: training": training}
