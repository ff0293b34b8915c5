"""The atmosphere against the ICAO standard atmosphere, and its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd4ml.physics.atmosphere import TOP, height_at_depth, slant_depth, vertical_depth


@pytest.mark.parametrize(
    ("height", "pressure"),  # m, hPa: ICAO Doc 7488
    [(0, 1013.25), (1000, 898.75), (5000, 540.20), (10_000, 264.36), (20_000, 54.75), (30_000, 11.72)],
)
def test_the_depth_is_the_pressure_over_gravity(height: float, pressure: float) -> None:
    assert vertical_depth(height) == pytest.approx(pressure / 0.980665, rel=0.025)


def test_the_layers_join() -> None:
    for edge in (7e3, 11.4e3, 37e3, 100e3):
        above, below = vertical_depth([edge + 1e-6, edge - 1e-6])
        assert above == pytest.approx(below, rel=2e-3)
    assert vertical_depth(TOP) == pytest.approx(0, abs=1e-7)
    assert vertical_depth(2 * TOP) == vertical_depth(TOP)


def test_the_depth_falls_with_height() -> None:
    assert (np.diff(vertical_depth(np.linspace(0, TOP, 5000))) < 0).all()


@given(st.floats(0, TOP - 1))
def test_height_and_depth_are_inverse(height: float) -> None:
    assert height_at_depth(vertical_depth(height)) == pytest.approx(height, abs=1e-3)


def test_slanted_lines_cross_more_air() -> None:
    np.testing.assert_allclose(slant_depth(1400, np.deg2rad([0, 60])) / vertical_depth(1400), [1, 2])
    assert slant_depth(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)
