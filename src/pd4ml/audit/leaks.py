"""Whether something trivial gives the target away: a number that no model should have to look at.

Each trivial feature alone is given to a small tree that is trained on half of the train split (events that belong
together in the same half) and tested on the other half and on the test split. Features of bookkeeping (the place
in the file, parities, last digits) must tell nothing. Summaries of an event (sums, counts) may carry physics: the
score of all of them together is what a model must beat to have learned more than that.

Of a vector each component is tried, of labels of nodes the share of an event's nodes in each class; the score is
that of the one that is told best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.audit.rows import chunks
from pd4ml.card import Card, Measurement
from pd4ml.metrics.measurement import Floats, bootstrap_weights
from pd4ml.metrics.roc import Ranked
from pd4ml.progress import Progress
from pd4ml.storage.store import Array, Events

__all__ = ["Leak", "leaks", "trivial_features"]

_N_RESAMPLES = 50
# How the names of features begin that must tell nothing.
_BOOKKEEPING = ("place", "parity", "last bit", "last digit")
# A score of bookkeeping that is better than none by so many errors is no accident.
_SIGMAS = 5.0
# More components than these are places in an image or time bins rather than quantities.
_MAX_COMPONENTS = 16


@dataclass(frozen=True)
class Leak:
    """What a feature tells of the target: AUC (0.5 is nothing) or, of a regression, R2 (0 is nothing).

    ``bookkeeping`` must tell nothing; ``on`` is the split where it told more; ``flagged`` says that this is more
    than is plausible: bookkeeping that tells anything, or a trivial feature that beats every published model.
    """

    feature: str
    bookkeeping: bool
    metric: str
    score: Measurement
    on: str
    flagged: bool


def leaks(
    train: Events, test: Events, card: Card, n_events: int, rng: np.random.Generator, bar: Progress
) -> list[Leak]:
    """All features from the most telling to the least; of at most ``n_events`` events of each split."""
    index = {s: np.sort(rng.choice(len(s), min(n_events, len(s)), replace=False)) for s in (train, test)}
    if card.task == "unlabelled":
        return []
    (x_train, all_train), (x_test, all_test) = (
        (trivial_features(split, card, index[split], bar), _targets(np.asarray(split.y)[index[split]], card))
        for split in (train, test)
    )
    targets = list(zip(all_train, all_test, strict=True))
    group, group_test = (_groups(split, card, index[split]) for split in (train, test))
    fit = (rng.permutation(group.max() + 1) < group.max() / 2)[group]
    best = max((s.metrics["auc"].value for s in card.literature if "auc" in s.metrics), default=1.0)
    found = []
    names = [name for name in x_train if name in x_test]  # few events may all have the same in one of the splits
    together = [name for name in names if not name.startswith(_BOOKKEEPING)]
    for name in (*names, ""):
        columns = [name] if name else together
        if not columns:
            continue
        a, b = (np.stack([x[c] for c in columns], axis=1) for x in (x_train, x_test))
        scores = []
        for y_train, y_test in targets:
            model = _model(card, small=bool(name)).fit(a[fit], y_train[fit])
            held_out = (a[~fit], y_train[~fit], group[~fit], "train")
            for x, y, g, split in (held_out, (b, y_test, group_test, "test")):
                scores.append((_score(card, model, x, y, g, rng), split))
        score, on = max(scores, key=lambda entry: entry[0].value)
        bookkeeping = name.startswith(_BOOKKEEPING)
        nothing = 0.5 if card.task == "classification" else 0.0
        telling = bookkeeping and score.value - nothing > _SIGMAS * (score.error or 0.0)
        metric = "AUC" if card.task == "classification" else "R2"
        flagged = telling or (card.task == "classification" and score.value > best)
        found.append(Leak(name or "all summaries together", bookkeeping, metric, score, on, flagged))
    return sorted(found, key=lambda leak: -leak.score.value)


def trivial_features(events: Events, card: Card, index: NDArray[np.int64], bar: Progress) -> dict[str, Floats]:
    """Trivial numbers of the events ``index``, (n,) each, by name."""
    features: dict[str, list[Array]] = {}
    names, rng = tuple(spec.name for spec in card.inputs if spec.per_event), np.random.default_rng(0)
    for arrays in chunks(events, names, index):
        for name, array in zip(names, arrays, strict=True):
            for key, values in _of_array(name, array, card.array(name).padding, rng).items():
                features.setdefault(key, []).append(values)
        bar.advance(len(arrays[0]))
    found = {key: np.concatenate(values).astype(np.float64) for key, values in features.items()}
    found["place in the file"] = index / len(events)
    found["parity of the place"] = (index % 2).astype(np.float64)
    return {key: np.nan_to_num(values) for key, values in found.items() if np.ptp(values) > 0}


def _targets(y: Array, card: Card) -> list[Array]:
    """What is to be told, (n,) each."""
    if card.task == "segmentation":
        padding = -1 if card.target.padding is None else card.target.padding
        there = np.maximum((y != padding).sum(axis=1), 1)
        y = np.stack([(y == k).sum(axis=1) / there for k in range(max(len(card.classes), 2))], axis=1)
    return [y] if y.ndim == 1 else list(y.T)


def _groups(events: Events, card: Card, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) number of the group that each event belongs to; its own if nothing is known of groups."""
    ids = dict(events.items()).get(card.group)
    return np.arange(len(index)) if ids is None else np.unique(ids[index], return_inverse=True)[1]


