"""Unfolding methods against other packages' and against toys of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pd4ml.methods.unfold.common import Floats, chi2, counts, floor, response_of, triangular
from pd4ml.methods.unfold.ibu import ibu
from pd4ml.methods.unfold.measure import Axis, Options, Pairs, measure
from pd4ml.methods.unfold.omnifold import omnifold

EDGES = np.linspace(-4, 5, 41)
PRIORS = [(0.0, 1.0), (0.8, 1.2)]


def smeared(mean: float, spread: float, n: int, seed: int) -> tuple[Floats, Floats]:
    """A truth, and what a Gaussian of width 0.5 makes of it."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(mean, spread, n)
    return truth, truth + rng.normal(0, 0.5, n)


def test_a_response_is_of_columns_that_sum_to_one() -> None:
    particle, detector = smeared(0, 1, 1000, 1)
    edges = np.linspace(-2, 2, 6)
    response = response_of(particle, detector, edges, EDGES)
    assert response.shape == (40, 5)
    assert np.allclose(response.sum(axis=0), 1)
    assert np.allclose(response @ counts(particle, edges), counts(detector, EDGES))


def test_folding_with_weights_gives_the_weighted_spectrum() -> None:
    particle, detector = smeared(0, 1, 1000, 1)
    weight = np.random.default_rng(2).uniform(0, 2, 1000)
    response = response_of(particle, detector, EDGES, EDGES, weight)
    assert np.allclose(response @ counts(particle, EDGES, weight), counts(detector, EDGES, weight))


def test_the_triangular_discriminator_of_known_spectra() -> None:
    assert triangular(np.array([1.0, 2, 0]), np.array([2.0, 4, 0])) == 0
    assert triangular(np.array([1.0, 0]), np.array([0.0, 3])) == 1000
    assert triangular(np.array([3.0, 1]), np.array([1.0, 1])) == pytest.approx(
        500 * (0.25**2 / 1.25 + 0.25**2 / 0.75)
    )


def test_the_floor_is_what_two_samples_of_one_spectrum_have() -> None:
    rng = np.random.default_rng(1)
    shape = np.array([0.1, 0.2, 0.4, 0.3])
    pairs = ([rng.multinomial(n, shape).astype(float) for n in (2000, 500)] for _ in range(500))
    found = [triangular(*pair) for pair in pairs]
    assert np.mean(found) == pytest.approx(floor(4, 2000, 500), rel=0.1)


def test_chi_square_of_few_replicas_is_unbiased() -> None:
    """Without the factor of astro-ph/0608064 it would be 30/23 times too large here."""
    rng = np.random.default_rng(1)
    found = [chi2(np.ones(5), np.cov(rng.normal(size=(31, 5)).T), 31) for _ in range(2000)]
    assert np.mean(found) == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("efficiency", [1.0, 0.7])
@pytest.mark.parametrize("iterations", [1, 4])
def test_iterative_bayes_is_that_of_pyunfold(iterations: int, efficiency: float) -> None:
    pyunfold = pytest.importorskip("pyunfold")
    _, detector = smeared(0.2, 0.8, 2000, 1)
    particle, seen = smeared(0.8, 1.2, 2000, 2)
    edges = np.linspace(-2, 2.5, 16)
    column = np.linspace(efficiency, 1, 15)
    response = response_of(particle, seen, edges, edges) * column
    data, prior = counts(detector, edges), counts(particle, edges)
    other = pyunfold.iterative_unfold(
        data=data,
        data_err=np.sqrt(data),
        response=response,
        response_err=np.zeros_like(response),
        efficiencies=column,
        efficiencies_err=np.zeros(15),
        prior=prior / prior.sum(),
        ts="ks",
        ts_stopping=1e-300,
        max_iter=iterations,
    )
    assert other["num_iterations"] == iterations
    assert np.allclose(ibu(data, response, prior, iterations), other["unfolded"], rtol=1e-12)


def test_bins_that_are_never_seen_stay_empty() -> None:
    response = np.array([[0.8, 0.1, 0], [0.2, 0.9, 0]])
    found = ibu(response @ [100, 50, 0], response, np.array([1.0, 1, 1]), 400)
    assert np.allclose(found, [100, 50, 0], atol=0.1)


@pytest.mark.parametrize("prior", PRIORS)
def test_omnifold_finds_the_truth_from_any_prior(prior: tuple[float, float]) -> None:
    n = 10_000
    truth, data = smeared(0.2, 0.8, n, 1)
    particle, detector = smeared(*prior, n, 2)
    weight = omnifold(particle[:, None], detector[:, None], data[:, None], 5)
    wanted = counts(truth, EDGES)
    assert triangular(counts(particle, EDGES), wanted) > 20
    assert triangular(counts(particle, EDGES, weight), wanted) < 1.5 * floor(40, n, n)


