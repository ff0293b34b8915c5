"""Intervals of values and sets of labels for a finished run, and whether they hold the truth as often as they say.

They are fitted on the validation events of the run, which it was not trained on, though its best epoch was chosen
by them, and judged on the test events, and on variants if asked for.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.benchmark.derive import Material, events_of, test_predictions, valid_predictions
from pd4ml.benchmark.outcome import VALID_PREDICTIONS
from pd4ml.benchmark.record import now
from pd4ml.benchmark.run import Run
from pd4ml.benchmark.shift import make_variants, variants_of
from pd4ml.errors import DataError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import Truth, events_truth
from pd4ml.methods.conformal import Cells, Values, class_scores, coverage_error, effective_number, pulls
from pd4ml.quantity import quantity
from pd4ml.storage.atomic import write_bytes, write_text
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.store import Events

__all__ = ["INTERVALS_NAME", "Judged", "Quantiles", "intervals", "level"]

INTERVALS_NAME, _BOUNDS = "intervals.json", "intervals.npz"
_FORMAT = 1
_BINS = 4

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """Predictions of events whose truth is known, row by row, and the bin of a quantity that each is in."""

    truth: Truth
    predictions: Predictions
    bins: Codes

    @classmethod
    def of(cls, predictions: Predictions, truth: Truth, bins: Codes | None = None) -> Judged:
        """``predictions`` in any order; ``bins`` (N,) in that of ``truth``, all one bin if not given."""
        places = truth.places(predictions.event_id, len(predictions), predictions.node)
        aligned = {
            name: array[places] for name, array in vars(predictions).items() if isinstance(array, np.ndarray)
        }
        bins = np.zeros(len(truth), np.int64) if bins is None else bins
        return cls(truth, Predictions(predictions.task, **aligned), bins)

    @property
    def group(self) -> Codes | None:
        """(N,) which rows are not independent, numbered from 0."""
        group = self.truth.group
        return None if group is None else np.unique(group, return_inverse=True)[1]

    @property
    def values(self) -> Values | None:
        """What is predicted, of a regression."""
        if self.truth.task != "regression":
            return None
        more = {name: np.asarray(array, np.float64) for name, array in self.predictions.spreads.items()}
        return Values(np.asarray(self.predictions.output, np.float64), **more)

    @property
    def likely(self) -> NDArray[np.float64]:
        """(N,) the prediction in one number: the value, the probability of class 1 of two, the largest of more."""
        if self.truth.task == "regression":
            return np.asarray(self.predictions.output, np.float64)
        score = self.predictions.score
        return score if score.ndim == 1 else score.max(axis=1)


@dataclass(frozen=True)
class Quantiles:
    """The scores that are admitted for a ``coverage``: ``quantiles`` (bins,), of classes (bins, K)."""

    coverage: float
    quantiles: NDArray[np.float64]

    @classmethod
    def fit(cls, judged: Judged, coverage: float, n_bins: int = 1) -> Quantiles:
        """From events that were not trained on: a quantile for each bin and class."""
        truth, weight = judged.truth, judged.truth.weight
        if (values := judged.values) is not None:
            cells = Cells(judged.bins, n_bins, judged.group, weight)
            return cls(coverage, cells.quantiles(values.scores(np.asarray(truth.values, np.float64)), coverage))
        labels, k = truth.values.astype(np.int64), truth.n_classes
        scores = np.take_along_axis(class_scores(judged.predictions.output), labels[:, None], axis=1)[:, 0]
        cells = Cells(judged.bins * k + labels, n_bins * k, judged.group, weight)
        return cls(coverage, cells.quantiles(scores, coverage).reshape(n_bins, k))

    def sets(self, judged: Judged) -> NDArray[np.bool_]:
        """(N, K) which labels are admitted."""
        return np.asarray(class_scores(judged.predictions.output) <= self.quantiles[judged.bins])

    def bounds(self, judged: Judged) -> dict[str, NDArray[Any]]:
        """What is said of each event: ``lower`` and ``upper`` (N,), or ``set`` (N, K)."""
        if (values := judged.values) is None:
            return {"set": self.sets(judged)}
        lower, upper = values.bounds(self.quantiles[judged.bins])
        return {"lower": lower.astype(np.float32), "upper": upper.astype(np.float32)}

    def covered(self, judged: Judged) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """(N,) whether the truth is admitted, and the width of the interval or the number of labels."""
        if (values := judged.values) is None:
            admitted = self.sets(judged)
            labels = judged.truth.values.astype(np.int64)[:, None]
            return np.take_along_axis(admitted, labels, axis=1)[:, 0], admitted.sum(axis=1).astype(np.float64)
        quantile = self.quantiles[judged.bins]
        lower, upper = values.bounds(quantile)
        return values.scores(np.asarray(judged.truth.values, np.float64)) <= quantile, upper - lower


def intervals(
    run: Run,
    path: str | Path = "./datasets",
    *,
    coverage: Sequence[float] = (0.68, 0.90),
    by: str = "",
    variants: Collection[str] | None = None,
    n_events: int | None = None,
    workers: int | Executor = 1,
) -> dict[str, Any]:
    """Conformal intervals or sets of labels; ``intervals.json`` and ``intervals.npz`` beside the run's record.

    Parameters
    ----------
    run : Run
        A finished run, from `load_run` or `pd4ml.train`; it stays as it is.
    path : str or Path
        The folder that holds the datasets.
    coverage : sequence of float
        How often the truth is to be held, above 0 and below 1.
    by : str
        An array of the card with a number for each event, or a summary feature: coverage is to hold in each of
        four bins of it, with equally many validation events.
    variants : collection of str, optional
        Judge these, too; of an empty one all that are there.
    n_events : int, optional
        Variants that are missing are generated with so many events.
    workers : int or Executor
        For the generation.

    Returns
    -------
    dict
        What the JSON file holds: for each coverage the quantiles, and the measured coverage with its error in all,
        by class, in bins of the prediction and of the truth, and on each variant.

    Raises
    ------
    DataError
        For coverages out of range, vectors, an unknown quantity, and too few validation events.
    """
    levels = sorted({float(level) for level in coverage})
    if not levels or not all(0 < level < 1 for level in levels):
        raise DataError(f"coverage must be above 0 and below 1, such as 0.68, found {list(coverage)}")
    path = as_path(path)
    material = events_of([run], path)
    dataset = run.fitted.dataset
    if dataset.card.target.shape and run.record.dataset["task"] == "regression":
        raise DataError(f"{dataset.name} asks for vectors: intervals are for one value or for classes")
    inner = _edges(quantity(dataset, material.valid, by)) if by else np.zeros(0)

    def judged(predictions: Predictions, events: Events) -> Judged:
        truth = events_truth(dataset.card, events)
        bins = _codes(inner, quantity(dataset, events, by)) if by else None
        if bins is not None and truth.node is not None:
            bins = bins[np.searchsorted(events.places, truth.event_id)]
        return Judged.of(predictions, truth, bins)

    valid = judged(valid_predictions(run), material.valid)
    test = judged(test_predictions(run), material.test)
    rules = [Quantiles.fit(valid, level, len(inner) + 1) for level in levels]
    body = _facts(run, material, valid, test, by, inner)
    body["levels"] = [level(rule, valid, test, inner if by else None) for rule in rules]
    if variants is not None or n_events is not None:
        seed = int(material.test.manifest.provenance.get("seed", 1))
        names = variants_of(dataset, variants or ())
        for name in make_variants(dataset, names, path, seed, n_events, workers):
            print(f"judging {name}", file=sys.stderr, flush=True)
            events = dataset.at(path, source="generated", variant=name).open("test")
            varied = judged(run.predict(events), events)
            for entry, rule in zip(body["levels"], rules, strict=True):
                facts = {"variant": name, "description": dataset.card.variants[name].description}
                of = {"fingerprint": events.manifest.fingerprint, **_shares(rule, valid, varied)}
                entry["variants"].append({**facts, **of})
    bounds = {f"{k}_{r.coverage:g}": array for r in rules for k, array in r.bounds(test).items()}
    return _write(run.folder, body, test, bounds)


def level(rule: Quantiles, valid: Judged, test: Judged, inner: NDArray[Any] | None = None) -> dict[str, Any]:
    """What is measured of a ``rule`` fitted on ``valid`` events: shares covered, in all and in parts.

    ``inner`` are the edges between the bins of a quantity that the rule knows.
    """
    entry: dict[str, Any] = {"coverage": rule.coverage, "quantiles": rule.quantiles.tolist()}
    entry |= {**_shares(rule, valid, test), "variants": []}
    edges = _edges(valid.likely)
    entry["by_prediction"] = _in_bins(rule, valid, test, edges, _codes(edges, test.likely))
    if test.truth.task == "regression":
        edges = _edges(valid.truth.values)
        entry["by_truth"] = _in_bins(rule, valid, test, edges, _codes(edges, test.truth.values))
    if inner is not None:
        entry["by_quantity"] = _in_bins(rule, valid, test, inner, test.bins, own=True)
    return entry


def _facts(
    run: Run, material: Material, valid: Judged, test: Judged, by: str, inner: NDArray[Any]
) -> dict[str, Any]:
    """What the file says besides the levels."""
    values, group = test.values, valid.group
    found: dict[str, Any] = {
        "format": _FORMAT,
        "created": now(),
        "task": test.truth.task,
        "unit": run.record.dataset.get("unit", "1") if values is not None else "labels",
        "scores": "classes" if values is None else values.kind,
        "predictions": run.record.predictions["sha256"],
        "calibration": {
            "predictions": run.record.artifacts[VALID_PREDICTIONS],
            "fingerprint": material.valid.manifest.fingerprint,
            "events": len(material.valid),
            "groups": len(valid.truth) if group is None else int(group.max()) + 1,
        },
        "test": {"fingerprint": material.test.manifest.fingerprint, "events": len(material.test)},
        "by": {"quantity": by, "edges": inner.tolist()} if by else None,
        "pulls": None,
    }
    if values is not None and values.spread is not None:
        residual = np.asarray(test.truth.values, np.float64) - values.output
        of = pulls(residual, values.spread, group=test.group, weight=test.truth.weight)
        found["pulls"] = {name: asdict(value) for name, value in of.items()}
    return found


def _shares(rule: Quantiles, valid: Judged, test: Judged) -> dict[str, Any]:
    """The share covered in all, and of classes in each."""
    every = np.ones(len(test.truth), bool)
    found: dict[str, Any] = {"all": _share(rule, valid, test, np.ones(len(valid.truth), bool), every)}
    if test.values is None:
        names = test.truth.classes or tuple(f"class {k}" for k in range(test.truth.n_classes))
        parts = [(name, *(of.truth.values == k for of in (valid, test))) for k, name in enumerate(names)]
        found["by_class"] = [
            {"class": name, **_share(rule, valid, test, fitted, here)}
            for name, fitted, here in parts
            if here.any()
        ]
    return found


def _in_bins(
    rule: Quantiles, valid: Judged, test: Judged, edges: NDArray[Any], codes: Codes, *, own: bool = False
) -> list[dict[str, Any]]:
    """The share covered in each bin; ``own`` says that each has its own quantile."""
    ends = [None, *edges.tolist(), None]
    found = []
    for k in range(len(edges) + 1):
        fitted = valid.bins == k if own else np.ones(len(valid.truth), bool)
        if (here := codes == k).any():
            found.append({"low": ends[k], "high": ends[k + 1], **_share(rule, valid, test, fitted, here)})
    return found


def _share(
    rule: Quantiles, valid: Judged, test: Judged, fitted: NDArray[np.bool_], here: NDArray[np.bool_]
) -> dict[str, Any]:
    """The share of the test events ``here`` that are covered, with its error, and how wide intervals are.

    ``fitted`` are the validation events whose quantile it was.
    """
    numbers = []
    for judged, chosen in ((valid, fitted), (test, here)):
        admitted, sizes = rule.covered(judged)
        covered, size = admitted[chosen], sizes[chosen]
        group = None if judged.group is None else judged.group[chosen]
        weight = None if judged.truth.weight is None else judged.truth.weight[chosen]
        numbers.append(effective_number(covered, group, weight))
    return {
        "value": float(np.average(covered, weights=weight)),
        "error": coverage_error(rule.coverage, *numbers),
        "events": int(here.sum()),
        "size": float(np.average(size, weights=weight)),
    }


def _write(folder: Path, body: dict[str, Any], test: Judged, bounds: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The bounds of each test event first, then what is known of them."""
    ids = {"event_id": test.truth.event_id}
    ids |= {} if test.truth.node is None else {"node": test.truth.node}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **ids, **bounds)
    write_bytes(folder / _BOUNDS, stream.getvalue())
    body["bounds"] = {"file": _BOUNDS, "sha256": sha256_of(folder / _BOUNDS)}
    write_text(folder / INTERVALS_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
    return body


def _edges(values: NDArray[Any]) -> NDArray[np.float64]:
    """The inner edges of bins with equally many ``values``; fewer bins where many values are equal."""
    inner = np.unique(np.quantile(np.asarray(values, np.float64), np.arange(1, _BINS) / _BINS))
    return np.asarray(inner[inner > np.min(values)])


def _codes(inner: NDArray[Any], values: NDArray[Any]) -> Codes:
    return np.searchsorted(inner, np.asarray(values, np.float64), side="right").astype(np.int64)
