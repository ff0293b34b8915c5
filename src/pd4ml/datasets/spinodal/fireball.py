"""What an event begins with: nucleons of two lead nuclei, drawn without knowing the event's class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CENTRE", "SIDE", "SPACING", "Fireballs", "cell_centres", "draw_fireballs", "thickness"]

# 48x48 cells, 24 fm wide.
SIDE = 48
SPACING = 0.5
# Index of the fireball's middle in the image: the published centroids lie near 9.3 and not in the middle, 9.5.
CENTRE = 9.3
# Woods-Saxon density of lead: radius and diffuseness in fm (de Vries et al., At. Data Nucl. Data Tables 36
# (1987) 495).
_RADIUS, _DIFFUSENESS = 6.62, 0.546
_R = np.linspace(0, 16, 801)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fireballs:
    """N events at the beginning: density (N, SIDE, SIDE) over the critical one, impact parameter (N,) in fm."""

    density: Floats
    impact: Floats


def cell_centres() -> Floats:
    """Coordinates (SIDE,) of the cells' centres in fm, 0 in the middle of the fireball."""
    return SPACING * (np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2) + 9.5 - CENTRE


def thickness() -> Floats:
    """A nucleus seen along the beam, 1 in its middle, at the radii ``_R``."""
    depth = _R[:, None]
    density = 1 / (1 + np.exp((np.hypot(_R, depth) - _RADIUS) / _DIFFUSENESS))
    along: Floats = density.sum(axis=0) - density[0] / 2  # trapezoids
    along /= along[0]
    return along


def draw_fireballs(
    n: int,
    density: tuple[float, float],
    nucleons: float,
    smearing: float,
    impact_max: float,
    rng: np.random.Generator,
) -> Fireballs:
    """Draw ``n`` fireballs.

    density: mean over the critical one in the middle of a head-on collision, and its relative spread; nucleons:
    their mean number there, Poisson; smearing: width of each one's Gaussian in fm; impact_max: largest impact
    parameter in fm, b^2 being uniform. Nucleons lie where both nuclei do, by the geometric mean of their
    thicknesses (arXiv:1412.4708).
    """
    x = cell_centres()
    profile = thickness()
    area = np.concatenate([[0.0], np.cumsum((_R * profile)[1:] + (_R * profile)[:-1])]) / 2 * _R[1]
    norm = 2 * np.pi * area[-1] / (nucleons * 2 * np.pi * smearing**2)
    impact = impact_max * np.sqrt(rng.random(n))
    scale = norm * density[0] * (1 + density[1] * rng.standard_normal(n).clip(-3, 3))
    out = np.empty((n, SIDE, SIDE))
    for event in range(n):
        places = _nucleons(rng.poisson(nucleons), impact[event], area / area[-1], profile, rng)
        rows, columns = (np.exp(-((x[:, None] - place) ** 2) / (2 * smearing**2)) for place in places)
        out[event] = scale[event] * (rows @ columns.T)
    return Fireballs(out, impact)


def _nucleons(n: int, impact: float, share: Floats, profile: Floats, rng: np.random.Generator) -> Floats:
    """Places (2, n or fewer): nucleons of a head-on collision that are inside both nuclei, turned at random."""
    r, angle = np.interp(rng.random(n), share, _R), rng.uniform(0, 2 * np.pi, n)
    x, y = r * np.cos(angle), r * np.sin(angle)
    one, other = (np.interp(np.hypot(x + shift, y), _R, profile) for shift in (impact / 2, -impact / 2))
    kept = rng.random(n) * np.interp(r, _R, profile) < np.sqrt(one * other)
    angle = angle + rng.uniform(0, 2 * np.pi)
    return np.stack([r * np.cos(angle), r * np.sin(angle)])[:, kept]
