"""Metrics of classifiers with bootstrap errors: two classes from one logit, K classes from K logits.

With K classes, ``<metric>_class_<k>`` is that of class k against the rest and ``<metric>_macro`` the average over
classes. The values come from scikit-learn where it has the metric. An event may have a ``weight`` (N,), what it
counts: every number is weighted, and the errors are those of weighted resamples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.calibration import CalibrationBins
from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights, spread
from pd4ml.metrics.roc import Ranked, background_efficiency, effective_number, is_seen

__all__ = ["SIGNAL_EFFICIENCIES", "multi_class", "one_against_rest", "sigmoid", "two_classes"]

SIGNAL_EFFICIENCIES = (0.3, 0.5, 0.8)
_CONFIDENCE = 0.95


def two_classes(
    logit: Floats,
    truth: Floats,
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
) -> dict[str, Measurement]:
    """Metrics of ``logit`` (N,) against ``truth`` (N,) of 0 and 1."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    ranked = Ranked(logit, truth)
    score = sigmoid(ranked.logit)
    # Weights are drawn for ranks rather than places in the split: it is the same, and saves a look-up.
    by_rank = None if group is None else group[ranked.order]
    base = None if weight is None else weight[ranked.order]
    bins = CalibrationBins(score, ranked.truth, base)
    correct = ((ranked.logit > 0) == (ranked.truth == 1)).astype(np.float64)
    loss = np.logaddexp(0, np.where(ranked.truth == 1, -ranked.logit, ranked.logit))
    drawn = (w for w in bootstrap_weights(rng, len(truth), n_resamples, by_rank, base) if ranked.has_both(w))
    errors = spread(
        [w @ correct / w.sum(), w @ loss / w.sum(), bins.error(w), *_ranks(ranked, w)] for w in drawn
    ).tolist()
    every = np.ones(len(truth)) if base is None else base
    _, *passed = _ranks(ranked, every)
    return {
        "accuracy": Measurement(float(accuracy_score(truth, logit > 0, sample_weight=weight)), errors[0]),
        "auc": Measurement(float(roc_auc_score(truth, logit, sample_weight=weight)), errors[3]),
        "log_loss": Measurement(float(log_loss(ranked.truth, score, sample_weight=base)), errors[1]),
        "calibration_error": Measurement(bins.error(every), errors[2]),
        **_rejections("", passed, errors[4:], effective_number(every, ranked.background)),
    }


def multi_class(
    logits: Floats,
    truth: NDArray[np.int64],
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
) -> dict[str, Measurement]:
    """Metrics of ``logits`` (N, K) against ``truth`` (N,) of 0 to K - 1.

    The calibration error is that of the class with the largest probability. A macro background rejection is the
    inverse of the mean background efficiency.
    """
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    n, n_classes = logits.shape
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss, chosen = -log_p[np.arange(n), truth], log_p.argmax(axis=1)
    correct = (chosen == truth).astype(np.float64)
    order = np.argsort(log_p.max(axis=1), kind="stable")
    base = None if weight is None else weight[order]
    bins = CalibrationBins(np.exp(log_p.max(axis=1)[order]), correct[order], base)
    each = [Ranked(one_against_rest(logits, k), (truth == k).astype(np.float64)) for k in range(n_classes)]

    def of_ranks(weights: Floats) -> Floats:
        """AUC and background efficiencies: (K + 1, 1 + working points), the last row their means."""
        rows = np.array([_ranks(ranked, weights[ranked.order]) for ranked in each])
        return np.vstack([rows, rows.mean(axis=0)])

    resamples = []
    for w in bootstrap_weights(rng, n, n_resamples, group, weight):
        if all(ranked.has_both(w[ranked.order]) for ranked in each):
            common = [w @ correct / w.sum(), w @ loss / w.sum(), bins.error(w[order])]
            resamples.append([*common, *of_ranks(w).ravel()])
    errors = spread(resamples).tolist()
    every = np.ones(n) if weight is None else weight
    values = of_ranks(every)
    of_each = (one_against_rest(logits, k) for k in range(n_classes))
    aucs = [float(roc_auc_score(truth == k, odds, sample_weight=weight)) for k, odds in enumerate(of_each)]
    loss_value = log_loss(truth, np.exp(log_p), labels=range(n_classes), sample_weight=weight)
    measured = {
        "accuracy": Measurement(float(accuracy_score(truth, chosen, sample_weight=weight)), errors[0]),
        "log_loss": Measurement(float(loss_value), errors[1]),
        "calibration_error": Measurement(bins.error(every[order]), errors[2]),
    }
    width = values.shape[1]
    backgrounds = [effective_number(every[ranked.order], ranked.background) for ranked in each]
    names = [*(f"_class_{k}" for k in range(n_classes)), "_macro"]
    for i, (name, auc) in enumerate(zip(names, [*aucs, float(np.mean(aucs))], strict=True)):
        row_errors = errors[3 + i * width : 3 + (i + 1) * width]
        measured["auc" + name] = Measurement(auc, row_errors[0])
        count = min(backgrounds) if name == "_macro" else backgrounds[i]
        measured |= _rejections(name, values[i, 1:].tolist(), row_errors[1:], count)
    return measured


def one_against_rest(logits: Floats, k: int) -> Floats:
    """(N,) log p_k / (1 - p_k) of ``logits`` (N, K): ranks that do not pile up where p_k is 1."""
    rest = np.logaddexp.reduce(np.delete(logits, k, axis=1), axis=1)
    return np.asarray(logits[:, k] - rest)


def _ranks(ranked: Ranked, weights: Floats) -> list[float]:
    """Area under the ROC curve, background efficiency at each working point."""
    tpr, fpr = ranked.curve(weights)
    return [float(np.trapezoid(tpr, fpr)), *background_efficiency(tpr, fpr, SIGNAL_EFFICIENCIES).tolist()]


def _rejections(
    name: str, passed: list[float], errors: list[float], n_background: float
) -> dict[str, Measurement]:
    """1 / eps_B at each working point; a limit where fewer than one background event passes.

    The error is propagated from that of eps_B, which is finite in every resample. The limit is the classical one
    of a Poisson mean: exp(-mean) = 0.05 where none passes (F. Garwood, Biometrika 28 (1936) 437), between whole
    numbers by the gamma function.
    """
    from scipy.special import gammaincinv

    measured = {}
    for at, efficiency, error in zip(SIGNAL_EFFICIENCIES, passed, errors, strict=True):
        most = float(gammaincinv(efficiency * n_background + 1, _CONFIDENCE))
        measured[f"background_rejection_{at}{name}"] = (
            Measurement(1 / efficiency, error / efficiency**2)
            if is_seen(efficiency, n_background)
            else Measurement(n_background / most, None, lower_limit=True)
        )
    return measured


def sigmoid(logit: Floats) -> Floats:
    """Probability of class 1, (N,), of a logit (N,)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -700, 700))))
