"""What models see of a pixel: the square root of its pT in units of the root-mean-square over all pixels of train.

A jet's pixels span four orders of magnitude, and most of them are empty; the root brings the soft ones up, where
the classes differ. The paper's networks were given the pixels as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.storage.store import Array, Events

__all__ = ["FIT_EVENTS", "features", "fit"]

# The scale is fitted on this many events at the beginning of the split.
FIT_EVENTS = 20_000


def fit(events: Events | Mapping[str, Array]) -> dict[str, Any]:
    """The scale, of the first 20,000 events. DataError where the images are empty or not finite."""
    # The mean square of the roots is the mean.
    mean = float(np.mean(events["image"][:FIT_EVENTS], dtype=np.float64))
    if not 0 < mean < math.inf:
        raise DataError(f"the pixels must be finite and not all empty; their mean is {mean} GeV")
    return {"scale": math.sqrt(mean)}


def features(image: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Compute the features (N, 25, 25, 1) float32: the square root of the pixels over ``scale``.

    image: (N, 25, 25) float32, GeV. Raises DataError for another shape or dtype, and for a pixel that is negative
    or not finite.
    """
    image = np.asarray(image)
    if image.shape[1:] != (25, 25) or image.dtype != np.float32:
        raise DataError(f"expected image (N, 25, 25) of float32, found {image.shape} of {image.dtype}")
    bad = ~((image >= 0) & (image < np.inf)).all(axis=(1, 2))
    if bad.any():
        raise DataError(
            f"event {int(bad.argmax())} has a pixel that is negative or not finite; expected at least 0"
        )
    return (np.sqrt(image) / np.float32(scale)).astype(np.float32, copy=False)[..., None]
