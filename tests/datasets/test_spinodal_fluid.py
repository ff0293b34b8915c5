"""The fluid and its matter against the dispersion relation and the laws they must follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.equation_of_state import LARGEST, coexistence, tables
from pd4ml.datasets.spinodal.fluid import evolve
from pd4ml.errors import DataError

Floats = NDArray[np.float64]
MATTER = (1 / 3, -0.08, 0.32)
EITHER = np.array([False, True])


def run(
    density: Floats,
    spinodal: NDArray[np.bool_] = EITHER,
    matter: tuple[float, float, float] = MATTER,
    flow: float = 0.0,
    surface: float = 0.1,
    duration: float = 3.0,
    spacing: float = 0.5,
) -> Floats:
    """Let the same density expand as each kind of matter."""
    densities = np.tile(density, (len(spinodal), 1, 1))
    return evolve(densities, spinodal, tables(*matter), flow, surface, duration, spacing)


def lumpy(side: int, seed: int = 1) -> Floats:
    """A smooth density with lumps and vacuum around, on a box of 24 fm, the same on any grid."""
    rng = np.random.default_rng(seed)
    x = (np.arange(side) + 0.5) * 24 / side - 12
    density = np.zeros((side, side))
    for _ in range(8):
        cx, cy = rng.normal(0, 2, 2)
        density += 0.4 * np.exp(-((x[:, None] - cx) ** 2 + (x - cy) ** 2) / 5)
    return np.where(density > 1e-6, density, 0.0)


def sound2(density: float) -> float:
    gas = density ** (2 / 3)
    dense, unstable, width = MATTER
    dip = (dense / 2 - unstable) * np.exp(-(np.log(density) ** 2) / (2 * width**2))
    return float(dense * gas / (1 + gas) - dip)


@pytest.mark.parametrize("wavelength", [4.0, 6.0])
@pytest.mark.parametrize("mean", [0.2, 1.0, 1.2, 2.5])
@pytest.mark.parametrize("spinodal", [False, True])
def test_small_waves_follow_the_dispersion_relation(spinodal: bool, mean: float, wavelength: float) -> None:
    side, spacing, surface, duration = 100, 0.25, 0.15, 2.5
    k = 2 * np.pi / wavelength
    x = spacing * (np.arange(side) + 0.5)
    wave = np.cos(k * x)
    density = mean * (1 + 1e-3 * wave[:, None] * np.ones(side))
    (found,) = run(density, np.array([spinodal]), surface=surface, duration=duration, spacing=spacing)
    # Far from the walls, which are felt no farther than light goes, over whole wavelengths
    middle = np.abs(x - 12.5) < wavelength
    amplitude = 2 * ((found[middle, side // 2] / mean - 1) @ wave[middle]) / middle.sum() / 1e-3
    mu = float(np.interp(np.sqrt(mean), np.linspace(0, np.sqrt(LARGEST), 1025), tables(*MATTER)[1, :, 0]))
    phases = coexistence(*MATTER)
    assert phases is not None
    flat = not spinodal and phases[0] < mean < phases[1]
    omega2 = k**2 * ((0.0 if flat else sound2(mean)) + surface**2 * mean * k**2 / mu)
    expected = float(np.cos(np.sqrt(complex(omega2)) * duration).real)
    assert amplitude == pytest.approx(expected, abs=0.05 + 0.04 * abs(expected))


def test_only_the_unstable_region_amplifies() -> None:
    x = 0.5 * (np.arange(48) + 0.5)
    wave = 1e-3 * np.cos(2 * np.pi * x / 6)[:, None] * np.ones(48)
    for mean, grows in ((0.4, False), (0.9, True), (1.2, True), (2.0, False)):
        maxwell, spinodal = (
            event[16:32, 16:32].std() / mean / wave[16:32].std() for event in run(mean * (1 + wave))
        )
        assert maxwell < 1.02
        assert (spinodal > 1.1) == grows


@settings(deadline=None, max_examples=30)
@given(st.floats(0.2, 0.5), st.floats(-0.1, -0.01), st.floats(0.1, 0.35))
def test_the_construction_is_maxwells(dense: float, unstable: float, width: float) -> None:
    phases = coexistence(dense, unstable, width)
    assert phases is not None
    dilute, compressed, mu, p = phases
    assert dilute < 1 < compressed
    maxwell, spinodal = tables(dense, unstable, width)
    n = np.linspace(0, np.sqrt(LARGEST), len(maxwell)) ** 2
    # Gibbs: the same mu and p in both phases, and one medium outside of the two
    for density in (dilute, compressed):
        assert np.interp(density, n, spinodal[:, 0]) == pytest.approx(mu, abs=2e-3)
        assert np.interp(density, n, spinodal[:, 1]) == pytest.approx(p, abs=2e-3)
    mixed = (n > dilute) & (n < compressed)
    assert (np.ptp(maxwell[mixed], axis=0) == 0).all()
    np.testing.assert_array_equal(maxwell[~mixed], spinodal[~mixed])
    assert (np.diff(maxwell[:, 1]) >= -1e-9).all()
    assert spinodal[mixed, 2].min() < 0
    np.testing.assert_allclose(np.diff(spinodal[:, 1]), np.diff(spinodal[:, 0]) * (n[1:] + n[:-1]) / 2, atol=1e-4)


def test_without_a_transition_both_are_the_same() -> None:
    matter = (1 / 3, 0.05, 0.3)
    assert coexistence(*matter) is None
    maxwell, spinodal = run(lumpy(48), matter=matter)
    np.testing.assert_array_equal(maxwell, spinodal)


def test_matter_that_needs_no_pressure_to_stay_is_refused() -> None:
    with pytest.raises(DataError, match="bind matter in vacuum"):
        coexistence(1 / 3, -0.2, 0.6)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000), st.floats(0, 0.5), st.floats(0, 0.2))
def test_baryons_are_conserved_and_densities_positive(seed: int, flow: float, surface: float) -> None:
    density = lumpy(48, seed)
    density[10:38, 10:38] *= np.random.default_rng(seed).uniform(0, 2, (28, 28))
    found = run(density, flow=flow, surface=surface, duration=2.0)
    assert found.min() >= 0
    assert np.isfinite(found).all()
    # The loss by the flow along the beam is of second order in the step.
    np.testing.assert_allclose(found.sum(axis=(1, 2)) * (1 + 2 * flow), density.sum(), rtol=2e-3)
    if flow == 0:
        np.testing.assert_allclose(found.sum(axis=(1, 2)), density.sum(), rtol=1e-4)


def test_a_uniform_medium_is_only_diluted() -> None:
    found = run(np.full((24, 24), 0.9), flow=0.3)
    np.testing.assert_allclose(found, 0.9 / 1.9, rtol=1e-3)


def test_nothing_is_faster_than_light() -> None:
    x = 0.5 * (np.arange(48) - 23.5)
    density = np.where(np.hypot(x[:, None], x) < 5, 3.0, 0.0)
    found = run(density, duration=4.0)
    assert found[:, np.hypot(x[:, None], x) > 5 + 4 + 1.0].max() < 1e-4
    assert found[:, np.hypot(x[:, None], x) < 7].min() > 0


def test_turned_and_mirrored_densities_stay_so() -> None:
    density = lumpy(48)
    whole = run(density, flow=0.1)
    np.testing.assert_allclose(run(density.T.copy(), flow=0.1), whole.transpose(0, 2, 1), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(run(density[::-1].copy(), flow=0.1), whole[:, ::-1], rtol=1e-6, atol=1e-9)


def test_the_result_does_not_depend_on_the_grid() -> None:
    def blocks(side: int) -> Floats:
        found = run(lumpy(side), spacing=24 / side, flow=0.1, surface=0.15, duration=4.0)
        return np.asarray(found.reshape(2, 24, side // 24, 24, side // 24).mean(axis=(2, 4)))

    coarse, fine, finest = (blocks(side) for side in (24, 48, 96))
    difference, before = (np.abs(a - finest).max() / finest.max() for a in (fine, coarse))
    assert difference < 0.08
    assert difference < 0.75 * before  # limited slopes at lumps and phases: less than second order
