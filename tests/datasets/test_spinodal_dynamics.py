"""The density's dynamics against the dispersion relation and the laws it must follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.dynamics import evolve, slope

Floats = NDArray[np.float64]
WELL, SURFACE, MOBILITY, SPACING = 1.1, 0.33, 0.6, 0.55
MEDIUM = (WELL, SURFACE, MOBILITY)
EITHER = np.array([False, True])


def run(
    density: Floats,
    spinodal: NDArray[np.bool_] = EITHER,
    temperature: float = 0.6,
    duration: float = 2.0,
    flow: tuple[float, float] = (0.0, 0.0),
    spacing: float = SPACING,
    medium: tuple[float, float, float] = MEDIUM,
) -> Floats:
    """Evolve the same density with each of the dynamics."""
    n = len(spinodal)
    densities = np.tile(density, (n, 1, 1))
    return evolve(densities, spinodal, np.tile(flow, (n, 1)), np.full(n, temperature), medium, duration, spacing)


def lumpy(side: int, width: float, seed: int = 1) -> Floats:
    """A smooth density on a box ``width`` wide, the same on any grid."""
    rng = np.random.default_rng(seed)
    x = (np.arange(side) + 0.5) * width / side - width / 2
    density = 1.6 * np.exp(-(x[:, None] ** 2 + x**2) / 18)
    for _ in range(6):
        cx, cy = rng.normal(0, 2, 2)
        height = rng.uniform(-0.3, 0.5)
        density *= 1 + height * np.exp(-((x[:, None] - cx) ** 2 + (x - cy) ** 2) / 4)
    return density


@pytest.mark.parametrize("mode", [2, 5, 9, 14])
@pytest.mark.parametrize("mean", [0.2, 0.7, 1.0, 1.3, 1.9])
@pytest.mark.parametrize("spinodal", [False, True])
def test_waves_grow_and_fall_by_the_dispersion_relation(spinodal: bool, mean: float, mode: int) -> None:
    side, theta, duration = 36, 0.4, 1.5
    wave = np.cos(np.pi * mode * (np.arange(side) + 0.5) / side)
    density = mean + 1e-6 * wave[:, None] * np.ones(side)
    found = run(density, np.array([spinodal]), 1 - theta, duration)[0]
    amplitude = 2 * ((found.mean(axis=1) - mean) @ wave) / side / 1e-6
    curvature = 3 * (mean - 1) ** 2 / WELL**2 - theta
    if not spinodal and (mean - 1) ** 2 < theta * WELL**2:
        curvature = 0.0  # flat in Maxwell's construction
    k2 = (2 - 2 * np.cos(np.pi * mode / side)) / SPACING**2  # of the grid; (pi mode / width)^2 for long waves
    expected = MOBILITY * mean * k2 * (-curvature - SURFACE**2 * k2)
    # Steps are of first order: a rate is wrong by half of rate times step, and steps are short where it matters.
    assert np.log(amplitude) / duration == pytest.approx(expected, rel=0.02 + 0.01 * abs(expected), abs=2e-3)
    if mode <= 5 and abs(expected) < 3:
        k2 = (np.pi * mode / (side * SPACING)) ** 2
        continuum = MOBILITY * mean * k2 * (-curvature - SURFACE**2 * k2)
        assert np.log(amplitude) / duration == pytest.approx(continuum, rel=0.06, abs=2e-3)


def test_only_the_spinodal_region_amplifies() -> None:
    wave = 1e-4 * np.cos(np.pi * 5 * (np.arange(36) + 0.5) / 36)[:, None] * np.ones(36)
    theta = 0.4
    edge = WELL * (theta / 3) ** 0.5
    for mean, grows in ((1 - 1.2 * edge, False), (1 - 0.7 * edge, True), (1 + 0.7 * edge, True)):
        maxwell, spinodal = run(mean + wave, temperature=1 - theta).std(axis=(1, 2)) / wave.std()
        assert maxwell < 1
        assert (spinodal > 1) == grows


@settings(deadline=None)  # compiled at the first call
@given(st.floats(0.05, 1), st.floats(0.3, 3), st.floats(0, 4))
def test_the_construction_is_maxwells(theta: float, well: float, density: float) -> None:
    phases = 1 + well * np.sqrt(theta) * np.linspace(-1, 1, 2001)
    force = np.array([slope(n, theta, well, True) for n in phases])
    area = ((force[1:] + force[:-1]) / 2 * np.diff(phases)).sum()
    assert abs(area) < 1e-9 * well  # equal areas above and below the flat line
    assert max(abs(slope(n, theta, well, False)) for n in phases[1:-1]) < 1e-9
    if not phases[0] <= density <= phases[-1]:
        assert slope(density, theta, well, False) == slope(density, theta, well, True)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(0.2, 1.3), st.floats(0, 0.2), st.floats(0, 0.5), st.floats(0.1, 2))
def test_baryons_are_conserved_and_densities_positive(
    seed: int, temperature: float, transverse: float, longitudinal: float, mobility: float
) -> None:
    density = lumpy(36, 36 * SPACING, seed) * np.random.default_rng(seed).uniform(0, 2, (36, 36))
    medium = (WELL, SURFACE, mobility)
    found = run(density, temperature=temperature, flow=(transverse, longitudinal), medium=medium)
    volume = (1 + 2 * transverse) ** 2 * (1 + 2 * longitudinal)
    np.testing.assert_allclose(found.sum(axis=(1, 2)) * volume, density.sum(), rtol=1e-12)
    assert found.min() >= 0
    assert np.isfinite(found).all()


def test_without_mobility_the_flow_only_dilutes() -> None:
    density = lumpy(36, 36 * SPACING)
    found = run(density, flow=(0.1, 0.3), medium=(WELL, SURFACE, 1e-12))
    np.testing.assert_allclose(found[1], density / (1.2**2 * 1.6), rtol=1e-9)


def test_above_the_critical_temperature_both_are_the_same() -> None:
    maxwell, spinodal = run(lumpy(36, 36 * SPACING), temperature=1.0)
    np.testing.assert_allclose(maxwell, spinodal, rtol=1e-9)
    maxwell, spinodal = run(0.7 * lumpy(36, 36 * SPACING), temperature=0.5)
    assert spinodal.max() > 1.1 * maxwell.max()


def test_turned_and_mirrored_densities_stay_so() -> None:
    density = lumpy(36, 36 * SPACING)
    whole = run(density, flow=(0.07, 0.2))
    np.testing.assert_allclose(run(density.T.copy(), flow=(0.07, 0.2)), whole.transpose(0, 2, 1), rtol=1e-8)
    np.testing.assert_allclose(run(density[::-1].copy(), flow=(0.07, 0.2)), whole[:, ::-1], rtol=1e-8)


def test_the_result_does_not_depend_on_the_grid() -> None:
    def blocks(side: int) -> Floats:
        found = run(lumpy(side, 19.8), spacing=19.8 / side, flow=(0.075, 0.22), duration=3.0)
        return np.asarray(found.reshape(2, 18, side // 18, 18, side // 18).mean(axis=(2, 4)))

    coarse, fine, finest = (blocks(side) for side in (18, 36, 72))
    difference, before = (np.abs(a - finest).max() / finest.max() for a in (fine, coarse))
    assert difference < 0.02
    assert difference < before / 2.5  # second order
