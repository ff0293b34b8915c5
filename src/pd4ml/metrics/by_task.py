"""Metrics of predictions, each with a bootstrap error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.metrics.classification import SIGNAL_EFFICIENCIES, multi_class, two_classes
from pd4ml.metrics.measurement import Floats, Measurement, require_scikit_learn
from pd4ml.metrics.predictive import predictive
from pd4ml.metrics.regression import regression
from pd4ml.metrics.segmentation import segmentation

__all__ = ["SIGNAL_EFFICIENCIES", "Measurement", "checked_weight", "metrics"]


def metrics(
    task: Task,
    output: NDArray[Any],
    truth: NDArray[Any],
    *,
    group: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
    event: NDArray[Any] | None = None,
    spread: NDArray[Any] | None = None,
    lower: NDArray[Any] | None = None,
    upper: NDArray[Any] | None = None,
    n_resamples: int = 100,
    seed: int = 0,
) -> dict[str, Measurement]:
    """Metrics of predictions against the truth, each with a bootstrap error.

    classification: ``accuracy``, ``auc``, ``log_loss``, ``calibration_error`` and ``background_rejection_0.3``,
    ``_0.5``, ``_0.8``: 1 / eps_B at these signal efficiencies. Ranks are taken from the logits, because scores
    pile up at 1. Where fewer than one background event passes, the rejection is a lower limit. For K classes, AUC
    and rejection are those of each class against the rest (``auc_class_0``) and their average (``auc_macro``).
    regression: ``mse``, ``bias`` and ``resolution``, mean and standard deviation of (prediction - truth), ``mae``,
    the mean absolute difference. Of vectors, ``mse`` and ``mae`` are means over the components, and all four are
    there for each of them (``bias_0``). Of one value with a predicted ``spread`` also ``nll``, ``crps``,
    ``pull_mean`` and ``pull_width``, with predicted quantiles ``coverage`` and ``half_width``. segmentation:
    ``accuracy``, and ``efficiency``, ``purity`` and ``iou`` (intersection over union) of each class
    (``iou_class_0``) and their average (``iou_macro``). unlabelled: none.

    Parameters
    ----------
    task : Task
        ``classification``, ``regression``, ``segmentation`` or ``unlabelled``.
    output : NDArray
        Logits, (N,) for two classes and (N, K) for K; values in the target's unit, (N,) or (N, D); of a
        segmentation logits (M, K) of the M nodes of all events.
    truth : NDArray
        Labels (N,), or values in the shape of ``output``; labels (M,) of nodes.
    group : NDArray, optional
        (N,), or (M,) of nodes: events with the same value are not independent, and are drawn together.
    weight : NDArray, optional
        (N,), or (M,) of nodes, positive: what an event counts in every number.
    event : NDArray, optional
        (M,), whose node each is; a segmentation needs it where there is no ``group``.
    spread : NDArray, optional
        (N,), positive: the standard deviation that is predicted for each value of a regression of one value.
    lower, upper : NDArray, optional
        (N,), the quantiles that are predicted for each of them.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples.

    Returns
    -------
    dict[str, Measurement]
        By name, in the target's unit (``mse`` in its square).

    Raises
    ------
    DataError
        For shapes that do not fit the task, numbers that are not finite, labels that are not 0 to K - 1 with each
        of them there, weights that are not positive, or nodes without ``event``.
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    Calibration error: AAAI 2015 (Naeini et al.), arXiv:1706.04599; with equal counts arXiv:1904.01685. Scores of
    predicted densities: J. Am. Stat. Assoc. 102 (2007) 359.
    """
    if task == "unlabelled":
        return {}
    output, truth = output.astype(np.float64), truth.astype(np.float64)
    _check_shapes(task, output, truth)
    n = len(output)
    if task == "segmentation":
        group = event if group is None else group
        if group is None:
            raise DataError("metrics of a segmentation need event: whose node each of them is")
    if group is not None and group.shape != (n,):
        raise DataError(f"group must be {(n,)}, one value for each row, found {group.shape}")
    counts = None if weight is None else checked_weight(weight, n)
    require_scikit_learn("evaluation")
    rng = np.random.default_rng(seed)
    codes = None if group is None else np.unique(group, return_inverse=True)[1]
    if task == "regression":
        spreads = {"spread": spread, "lower": lower, "upper": upper}
        own = {name: values.astype(np.float64) for name, values in spreads.items() if values is not None}
        found = regression(output - truth, n_resamples, rng, codes, counts)
        return found | predictive(output, truth, n_resamples, rng, codes, counts, **own)
    _check_labels(truth, output.shape[1] if output.ndim == 2 else 2)
    if output.ndim == 1:
        return two_classes(output, truth, n_resamples, rng, codes, counts)
    labels = truth.astype(np.int64)
    if codes is not None and task == "segmentation":
        return segmentation(output, labels, n_resamples, rng, codes, counts)
    return multi_class(output, labels, n_resamples, rng, codes, counts)


def checked_weight(weight: NDArray[Any], n: int) -> Floats:
    """``weight`` (n,) as float64; DataError if it is not one positive, finite number for each event."""
    if weight.shape != (n,) or weight.dtype.kind not in "fiub":
        raise DataError(f"weights must be numbers {(n,)}, found {weight.dtype} {weight.shape}")
    counts = weight.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(counts) & (counts > 0)))
    if len(bad):
        raise DataError(
            f"weights must be positive and finite, found {counts[bad[0]]} at position {bad[0]}"
            f" ({len(bad):,} such): leave these events out"
        )
    return counts


def _check_shapes(task: Task, output: NDArray[Any], truth: NDArray[Any]) -> None:
    """DataError unless the shapes are those of the task, all numbers finite and events more than one."""
    many = output.ndim == 2 and output.shape[1] > (0 if task == "regression" else 1)
    fits = (many if task == "segmentation" else output.ndim == 1 or many) and len(output) > 1
    if not fits or truth.shape != (output.shape if task == "regression" else output.shape[:1]):
        wanted = {"regression": "both (N,) or (N, D)", "segmentation": "(M, K) and (M,)"}.get(task, "(N,)")
        raise DataError(f"predictions and truth must be {wanted}, found {output.shape} and {truth.shape}")
    for name, values in (("predictions", output), ("values of the truth", truth)):
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if len(bad):
            raise DataError(f"{len(bad):,} {name} are not finite, the first at position {bad[0]}")


def _check_labels(truth: Floats, n_classes: int) -> None:
    if not np.array_equal(np.unique(truth), np.arange(n_classes)):
        wanted = "0 and 1" if n_classes == 2 else f"0 to {n_classes - 1}"
        raise DataError(f"truth must hold the labels {wanted}, found {np.unique(truth)[:5]}")
