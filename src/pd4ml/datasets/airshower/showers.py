"""Showers and the array they fall on: primaries, directions, cores, shower maxima."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.airshower.xmax import MASS_NUMBERS, draw_xmax
from pd4ml.physics.atmosphere import height_at_depth, slant_depth

__all__ = ["GROUND", "N_SIDE", "Layout", "Showers", "draw_showers", "station_positions"]

N_SIDE = 9
# Altitude of the array in m, and of the lowest shower maximum.
GROUND = 1400.0
_LOWEST_MAXIMUM = 1600.0

Layout = Literal["cartesian", "offset"]

Floats = NDArray[np.float64]


def station_positions(spacing: float, layout: Layout = "cartesian") -> Floats:
    """Positions (81, 3) of the stations in m: x, y from the middle of the array, altitude.

    Station ``9 i + j`` is at ``[i, j]`` of the event arrays; x rises with i, y with j, both in steps
    of ``spacing`` (m). In the layout "offset" every other row is moved by half a spacing and rows are sin(60 deg)
    of it apart, so that next neighbours form equilateral triangles.
    """
    x, y = (np.indices((N_SIDE, N_SIDE)) - N_SIDE // 2).astype(np.float64).reshape(2, -1)
    if layout == "offset":
        x, y = x + 0.5 * (y % 2), np.sin(np.pi / 3) * y
    return np.stack([spacing * x, spacing * y, np.full(x.size, GROUND)], axis=1)


@dataclass(frozen=True)
class Showers:
    """N showers; all arrays (N,) or (N, 3) float64.

    lg_energy: lg(E/eV); mass: mass number; xmax: slant depth of the maximum, g/cm2; axis: unit vector to where
    the shower comes from; core: where its axis meets the ground, m.
    """

    lg_energy: Floats
    mass: Floats
    xmax: Floats
    axis: Floats
    core: Floats

    @property
    def zenith(self) -> Floats:
        """(N,) zenith angle in rad."""
        return np.arctan2(np.hypot(self.axis[:, 0], self.axis[:, 1]), self.axis[:, 2])

    @property
    def azimuth(self) -> Floats:
        """(N,) azimuth in rad of where the shower comes from, in [-pi, pi)."""
        return np.arctan2(self.axis[:, 1], self.axis[:, 0])

    @property
    def maximum(self) -> Floats:
        """(N, 3) position of the shower maximum on the axis, in m."""
        cos_zenith = self.axis[:, 2]
        along = (height_at_depth(self.xmax * cos_zenith) - GROUND) / cos_zenith
        return self.core + along[:, None] * self.axis


def draw_showers(
    n: int,
    primaries: Mapping[str, float],
    lg_energy: tuple[float, float],
    zenith_max: float,
    core_radius: float,
    rng: np.random.Generator,
) -> Showers:
    """Draw ``n`` showers.

    ``primaries`` maps names to weights; lg(E/eV) is uniform in the range ``lg_energy``; the zenith angle follows
    sin(theta) cos(theta) up to ``zenith_max`` (rad), as on a flat array; the azimuth is uniform; the core is
    uniform in a disc of ``core_radius`` (m). Xmax is drawn again while it lies below 1,600 m altitude.
    """
    masses = np.array([MASS_NUMBERS[name] for name in primaries], np.float64)
    weights = np.array(list(primaries.values()))
    mass = rng.choice(masses, n, p=weights / weights.sum())
    energy = rng.uniform(*lg_energy, n)
    zenith = np.arcsin(np.sin(zenith_max) * np.sqrt(rng.random(n)))
    azimuth, core_azimuth = rng.uniform(-np.pi, np.pi, (2, n))
    radius = core_radius * np.sqrt(rng.random(n))
    xmax = draw_xmax(energy, mass, slant_depth(_LOWEST_MAXIMUM, zenith), rng)
    axis = np.stack([np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)], axis=1)
    core = np.stack([radius * np.cos(core_azimuth), radius * np.sin(core_azimuth), np.full(n, GROUND)], axis=1)
    return Showers(energy, mass, xmax, axis, core)
