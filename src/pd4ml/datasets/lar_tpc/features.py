"""What models see of a pixel: its plane, place and charge.

Charges are in units of what a minimum-ionising particle leaves in a pixel, as logarithms; nothing is fitted, so
that a detector's gain stays visible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["CENTRE", "FEATURES", "HALF", "MIP", "PLANE_DISTANCE", "features"]

FEATURES = ("plane", "row", "column", "charge", "collection")
# Thousands of electrons of 9 mm at 1.8 MeV/cm and 0.5 kV/cm; rows and columns from -1 to 1.
MIP, CENTRE, HALF = 49.0, 63.5, 64.0
# Farther apart than any two pixels of a plane.
PLANE_DISTANCE = 3.0


def features(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (P, 5) of ``pixels`` (P, 4); the last says whether the plane is that of vertical wires.

    Raises DataError for another shape or dtype, places out of the image and charges that are not above zero.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != 2 or pixels.shape[1] != 4 or pixels.dtype != np.float32:
        raise DataError(f"expected pixels (P, 4) of float32, found {pixels.shape} of {pixels.dtype}")
    plane, row, column, charge = pixels.T
    inside = (plane >= 0) & (plane <= 2) & (row >= 0) & (row <= 127) & (column >= 0) & (column <= 127)
    if not (inside & (charge >= 0) & np.isfinite(charge)).all():
        raise DataError(
            "expected planes 0 to 2, rows and columns 0 to 127 and charges that are finite and not below 0"
        )
    columns = (
        PLANE_DISTANCE * (plane - 1),
        *((place - CENTRE) / HALF for place in (row, column)),
        np.log1p(charge / MIP),
        plane == 2,
    )
    return np.stack(columns, axis=1).astype(np.float32)
