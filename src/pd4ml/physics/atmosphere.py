"""The depth of a flat atmosphere of five layers: an exponential in each, but linear in the highest.

Numbers: US standard atmosphere in the parametrisation after Keilhauer, CORSIKA user's guide, appendix "Atmospheric
parameters" (atmosphere 17; https://www.iap.kit.edu/corsika/70.php). Depth above height h is
a + b exp(-h / c) below 100 km, and a - b h / c above.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["TOP", "height_at_depth", "slant_depth", "vertical_depth"]

_A = np.array([-149.801663, -57.932486, 0.63631894, 4.35453690e-4, 0.01128292])  # g/cm2
_B = np.array([1183.6071, 1143.0425, 1322.9748, 655.67307, 1.0])  # g/cm2
_C = np.array([9542.4834, 8000.0534, 6295.6893, 7375.2177, 1e7])  # m
_EDGES = np.array([7e3, 11.4e3, 37e3, 100e3])  # m
# Where the depth reaches zero, in m.
TOP = 112_829.2


def vertical_depth(height: ArrayLike) -> NDArray[np.float64]:
    """Mass of air above ``height`` (m above sea level, any shape), in g/cm2; zero above ``TOP``."""
    height = np.minimum(height, TOP)
    layer = np.searchsorted(_EDGES, height, side="right")
    a, b, scaled = _A[layer], _B[layer], height / _C[layer]
    depth: NDArray[np.float64] = np.where(layer == len(_EDGES), a - b * scaled, a + b * np.exp(-scaled))
    return depth


def slant_depth(height: ArrayLike, zenith: ArrayLike) -> NDArray[np.float64]:
    """Mass of air from outside to ``height`` along a line at ``zenith`` (rad), in g/cm2; shapes broadcast."""
    depth: NDArray[np.float64] = vertical_depth(height) / np.cos(zenith)
    return depth


def height_at_depth(depth: ArrayLike) -> NDArray[np.float64]:
    """Height (m) above which there are ``depth`` g/cm2 of air, from 0 to the depth at the ground; any shape.

    For a slant depth X at zenith angle z, ask for ``X cos(z)``.
    """
    depth = np.asarray(depth, np.float64)
    layer = len(_EDGES) - np.searchsorted(vertical_depth(_EDGES)[::-1], depth, side="left")
    a, b, c = _A[layer], _B[layer], _C[layer]
    top = layer == len(_EDGES)
    ratio = (depth - a) / b
    height: NDArray[np.float64] = np.where(top, -ratio, -np.log(np.where(top, 1.0, ratio))) * c
    return height
