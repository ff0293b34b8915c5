"""What says whether posteriors are right finds those that are, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.methods.infer.bounds import known_kinds, template_posteriors
from pd4ml.methods.infer.diagnostics import calibration, coverage, ranks


def of_posteriors(width: float, shift: float = 0.0) -> tuple[float, float, float]:
    """p-value, and coverage at 68 % with its error, of normal posteriors ``width`` times as wide as is right."""
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(2000)
    centre = truth + rng.standard_normal(2000)  # a flat prior: the posterior is normal around it
    samples = centre + shift + width * rng.standard_normal((500, 2000))
    density, of_samples = -((truth - centre - shift) ** 2), -((samples - centre - shift) ** 2)
    found = coverage(density, of_samples)[0.68]
    assert found.error is not None
    return calibration(ranks(samples, truth)).p_value, found.value, found.error


def test_right_posteriors_pass() -> None:
    p_value, inside, error = of_posteriors(1.0)
    assert p_value > 0.01
    assert abs(inside - 0.68) < 3 * error


@pytest.mark.parametrize(("width", "shift"), [(0.8, 0.0), (1.25, 0.0), (1.0, 0.3)])
def test_wrong_posteriors_are_rejected(width: float, shift: float) -> None:
    p_value, inside, error = of_posteriors(width, shift)
    assert p_value < 1e-6
    if not shift:
        assert np.sign(inside - 0.68) == np.sign(width - 1)
        assert abs(inside - 0.68) > 5 * error


def test_a_score_that_knows_the_kind_is_as_good_as_knowing_it() -> None:
    rng = np.random.default_rng(1)
    member = np.arange(5000) % 2 == 0
    n_members = rng.integers(5, 45, 30)
    sets = np.where(np.arange(50) < n_members[:, None], 1.0, 0.0) + 0.01 * rng.standard_normal((30, 50))
    grid, density = template_posteriors(member + 0.01 * rng.standard_normal(5000), member, sets, n_bins=2)
    average = np.asarray(np.trapezoid(density * grid, grid, axis=1))
    width = np.sqrt(np.trapezoid(density * (grid - average[:, None]) ** 2, grid, axis=1))
    assert width == pytest.approx(known_kinds(n_members, 50), rel=0.02)
    assert average == pytest.approx((n_members + 1) / 52, abs=0.003)


def test_a_score_that_knows_nothing_leaves_the_prior() -> None:
    rng = np.random.default_rng(1)
    grid, density = template_posteriors(rng.random(100_000), rng.random(100_000) < 0.5, rng.random((5, 20)))
    assert density == pytest.approx(np.ones_like(density), abs=0.2)
    assert len(grid) == density.shape[1]
