"""Primaries, directions, cores and shower maxima against the distributions they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from pd4ml.datasets.airshower.showers import GROUND, Showers, draw_showers, station_positions
from pd4ml.datasets.airshower.xmax import MASS_NUMBERS, draw_xmax, gumbel_parameters
from pd4ml.physics.atmosphere import slant_depth

N = 40_000


def analytic(lg_energy: float, mass: float) -> tuple[float, float]:
    """Mean and standard deviation of the generalised Gumbel distribution."""
    mu, sigma, shape = (float(p) for p in gumbel_parameters(np.array(lg_energy), np.array(mass)))
    mean = mu - sigma * (special.digamma(shape) - np.log(shape))
    return float(mean), float(sigma * special.polygamma(1, shape) ** 0.5)


@pytest.fixture(scope="module")
def showers() -> Showers:
    mix = {"p": 2.0, "Fe": 1.0}
    return draw_showers(N, mix, (18.5, 20.0), np.pi / 3, 750.0, np.random.default_rng(5))


def same(sample: NDArray[np.float64], low: float, high: float) -> float:
    """The p-value of ``sample`` being uniform."""
    return float(stats.kstest((sample - low) / (high - low), "uniform").pvalue)


def test_energy_direction_and_core_are_distributed_as_said(showers: Showers) -> None:
    x, y, z = showers.axis.T
    np.testing.assert_allclose(x**2 + y**2 + z**2, 1)
    assert same(showers.lg_energy, 18.5, 20) > 0.01
    assert same(z**2, 0.25, 1) > 0.01  # sin cos dtheta is uniform in cos^2, down to 60 deg
    assert same(np.arctan2(y, x), -np.pi, np.pi) > 0.01
    core_x, core_y, core_z = showers.core.T
    assert same(core_x**2 + core_y**2, 0, 750**2) > 0.01
    assert same(np.arctan2(core_y, core_x), -np.pi, np.pi) > 0.01
    assert (core_z == GROUND).all()


def test_primaries_come_as_weighted(showers: Showers) -> None:
    masses, counts = np.unique(showers.mass, return_counts=True)
    np.testing.assert_array_equal(masses, [1, 56])
    np.testing.assert_allclose(counts / N, [2 / 3, 1 / 3], atol=4 * (2 / 9 / N) ** 0.5)


def test_quantities_are_drawn_independently(showers: Showers) -> None:
    table = np.array([showers.lg_energy, showers.mass, *showers.axis.T, *showers.core.T[:2]])
    correlation = np.corrcoef(table) - np.eye(len(table))
    assert np.abs(correlation).max() < 5 / N**0.5


def test_the_maximum_is_above_the_ground_and_at_its_depth(showers: Showers) -> None:
    zenith = np.arccos(showers.axis[:, 2])
    height = showers.maximum[:, 2]
    assert height.min() > 1600 - 1e-6
    np.testing.assert_allclose(slant_depth(height, zenith), showers.xmax)
    off_axis = np.cross(showers.maximum - showers.core, showers.axis)
    assert np.abs(off_axis).max() < 1e-6


@pytest.mark.parametrize("primary", MASS_NUMBERS)
@pytest.mark.parametrize("lg_energy", [18.5, 19.0, 20.0])
def test_xmax_has_the_mean_and_spread_of_its_distribution(primary: str, lg_energy: float) -> None:
    rng = np.random.default_rng(1)
    mass = float(MASS_NUMBERS[primary])
    xmax = draw_xmax(np.full(N, lg_energy), np.full(N, mass), np.full(N, np.inf), rng)
    mean, spread = analytic(lg_energy, mass)
    assert xmax.mean() == pytest.approx(mean, abs=4 * spread / N**0.5)
    kurtosis = float(stats.kurtosis(xmax))
    assert xmax.std() == pytest.approx(spread, rel=4 * ((kurtosis + 2) / 4 / N) ** 0.5)


def test_xmax_rises_with_energy_and_falls_with_mass() -> None:
    means = np.array([[analytic(e, a)[0] for a in MASS_NUMBERS.values()] for e in (18.5, 19.0, 19.5, 20.0)])
    assert (np.diff(means, axis=0) > 20).all()  # the elongation rate, more than 40 g/cm2 per decade
    assert (np.diff(means, axis=1) < 0).all()
    assert 80 < means[1, 0] - means[1, -1] < 120  # proton and iron at 10 EeV


def test_too_deep_a_maximum_is_drawn_again() -> None:
    rng = np.random.default_rng(2)
    deepest = np.full(5000, 800.0)
    xmax = draw_xmax(np.full(5000, 19.0), np.ones(5000), deepest, rng)
    assert xmax.max() <= 800
    free = draw_xmax(np.full(50_000, 19.0), np.ones(50_000), np.full(50_000, np.inf), rng)
    assert stats.ks_2samp(xmax, free[free <= 800]).pvalue > 0.01


def test_the_array_is_cartesian() -> None:
    stations = station_positions(1500.0).reshape(9, 9, 3)
    np.testing.assert_array_equal(stations[4, 4], [0, 0, GROUND])
    np.testing.assert_array_equal(stations[1:] - stations[:-1], np.broadcast_to([1500, 0, 0], (8, 9, 3)))
    np.testing.assert_array_equal(stations[:, 1:] - stations[:, :-1], np.broadcast_to([0, 1500, 0], (9, 8, 3)))


def test_stations_of_offset_rows_form_equilateral_triangles() -> None:
    stations = station_positions(1500.0, "offset")
    assert stations.shape == (81, 3)
    np.testing.assert_array_equal(stations[40], [0, 0, GROUND])
    assert (np.diff(stations[::9, 0]) == 1500).all()  # the first index is x
    distance = np.linalg.norm(stations[:, None] - stations, axis=2) + 1e9 * np.eye(81)
    np.testing.assert_allclose(distance.min(axis=1), 1500)
    assert (np.isclose(distance, 1500).sum(axis=1) <= 6).all()
    assert np.isclose(distance, 1500).sum(axis=1)[40] == 6