def _of_array(name: str, array: Array, padding: float | None, rng: np.random.Generator) -> dict[str, Array]:
    """Summaries and last digits of one array, (n, ...)."""
    n = len(array)
    flat = array.reshape(n, -1).astype(np.float64)
    if flat.shape[1] == 1:
        return {name: flat[:, 0], **_digits(name, array, flat, rng)}
    found = {
        f"non-zero numbers of {name}": np.count_nonzero(flat, axis=1),
        f"sum of {name}": flat.sum(axis=1),
        f"sum of absolute {name}": np.abs(flat).sum(axis=1),
        f"least of {name}": flat.min(axis=1),
        f"largest of {name}": flat.max(axis=1),
        f"spread of {name}": flat.std(axis=1),
    }
    if padding:
        found[f"padded numbers of {name}"] = np.count_nonzero(flat == padding, axis=1)
    if array.ndim > 2 and array.shape[-1] <= _MAX_COMPONENTS:
        sums = array.reshape(n, -1, array.shape[-1]).sum(axis=1, dtype=np.float64)
        found |= {f"sum of {name}, component {i}": sums[:, i] for i in range(array.shape[-1])}
    return {**found, **_digits(name, array, flat, rng)}


def _digits(name: str, array: Array, flat: Floats, rng: np.random.Generator) -> dict[str, Array]:
    """What the way of writing leaves: parity and last digit of whole numbers' sum, or last bits and fifth digits.

    Whole numbers among fractions, such as padding, are given random digits, or sums would tell how many there are.
    """
    whole = flat == np.round(flat)
    if whole.all():
        return {
            f"parity of the sum of {name}": flat.sum(axis=1) % 2,
            f"last digit of {name}": flat.sum(axis=1) % 10,
        }
    size = np.abs(np.where(whole, 1.0, flat))
    digit = np.floor(size * 10 ** (4 - np.floor(np.log10(size)))) % 10
    found = {f"last digit of {name}": np.where(whole, rng.integers(10, size=flat.shape), digit).sum(axis=1)}
    if array.dtype == np.float32:
        bit = array.reshape(len(flat), -1).view(np.uint32) & 1
        found[f"last bit of {name}"] = np.where(whole, rng.integers(2, size=flat.shape), bit).sum(axis=1)
    return found


def _model(card: Card, *, small: bool) -> Any:
    """A shallow tree for one feature, a few of them for many."""
    from sklearn import ensemble, tree

    kind = "Classifier" if card.task == "classification" else "Regressor"
    if small:
        return getattr(tree, f"DecisionTree{kind}")(max_depth=4, min_samples_leaf=20, random_state=0)
    boosted = getattr(ensemble, f"HistGradientBoosting{kind}")
    return boosted(max_iter=100, max_depth=4, early_stopping=False, random_state=0)


def _score(
    card: Card, model: Any, x: Floats, y: Array, group: NDArray[np.int64], rng: np.random.Generator
) -> Measurement:
    """AUC (of K classes: their average) or R2, with its error from a bootstrap of groups."""
    if card.task != "classification":
        truth, value = y.astype(np.float64), model.predict(x)

        def number(w: Floats) -> float:
            variance = w @ (truth - w @ truth / w.sum()) ** 2
            return float(1 - w @ (truth - value) ** 2 / variance) if variance > 0 else 0.0
    else:
        p = model.predict_proba(x)
        classes = range(1 if p.shape[1] == 2 else 0, p.shape[1])
        ranked = [Ranked(p[:, k], (y == k).astype(np.float64)) for k in classes]

        def number(w: Floats) -> float:
            if not all(0 < w[y == k].sum() < w.sum() for k in classes):  # of few groups all may be of one class
                return math.nan
            areas = (np.trapezoid(*r.curve(w[r.order])) for r in ranked)
            return float(np.mean(list(areas)))

    value = number(np.ones(len(y)))
    if math.isnan(value):
        return Measurement(0.5, None)
    resampled = np.array([number(w) for w in bootstrap_weights(rng, len(y), _N_RESAMPLES, group)])
    return Measurement(value, float(np.nanstd(resampled, ddof=1)))
