"""Calibration of probabilities on events that were not trained on: a temperature, or isotonic regression.

Temperature: logits l become l / T, with the T that minimises the log-loss; C. Guo et al., arXiv:1706.04599. The
order of two classes' scores stays as it is. Isotonic regression: the rising step function of the logit with the
least squares; B. Zadrozny, C. Elkan, KDD 2002. It joins the scores of a step, and needs more events.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.methods.derived import Derived, register_rule
from pd4ml.metrics.measurement import Floats, Measurement, require_scikit_learn
from pd4ml.storage.store import Events

__all__ = ["LEAST_EVENTS", "fit_isotonic", "fit_temperature", "isotonic", "log_losses", "temperature"]

# With 180 events a temperature often made the log-loss worse.
LEAST_EVENTS = 500
_LARGEST = float(np.log(1e3))  # of the logarithm of a temperature
_STEP = 1e-3  # of it, for derivatives


def log_losses(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Floats:
    """(N,) minus the logarithm of the probability of each event's class; of logits (N,) or (N, K)."""
    logits = np.asarray(logits, np.float64)
    if logits.ndim == 1:
        return np.asarray(np.logaddexp(0, np.where(labels == 1, -logits, logits)))
    chosen = np.take_along_axis(logits, np.asarray(labels, np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(np.logaddexp.reduce(logits, axis=1) - chosen)


def fit_temperature(
    logits: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
) -> Measurement:
    """The temperature of the least log-loss, with its error.

    The error is that of an M-estimator, P. J. Huber, Fifth Berkeley Symposium 1 (1967) 221: the slopes of the
    groups' losses over the curvature of all. It holds for wrong models, too.

    Parameters
    ----------
    logits : NDArray
        (N,) of two classes, (N, K) of K; of nodes a row for each.
    labels : NDArray
        (N,), 0 to K - 1.
    group : NDArray, optional
        (N,), from 0: rows with the same value are not independent.
    weight : NDArray, optional
        (N,), what each row counts.

    Returns
    -------
    Measurement
        T; above 1 the model was too sure.

    Raises
    ------
    DataError
        If no temperature is best, as where the classes do not overlap.
    """
    require_scikit_learn("a calibration")
    from scipy.optimize import minimize_scalar

    counts = np.ones(len(labels)) if weight is None else np.asarray(weight, np.float64)

    def losses(log_t: float) -> Floats:
        return counts * log_losses(np.asarray(logits, np.float64) * np.exp(-log_t), labels)

    bounds, options = (-_LARGEST, _LARGEST), {"xatol": 1e-7}
    found = minimize_scalar(lambda s: losses(s).sum(), bounds=bounds, method="bounded", options=options)
    best = float(found.x)
    here, below, above = (losses(best + step) for step in (0, -_STEP, _STEP))
    curvature = float((below + above - 2 * here).sum()) / _STEP**2
    if min(losses(end).sum() for end in bounds) <= here.sum() or curvature <= 0:
        raise DataError("the logits know all or nothing of these events: no temperature calibrates them")
    slopes = np.bincount(np.arange(len(labels)) if group is None else group, (above - below) / (2 * _STEP))
    t = float(np.exp(best))
    return Measurement(t, t * float(np.sqrt(slopes @ slopes)) / curvature)


def fit_isotonic(
    logits: NDArray[np.floating], labels: NDArray[np.integer], *, weight: Floats | None = None
) -> dict[str, Floats]:
    """Logits ``x`` and probabilities ``p``, both rising, between which `isotonic` interpolates.

    Of N events no probability is below 1 / (N + 2) or above 1 - 1 / (N + 2), Laplace's rule of succession: a step
    without a single event of a class does not say that there is none.
    """
    require_scikit_learn("a calibration")
    from sklearn.isotonic import IsotonicRegression

    if logits.ndim != 1:
        raise DataError(f"isotonic regression is for two classes, found {logits.shape[1]}: take temperature")
    least = 1 / (len(logits) + 2)
    fit = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    fit.fit(np.asarray(logits, np.float64), labels, sample_weight=weight)
    return {"x": np.asarray(fit.X_thresholds_), "p": np.asarray(fit.y_thresholds_)}


@register_rule("temperature")
def temperature(derived: Derived, outputs: Sequence[NDArray[np.floating]], events: Events) -> NDArray[np.floating]:
    """The only member's logits divided by ``options["temperature"]``."""
    return np.asarray(outputs[0], np.float64) / float(derived.options["temperature"])


@register_rule("isotonic")
def isotonic(derived: Derived, outputs: Sequence[NDArray[np.floating]], events: Events) -> NDArray[np.floating]:
    """Logits of the probabilities on the curve of `fit_isotonic`, ``x`` and ``p`` of ``arrays``."""
    p = np.interp(np.asarray(outputs[0], np.float64), derived.arrays["x"], derived.arrays["p"])
    return np.asarray(np.log(p) - np.log1p(-p))
