"""Iterative Bayesian unfolding: binned, one observable.

G. D'Agostini, Nucl. Instrum. Meth. A 362 (1995) 487; the same update is that of Richardson (1972) and Lucy (1974).
"""

from __future__ import annotations

import numpy as np

from pd4ml.methods.unfold.common import Floats

__all__ = ["ibu"]


def ibu(data: Floats, response: Floats, prior: Floats, iterations: int) -> Floats:
    """The spectrum before the detector, (P,) in events.

    Parameters
    ----------
    data : (D,)
        Events in bins of what was measured, background subtracted.
    response : (D, P)
        P(measured in bin d | true bin p). A column's sum is the efficiency of its bin; bins that are never seen
        stay empty.
    prior : (P,)
        Where to begin; only its shape matters, and after many iterations nothing of it but its zeros.
    iterations : int
        How often. Few keep the prior, many fit fluctuations: this is the regularisation.
    """
    efficiency = response.sum(axis=0)
    seen = efficiency > 0
    truth: Floats = np.where(seen, prior, 0.0) * (data.sum() / prior.sum())
    for _ in range(iterations):
        folded = response @ truth
        ratio = np.divide(data, folded, out=np.zeros_like(data), where=folded > 0)
        truth = np.divide(truth * (response.T @ ratio), efficiency, out=np.zeros_like(truth), where=seen)
    return truth
