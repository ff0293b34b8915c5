"""OmniFold (arXiv:1911.09107): two reweightings in turn, of any number of observables, without bins.

The first makes simulated events look like the data at detector level, the second says what that means at particle
level. Both are boosted trees of scikit-learn; iterative Bayesian unfolding is the limit of bins.
"""

from __future__ import annotations

import numpy as np

from pd4ml.errors import missing_extra
from pd4ml.methods.unfold.common import Floats

__all__ = ["omnifold"]


def omnifold(
    particle: Floats,
    detector: Floats,
    data: Floats,
    iterations: int,
    *,
    weight: Floats | None = None,
    data_weight: Floats | None = None,
    seed: int = 1,
) -> Floats:
    """Weights (N,) of simulated events with which their particle level is the data's, 1 on average.

    Parameters
    ----------
    particle, detector : (N, K)
        The simulation's observables at both levels, a row for each event.
    data : (M, K)
        What was measured.
    iterations : int
        How often; few keep the simulation's prior.
    weight, data_weight : (N,), (M,)
        Weights of events, such as those of a bootstrap.
    seed : int
        Of the trees.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError as error:
        raise missing_extra("OmniFold", "evaluate", error) from error
    trees = {
        "max_iter": 30,
        "learning_rate": 0.2,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 100,
        "early_stopping": False,
    }
    prior = np.ones(len(particle)) if weight is None else weight / weight.mean()
    measured = np.ones(len(data)) if data_weight is None else data_weight
    measured = measured * (prior.sum() / measured.sum())
    both = np.concatenate([detector, data])
    is_data = np.repeat([0, 1], [len(detector), len(data)])
    pull = np.ones(len(particle))
    for i in range(iterations):
        classifier = HistGradientBoostingClassifier(**trees, random_state=seed + 2 * i)
        classifier.fit(both, is_data, np.concatenate([prior * pull, measured]))
        push = pull * np.exp(classifier.decision_function(detector))
        regressor = HistGradientBoostingRegressor(loss="poisson", **trees, random_state=seed + 2 * i + 1)
        used = prior > 0
        pull = regressor.fit(particle[used], push[used], prior[used]).predict(particle)
        pull /= np.average(pull, weights=prior)
    return pull
