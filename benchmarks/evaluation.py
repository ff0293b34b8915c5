"""All metrics of half a million predictions with their errors: time against scikit-learn, and peak memory.

The same of as many nodes with labels, twenty in an event.

``python benchmarks/evaluation.py`` prints the rows as JSON; with an argument, what one evaluation takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pd4ml.evaluation import metrics

__all__ = ["rows"]

_N_EVENTS = 500_000
_RESAMPLES, _SKLEARN_RESAMPLES = 100, 2
_REPEATS = 3
_N_CLASSES, _NODES_OF_EVENT = 5, 20


def _toy() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, _N_EVENTS)
    return rng.normal(3.0 * truth - 1.5).astype(np.float32), truth


def _sklearn_resample(logit: Any, truth: Any, rng: np.random.Generator) -> None:
    """The same numbers of one bootstrap resample, as one writes it."""
    from sklearn import metrics as sk

    index = rng.integers(len(truth), size=len(truth))
    logit, truth = logit[index], truth[index]
    score = 1 / (1 + np.exp(-logit))
    sk.accuracy_score(truth, logit > 0)
    sk.roc_auc_score(truth, logit)
    sk.log_loss(truth, score)
    fpr, tpr, _ = sk.roc_curve(truth, logit)
    np.interp((0.3, 0.5, 0.8), tpr, fpr)


def _nodes() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, _N_CLASSES, _N_EVENTS)
    logits = rng.normal(size=(_N_EVENTS, _N_CLASSES)) + 2 * np.eye(_N_CLASSES)[truth]
    return logits.astype(np.float32), truth, np.arange(_N_EVENTS) // _NODES_OF_EVENT


def _sklearn_nodes(logits: Any, truth: Any, rng: np.random.Generator) -> None:
    """The same numbers of a resample of whole events."""
    from sklearn import metrics as sk

    n_events = len(truth) // _NODES_OF_EVENT
    events = rng.integers(n_events, size=n_events)
    index = (events[:, None] * _NODES_OF_EVENT + np.arange(_NODES_OF_EVENT)).ravel()
    chosen, truth = logits[index].argmax(axis=1), truth[index]
    sk.accuracy_score(truth, chosen)
    for score in (sk.recall_score, sk.precision_score, sk.jaccard_score):
        score(truth, chosen, average=None)


def _of_nodes() -> list[tuple[float, float]]:
    """Seconds of a resample here and with scikit-learn, in turns."""
    logits, truth, event = _nodes()
    rng = np.random.default_rng(1)
    pairs = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        metrics("segmentation", logits, truth, event=event, n_resamples=_RESAMPLES)
        ours = (time.perf_counter() - start) / _RESAMPLES
        start = time.perf_counter()
        _sklearn_nodes(logits, truth, rng)
        pairs.append((ours, time.perf_counter() - start))
    return pairs


def _one_evaluation() -> None:
    """Seconds, and megabytes beyond what was there before, of one evaluation in this process."""
    logit, truth = _toy()
    metrics("classification", logit[:1000], truth[:1000])  # imports
    before = _megabytes("VmRSS")
    start = time.perf_counter()
    metrics("classification", logit, truth, n_resamples=_RESAMPLES)
    seconds = time.perf_counter() - start
    peak = _megabytes("VmHWM")
    print(json.dumps({"seconds": seconds, "megabytes": peak - before}))


def _megabytes(what: str) -> float:
    """Memory of this process; the peak that getrusage tells is that of the process that started it, if larger."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return next(int(line[1]) * 1024 / 1e6 for line in lines if line[0] == f"{what}:")


def rows() -> list[dict[str, Any]]:
    """Time of a resample, in turns; seconds and peak memory of an evaluation in a process of its own."""
    logit, truth = _toy()
    rng = np.random.default_rng(1)
    pairs = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        metrics("classification", logit, truth, n_resamples=_RESAMPLES)
        ours = (time.perf_counter() - start) / _RESAMPLES
        start = time.perf_counter()
        for _ in range(_SKLEARN_RESAMPLES):
            _sklearn_resample(logit, truth, rng)
        pairs.append((ours, (time.perf_counter() - start) / _SKLEARN_RESAMPLES))
    command = [sys.executable, __file__, "once"]
    once = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(_REPEATS)
    ]
    seconds, megabytes = (median(run[key] for run in once) for key in ("seconds", "megabytes"))
    ours, sklearn = (median(side) for side in zip(*pairs, strict=True))
    what = f"metrics of {_N_EVENTS:,} predictions"
    of_nodes = _of_nodes()
    nodes_ours, nodes_sklearn = (median(side) for side in zip(*of_nodes, strict=True))
    columns = ("name", "ours", "other", "other_name", "unit", "ratio", "target")
    made = (
        (
            f"{what}, a bootstrap resample",
            ours,
            sklearn,
            "scikit-learn on resampled events",
            "s",
            median(b / a for a, b in pairs),
            "at least 10",
        ),
        (
            f"{what} with errors, one core",
            seconds,
            10.0,
            "the time that is wanted",
            "s",
            10 / seconds,
            "at least 1",
        ),
        (
            f"metrics of labels of {_N_EVENTS:,} nodes, a bootstrap resample of events",
            nodes_ours,
            nodes_sklearn,
            "scikit-learn on resampled nodes",
            "s",
            median(b / a for a, b in of_nodes),
            "at least 10",
        ),
        (f"{what}, peak memory", megabytes, 200.0, "that is wanted", "MB", 200 / megabytes, "at least 1"),
    )
    return [{**dict(zip(columns, row, strict=True)), "repeats": _REPEATS} for row in made]


if __name__ == "__main__":
    if sys.argv[1:] == ["once"]:
        _one_evaluation()
    else:
        print(json.dumps(rows(), indent=1))
