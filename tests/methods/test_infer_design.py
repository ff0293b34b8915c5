"""Bounds of the expected information gain against the exact one of a linear and normal experiment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from helpers.linear_design import exact_information, measure
from pd4ml.methods.infer.design import contrastive_bound, likelihood_bound, posterior_bound

pytest.importorskip("zuko")
N, OTHERS = 4000, 63


@pytest.mark.parametrize("design", [0.5, 3.0])
def test_bounds_of_the_exact_densities_are_the_information(design: float) -> None:
    """The posterior's equals it, the others fall short of it where it comes near ln K."""
    rng = np.random.default_rng(1)
    theta, others = rng.standard_normal((N, 1)), rng.standard_normal((N, OTHERS))
    y = design * theta + rng.standard_normal((N, 1))
    variance = 1 / (1 + design**2)
    log_posterior = -0.5 * (theta - variance * design * y) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    found = posterior_bound(log_posterior[:, 0], 0.5 * math.log(2 * math.pi * math.e))
    assert found.error is not None
    assert found.value == pytest.approx(exact_information(design), abs=3 * found.error)
    log_likelihood = -0.5 * (y - design * np.hstack([theta, others])) ** 2
    for bound in (likelihood_bound, contrastive_bound):
        short = exact_information(design) - bound(log_likelihood).value
        assert -0.05 < short < 0.2
    assert contrastive_bound(np.hstack([np.full((5, 1), 99.0), np.zeros((5, OTHERS))])).value == pytest.approx(
        np.log(OTHERS + 1)
    )


def test_learnt_posteriors_and_likelihoods_come_near() -> None:
    """Within 0.03 nats of the exact ones, of which the simulated events are a part of 0.01."""
    found = measure(2.0, n_train=6000, n_test=4000)
    for kind in ("posterior", "likelihood"):
        assert found[kind] == pytest.approx(found["exact"], abs=0.03), kind
    assert found["contrastive"] < found["exact"] + 0.03
