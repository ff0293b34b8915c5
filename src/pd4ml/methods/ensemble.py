"""Ensembles: several models of one task, whose probabilities or values are averaged.

B. Lakshminarayanan, A. Pritzel, C. Blundell, arXiv:1612.01474. The log-loss of a mean of probabilities is never
above the mean of the log-losses (Jensen's inequality); whether it is below the best member's is to be measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.methods.derived import Derived, register_rule
from pd4ml.metrics.measurement import Floats
from pd4ml.storage.store import Events

__all__ = ["ensemble", "ensemble_spreads", "mean_logits", "member_spread"]


def mean_logits(logits: Sequence[NDArray[Any]] | NDArray[Any]) -> Floats:
    """Logits of the mean of the members' probabilities, where each has logits (N,), or (N, K) of K classes.

    Sums are of logarithms, so that probabilities that round to 1 keep their order.
    """
    stacked = np.asarray(logits, np.float64)
    if stacked.ndim == 2:
        of_one, of_zero = (np.logaddexp.reduce(-np.logaddexp(0, s * stacked), axis=0) for s in (-1, 1))
        return np.asarray(of_one - of_zero)
    log_p = stacked - np.logaddexp.reduce(stacked, axis=-1, keepdims=True)
    return np.asarray(np.logaddexp.reduce(log_p, axis=0) - np.log(len(stacked)))


def member_spread(values: Sequence[NDArray[np.floating]], spreads: Sequence[NDArray[np.floating]] = ()) -> Floats:
    """(N,) standard deviation of the mixture of the members: that of their values (N,), and their own.

    ``spreads`` are the standard deviations (N,) that the members predict, if they do: sigma^2 is the mean of the
    members' sigma^2 plus the variance of their values.
    """
    variance = np.var(np.asarray(values, np.float64), axis=0)
    if len(spreads):
        variance = variance + np.mean(np.square(np.asarray(spreads, np.float64)), axis=0)
    return np.asarray(np.sqrt(variance))


def ensemble_spreads(derived: Derived, fields: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Of one value the members' spread, with their own where all have one; quantiles are averaged."""
    outputs = [of["output"] for of in fields]
    if derived.task.name != "regression" or outputs[0].ndim != 1:
        return {}
    if all("lower" in of for of in fields):
        return {name: np.mean([of[name] for of in fields], axis=0) for name in ("lower", "upper")}
    own = [of["spread"] for of in fields if "spread" in of]
    spread = member_spread(outputs, own if len(own) == len(fields) else ())
    least = np.finfo(np.float32).eps * np.abs(outputs[0]).max()  # members may agree to the last digit
    return {"spread": np.maximum(spread, least).astype(np.float32)}


@register_rule("ensemble", ensemble_spreads)
def ensemble(derived: Derived, outputs: Sequence[NDArray[np.floating]], events: Events) -> NDArray[np.floating]:
    """The mean of the members: of their probabilities, or of their values."""
    if derived.task.name == "regression":
        return np.asarray(np.mean(np.asarray(outputs, np.float64), axis=0))
    return mean_logits(outputs)
