"""How much an experiment is expected to tell of a parameter, in nats: bounds from three kinds of estimators.

The expected information gain of a design is the mutual information of parameter and data. Each estimator's bound
is made of what it says of simulated pairs (arXiv:2602.06900; the posterior's is Barber and Agakov's, NeurIPS 2003,
the contrastive one arXiv:1807.03748). What is estimated badly tells less: bounds are from below, but for the
likelihood's, which is one for the exact likelihood only. Arrays in, numbers with errors out.
"""

from __future__ import annotations

import numpy as np

from pd4ml.card import Measurement
from pd4ml.methods.infer.diagnostics import mean
from pd4ml.metrics.measurement import Floats

__all__ = ["contrastive_bound", "likelihood_bound", "posterior_bound"]


def posterior_bound(log_posterior: Floats, prior_entropy: float) -> Measurement:
    """E ln q(theta | y) + H(theta), of the ``log_posterior`` (n,) of the true parameters."""
    return mean(log_posterior + prior_entropy)


def likelihood_bound(log_likelihood: Floats) -> Measurement:
    """E ln q(y | theta) - ln mean_k q(y | theta_k).

    ``log_likelihood`` (n, K) is that of the i-th data at the true parameter, which comes first, and at K - 1
    others from the prior. It is at most ln K.
    """
    return mean(_first_against_all(log_likelihood))


def contrastive_bound(log_ratio: Floats) -> Measurement:
    """The same of ``log_ratio`` (n, K), ln q(y | theta_k) / q(y) but for a term of y: what a classifier learns.

    The K parameters of a row are the true one, which comes first, and those of other data. It is at most ln K.
    """
    return mean(_first_against_all(log_ratio))


def _first_against_all(values: Floats) -> Floats:
    return np.asarray(values[:, 0] - np.logaddexp.reduce(values, axis=1) + np.log(values.shape[1]))
