"""From the density on the moving grid to an image at freeze-out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.fireball import SIDE, SPACING

__all__ = ["CENTRE", "N_PIXELS", "PIXEL", "image"]

N_PIXELS = 20
# Width of a pixel in fm: chosen, the published one is not known.
PIXEL = 1.0
# Index of the fireball's middle: the published events' centroids lie near 9.3 and not in the middle, 9.5.
CENTRE = 9.3

Floats = NDArray[np.float64]


def image(density: Floats, growth: Floats, freeze_out: float) -> Floats:
    """Densities (N, 20, 20) at the centres of the pixels, zero where they are below ``freeze_out``.

    density: (N, SIDE, SIDE) on the moving grid; growth: (N,), how much wider its cells have become. Between the
    centres of cells it is linear in x and y.
    """
    position = (np.arange(N_PIXELS) - CENTRE) * PIXEL / (growth[:, None] * SPACING) + (SIDE - 1) / 2
    cell = np.floor(position).clip(0, SIDE - 2).astype(np.int64)
    part = (position - cell).clip(0, 1)
    events = np.arange(len(density))[:, None]
    rows = density[events, cell] * (1 - part)[..., None] + density[events, cell + 1] * part[..., None]
    columns = rows.transpose(0, 2, 1)
    out = columns[events, cell] * (1 - part)[..., None] + columns[events, cell + 1] * part[..., None]
    out = out.transpose(0, 2, 1)
    return np.where(out < freeze_out, 0.0, out)
