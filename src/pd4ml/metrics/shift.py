"""What a shift of the events does to a model: metrics at thresholds fixed on nominal events, and differences.

A cut is chosen once, on nominal events; what matters of other events is how many then pass. Where nominal and
varied events are the same events simulated twice, most of their fluctuations are the same, too: both sides of a
difference use the same resample weights (a paired bootstrap; B. Efron, R. J. Tibshirani, An Introduction to the
Bootstrap (1993), ch. 8), which leaves the error of the difference. Of independent events they use independent
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.metrics.classification import SIGNAL_EFFICIENCIES, one_against_rest
from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights, spread
from pd4ml.metrics.roc import Ranked
from pd4ml.metrics.segmentation import Confusion, segmentation_names, segmentation_numbers

__all__ = ["Predicted", "Shift", "paired_difference", "signal_thresholds"]

# The numbers of events with given weights, by name; None where they say nothing, as of a single class.
Numbers = Callable[[Floats], "dict[str, float] | None"]


@dataclass(frozen=True)
class Predicted:
    """Outputs of a model and the truth of the same events, in the shapes of the task.

    Parameters
    ----------
    output : NDArray
        Logits, (N,) for two classes and (N, K) for K; values in the target's unit, (N,) or (N, D); of a
        segmentation logits (M, K) of the M nodes of all events.
    truth : NDArray
        Labels (N,), or values in the shape of ``output``; labels (M,) of nodes.
    group : NDArray, optional
        (N,), which events belong together. Of a segmentation (M,), and needed: the event of each node, or what its
        event belongs to.
    weight : NDArray, optional
        (N,) or (M,), positive: what each row counts; 1 by default.
    """

    output: NDArray[Any]
    truth: NDArray[Any]
    group: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None

    @property
    def counts(self) -> Floats:
        """What each row counts, (N,)."""
        return np.ones(len(self.truth)) if self.weight is None else np.asarray(self.weight, np.float64)


@dataclass(frozen=True)
class Shift:
    """Metrics of nominal and of varied events, and varied minus nominal, each with its error.

    Parameters
    ----------
    thresholds : dict[str, float]
        Logits of the working points by nominal signal efficiency, ``0.3``, ``0.5``, ``0.8``; of two classes only.
    nominal, variant, difference : dict[str, Measurement]
        By the names that `paired_difference` lists, in the target's unit (``mse`` in its square).
    """

    thresholds: dict[str, float]
    nominal: dict[str, Measurement]
    variant: dict[str, Measurement]
    difference: dict[str, Measurement]


def signal_thresholds(
    logit: NDArray[Any], truth: NDArray[Any], weight: NDArray[Any] | None = None
) -> dict[str, float]:
    """The largest logit (N,) at which at least 0.3, 0.5, 0.8 of the signal passes, logit >= threshold, by name."""
    counts = np.ones(len(truth)) if weight is None else np.asarray(weight, np.float64)
    signal = np.flatnonzero(truth == 1)
    order = signal[np.argsort(-logit[signal], kind="stable")]
    passed = np.cumsum(counts[order])
    # Sums of weights may end a rounding error below what they should be.
    wanted = np.array(SIGNAL_EFFICIENCIES) * passed[-1] * (1 - 1e-12)
    found = logit[order][np.searchsorted(passed, wanted)]
    return {str(at): float(value) for at, value in zip(SIGNAL_EFFICIENCIES, found, strict=True)}


def paired_difference(
    task: Task,
    nominal: Predicted,
    variant: Predicted,
    *,
    paired: bool,
    by_group: bool = False,
    thresholds: Mapping[str, float] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> Shift:
    """Metrics of both sides, and varied minus nominal with its bootstrap error.

    Of two classes these are ``accuracy``, ``auc``, ``log_loss``, and ``signal_efficiency_at_x`` and
    ``background_efficiency_at_x`` at the thresholds of nominal signal efficiency x; of K classes ``accuracy``,
    ``auc_macro``, ``log_loss``; of a regression ``mse``, ``bias``, ``resolution``, ``mae``, of vectors their mean
    ``mse`` and ``mae`` and those of each component; of a segmentation ``accuracy`` and means and classes of
    efficiency, purity and intersection over union.

    Parameters
    ----------
    task : Task
        ``classification``, ``regression`` or ``segmentation``.
    nominal, variant : Predicted
        Both sides.
    paired : bool
        Both are the same events row by row (of a segmentation: the same ``group``), so that both sides use the
        same resample weights; of independent events each side has its own.
    by_group : bool
        Of paired sides, rows of the same ``group`` use the same resample weights, wherever they are: for sides
        that have only some events in common.
    thresholds : Mapping[str, float], optional
        Logits by name; by default those of the nominal events at signal efficiencies 0.3, 0.5 and 0.8.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples.

    Returns
    -------
    Shift
        Thresholds, metrics of both sides, differences.

    Raises
    ------
    DataError
        For paired sides of different lengths, or with no group in common, a class that one side lacks, nodes
        without ``group``, or a task that has no metrics.

    References
    ----------
    B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap (1993), ch. 8.
    """
    by_group = by_group or task == "segmentation"
    if paired and not by_group and len(nominal.truth) != len(variant.truth):
        found = f"{len(nominal.truth):,} and {len(variant.truth):,}"
        raise DataError(f"paired events must be the same events row by row, found {found}: leave out paired")
    two = task == "classification" and nominal.output.ndim == 1
    if two and thresholds is None:
        thresholds = signal_thresholds(nominal.output, nominal.truth, nominal.weight)
    cuts = dict(thresholds or {}) if two else {}
    sides = [_numbers(task, side, cuts) for side in (nominal, variant)]
    values = [numbers(side.counts) for numbers, side in zip(sides, (nominal, variant), strict=True)]
    if values[0] is None or values[1] is None:
        raise DataError("every class must be there in the truth of both nominal and varied events")
    names = list(values[0])
    drawn = [
        (a, b)
        for first, second in _weights(nominal, variant, by_group, paired, n_resamples, seed)
        if (a := sides[0](first)) is not None and (b := sides[1](second)) is not None
    ]
    table = np.array([[list(a.values()), list(b.values())] for a, b in drawn])
    errors = [spread(table[:, 0]), spread(table[:, 1]), spread(table[:, 1] - table[:, 0])]
    if two:
        least = np.array([_one_event(name, variant) for name in names])
        errors[2] = np.maximum(errors[2], least)
    difference = {name: values[1][name] - values[0][name] for name in names}
    measured = [
        {name: Measurement(of[name], float(e)) for name, e in zip(names, error, strict=True)}
        for of, error in zip((values[0], values[1], difference), errors, strict=True)
    ]
    return Shift(cuts, *measured)


def _one_event(name: str, side: Predicted) -> float:
    """What a single event changes in an efficiency or the accuracy, (sum w)^2 / sum w^2 being their number.

    A bootstrap of paired events knows nothing of events that did not move across a threshold; that few did is not
    known better than this.
    """
    if not name.startswith(("signal_eff", "background_eff", "accuracy")):
        return 0.0
    chosen = {"s": side.truth == 1, "b": side.truth == 0}.get(name[0], np.ones(len(side.truth), bool))
    weights = side.counts[chosen]
    return float(np.square(weights).sum() / max(weights.sum() ** 2, 1e-300))


def _weights(
    nominal: Predicted, variant: Predicted, by_group: bool, paired: bool, n_resamples: int, seed: int
) -> Iterator[tuple[Floats, Floats]]:
    """Resample weights of both sides: of paired events from one draw, else from one each."""
    sides = (nominal, variant)
    groups = [np.arange(len(side.truth)) if side.group is None else side.group for side in sides]
    streams = np.random.default_rng(seed).spawn(2)
    if paired:
        if not by_group:
            groups[1] = groups[0]  # row by row, whatever groups are called on the other side
        elif not np.isin(groups[1], groups[0]).any():
            raise DataError("paired events must have the same group on both sides: leave out paired")
        distinct, codes = np.unique(np.concatenate(groups), return_inverse=True)
        for drawn in bootstrap_weights(streams[0], len(distinct), n_resamples):
            each = drawn[codes]
            yield each[: len(groups[0])] * nominal.counts, each[len(groups[0]) :] * variant.counts
        return
    of_each = (
        bootstrap_weights(rng, len(side.truth), n_resamples, np.unique(group, return_inverse=True)[1], side.counts)
        for rng, side, group in zip(streams, sides, groups, strict=True)
    )
    yield from zip(*of_each, strict=True)


def _numbers(task: Task, side: Predicted, cuts: Mapping[str, float]) -> Numbers:
    if task == "regression":
        return _of_residuals(np.asarray(side.output, np.float64) - np.asarray(side.truth, np.float64))
    if task == "segmentation":
        return _of_nodes(side)
    if task == "classification":
        logits, truth = np.asarray(side.output, np.float64), np.asarray(side.truth, np.int64)
        return _of_two_classes(logits, truth, cuts) if logits.ndim == 1 else _of_classes(logits, truth)
    raise DataError(f"task {task} has no metrics to compare")


def _of_two_classes(logit: Floats, truth: NDArray[np.int64], cuts: Mapping[str, float]) -> Numbers:
    ranked = Ranked(logit, truth.astype(np.float64))
    correct = ((ranked.logit > 0) == (ranked.truth == 1)).astype(np.float64)
    loss = np.logaddexp(0, np.where(ranked.truth == 1, -ranked.logit, ranked.logit))
    # The point of the ROC curve, which begins at (0, 0), where all logits from the threshold on have passed.
    points = {at: int(np.sum(ranked.logit[ranked.ends] >= cut)) for at, cut in cuts.items()}

    def numbers(weights: Floats) -> dict[str, float] | None:
        w = weights[ranked.order]
        if not ranked.has_both(w):
            return None
        tpr, fpr = ranked.curve(w)
        total = w.sum()
        found = {"accuracy": w @ correct / total, "auc": np.trapezoid(tpr, fpr), "log_loss": w @ loss / total}
        for at, point in points.items():
            found[f"signal_efficiency_at_{at}"] = tpr[point]
            found[f"background_efficiency_at_{at}"] = fpr[point]
        return {name: float(value) for name, value in found.items()}

    return numbers


def _of_classes(logits: Floats, truth: NDArray[np.int64]) -> Numbers:
    n_classes = logits.shape[1]
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss = -log_p[np.arange(len(truth)), truth]
    correct = (log_p.argmax(axis=1) == truth).astype(np.float64)
    each = [Ranked(one_against_rest(logits, k), (truth == k).astype(np.float64)) for k in range(n_classes)]

    def numbers(w: Floats) -> dict[str, float] | None:
        if not all(ranked.has_both(w[ranked.order]) for ranked in each):
            return None
        areas = [np.trapezoid(*ranked.curve(w[ranked.order])) for ranked in each]
        return {
            "accuracy": float(w @ correct / w.sum()),
            "auc_macro": float(np.mean(areas)),
            "log_loss": float(w @ loss / w.sum()),
        }

    return numbers


def _of_residuals(residual: Floats) -> Numbers:
    suffixes = [""] if residual.ndim == 1 else [f"_{d}" for d in range(residual.shape[1])]
    columns = residual.reshape(len(residual), -1).T

    def numbers(w: Floats) -> dict[str, float]:
        found = {}
        for column, suffix in zip(columns, suffixes, strict=True):
            bias = w @ column / w.sum()
            found["mse" + suffix] = float(w @ column**2 / w.sum())
            found["bias" + suffix] = float(bias)
            found["resolution" + suffix] = float(np.sqrt(w @ (column - bias) ** 2 / w.sum()))
            found["mae" + suffix] = float(w @ np.abs(column) / w.sum())
        if residual.ndim == 1:
            return found
        means = {name: float(np.mean([found[name + suffix] for suffix in suffixes])) for name in ("mse", "mae")}
        return {**means, **found}

    return numbers


def _of_nodes(side: Predicted) -> Numbers:
    if side.group is None:
        raise DataError("nodes need group: the event of each, or what its event belongs to")
    logits, truth = np.asarray(side.output, np.float64), np.asarray(side.truth, np.int64)
    # Weights are those of nodes here, whose cells are their own.
    confusion = Confusion(logits.argmax(axis=1), truth, np.arange(len(truth)), logits.shape[1])
    names = segmentation_names(logits.shape[1])

    def numbers(w: Floats) -> dict[str, float] | None:
        matrix = confusion.matrix(w)
        if not matrix.sum(axis=1).all():
            return None
        return dict(zip(names, segmentation_numbers(matrix).tolist(), strict=True))

    return numbers
