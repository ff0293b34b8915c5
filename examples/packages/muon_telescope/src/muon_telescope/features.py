"""What models see of a hit: where it is, which coordinate its plane measures, and the deposit. Nothing is fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muon_telescope.simulator import PLANES, STRIPS
from pd4ml.errors import DataError

__all__ = ["features"]


def features(deposits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features (sum P, 4) float32 of all hits, and offsets (N + 1,) of the events among them.

    They are the plane and the strip, both from -1 to 1, 1 for planes that measure y, and the logarithm of the
    deposit. deposits: (N, 6, 8) float32. Raises DataError for another shape.
    """
    deposits = np.asarray(deposits)
    if deposits.shape[1:] != (PLANES, STRIPS):
        message = f"expected deposits (N, {PLANES}, {STRIPS}), found {deposits.shape}"
        raise DataError(message)
    event, plane, strip = np.nonzero(deposits)
    columns = (
        2 * plane / (PLANES - 1) - 1,
        2 * strip / (STRIPS - 1) - 1,
        plane % 2,
        np.log(deposits[event, plane, strip]),
    )
    offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=len(deposits)))])
    return np.stack(columns, axis=1).astype(np.float32), offsets