def test_omnifold_takes_weights_of_events() -> None:
    """Data that are there twice with half the weight are the same data."""
    particle, detector = smeared(0, 1, 500, 2)
    _, data = smeared(0.2, 0.8, 400, 1)
    once = omnifold(particle[:, None], detector[:, None], data[:, None], 2)
    only = np.where(data > 0, 1.0, 0.0)
    cut = omnifold(particle[:, None], detector[:, None], data[:, None], 2, data_weight=only)
    assert np.average(particle, weights=cut) > np.average(particle, weights=once) + 0.3


@pytest.mark.parametrize("method", ["ibu", "omnifold"])
def test_a_method_is_measured_with_errors_and_tests(method: str) -> None:
    truth, data = smeared(0.2, 0.8, 2000, 1)
    particle, detector = smeared(0, 1, 4000, 2)
    edges = np.linspace(-3, 3, 9)
    axes = (Axis("x", "1", edges, edges),)
    simulation = Pairs(particle[:, None], detector[:, None], np.ones(4000))
    pseudo = Pairs(truth[:, None], data[:, None], np.ones(2000))
    options = Options(iterations=3, bootstrap=3)
    found = measure(method, simulation, pseudo, axes, options)[0]
    assert found["values"].sum() == pytest.approx(2000)
    start = triangular(counts(particle, edges), counts(truth, edges))
    assert found["triangular"]["value"] < start / 3
    assert np.all(found["errors"][2:6] > 0)
    assert found["closure"]["after"] < 3 * found["closure"]["floor"]
    assert found["stress"]["after"] < found["stress"]["before"] / 3
    if method == "ibu":
        assert found["chi2"]["value"] < 3 * found["chi2"]["bins"]
        line = found["bottom_line"]
        assert line["detector"]["value"] > 3 * line["detector"]["bins"]
        assert line["particle"]["value"] > 3 * line["particle"]["bins"]
        both = np.hypot(found["errors_data"], found["errors_simulation"])
        assert np.allclose(both[2:6], found["errors"][2:6], rtol=0.2)
        assert np.all(found["errors_data"][2:6] > 0.8 * np.sqrt(found["values"][2:6]))
    else:
        assert found["chi2"] is None  # too few replicas tell nothing of a covariance
        assert found["bottom_line"] is None


def test_the_bottom_line_of_a_near_alternative_is_the_same_before_and_after() -> None:
    """Nothing is gained by unfolding; far alternatives rest on bins of few events."""
    truth, data = smeared(0.05, 1, 4000, 1)
    particle, detector = smeared(0, 1, 20_000, 2)
    edges = np.linspace(-2, 2, 7)
    simulation = Pairs(particle[:, None], detector[:, None], np.ones(20_000))
    pseudo = Pairs(truth[:, None], data[:, None], np.ones(4000))
    found = measure("ibu", simulation, pseudo, (Axis("x", "1", edges, edges),), Options())[0]
    before, after = (found["bottom_line"][level]["value"] for level in ("detector", "particle"))
    assert 0.6 < after / before < 1.5


@pytest.mark.slow
def test_spinup_finds_the_truth_from_a_far_prior() -> None:
    from pd4ml.methods.unfold.spinup import spinup

    pytest.importorskip("zuko")
    truth, data = smeared(0.2, 0.8, 5000, 1)
    particle, detector = smeared(0.8, 1.2, 5000, 2)
    before = torch.random.get_rng_state()
    sample = spinup(particle[:, None], detector[:, None], data[:, None], n_samples=20_000)[:, 0]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert triangular(counts(particle, EDGES), counts(truth, EDGES)) > 100
    assert triangular(counts(sample, EDGES), counts(truth, EDGES)) < 12
    assert sample.std() == pytest.approx(0.8, abs=0.08)


def test_empirical_bayes_collapses_with_one_point_and_recovers_with_many() -> None:
    from pd4ml.methods.unfold.empirical_bayes import gaussian, neural_empirical_bayes

    pytest.importorskip("zuko")
    rng = np.random.default_rng(1)
    data = np.where(rng.random(2000) < 0.5, -1.5, 1.5)[:, None] + rng.normal(0, 0.5, (2000, 1))
    one, many = (
        neural_empirical_bayes(data, gaussian(0.5), k, steps=steps, n_samples=2000, rate=1e-2)[:, 0]
        for k, steps in ((1, 600), (128, 300))
    )
    assert np.mean(np.abs(one) < 0.9) > 0.7  # between the two points, where none of the truth is
    assert np.mean(np.abs(many) < 0.9) < 0.1
    assert many.std() == pytest.approx(1.5, abs=0.1)
