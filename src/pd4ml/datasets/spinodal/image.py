"""From the density on the fluid's grid to an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.fireball import SIDE, SPACING

__all__ = ["N_PIXELS", "PIXEL", "image"]

N_PIXELS = 20
# Width of a pixel in fm: chosen, the published one is not known.
PIXEL = 1.0

Floats = NDArray[np.float64]


def image(density: Floats) -> Floats:
    """Mean densities (N, 20, 20) in the pixels, of (N, SIDE, SIDE) in the cells."""
    cells = round(PIXEL / SPACING)
    first = (SIDE - N_PIXELS * cells) // 2
    inside = density[:, first : SIDE - first, first : SIDE - first]
    pixels: Floats = inside.reshape(-1, N_PIXELS, cells, N_PIXELS, cells).mean(axis=(2, 4))
    return pixels
