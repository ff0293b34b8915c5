"""What models see of a pixel: its density in units of the spread of all pixels.

One scale for all pixels and events, fitted on train: an event's total and its largest density stay visible. How
arXiv:2107.00656 scales the images is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.storage.store import Array, Events

__all__ = ["FIT_EVENTS", "features", "fit", "fit_scale"]

# The scale is fitted on this many events at the beginning of the split: to better than a per cent.
FIT_EVENTS = 20_000
_CHUNK = 2000


def fit(events: Events | Mapping[str, Array]) -> dict[str, Any]:
    """The scale of the densities, from the first 20,000 events."""
    return {"scale": fit_scale(events["density"])}


def fit_scale(density: NDArray[np.float32]) -> float:
    """Standard deviation of all pixels' densities (1/fm3).

    density: (N, 20, 20) float32; may be memory-mapped: the first ``FIT_EVENTS`` events are read, 2,000 at a time.
    Raises DataError where the densities do not vary or are not finite.
    """
    n, total, squares = 0, 0.0, 0.0
    for start in range(0, min(len(density), FIT_EVENTS), _CHUNK):
        pixels = np.array(density[start : min(start + _CHUNK, FIT_EVENTS)], np.float64)
        n += pixels.size
        total += float(pixels.sum())
        squares += float((pixels**2).sum())
    variance = squares / max(n, 1) - (total / max(n, 1)) ** 2
    if not 0 < variance < math.inf:
        message = f"the densities of {n} pixels must be finite and vary; their variance is {variance}"
        raise DataError(message)
    return math.sqrt(variance)


def features(density: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Compute the features (N, 20, 20, 1) float32: the density divided by ``scale``, both in 1/fm3.

    density: (N, 20, 20) float32. Raises DataError for another shape or dtype, and for a density that is negative
    or not finite.
    """
    density = np.asarray(density)
    if density.shape[1:] != (20, 20) or density.dtype != np.float32:
        message = f"expected density (N, 20, 20) of float32, found {density.shape} of {density.dtype}"
        raise DataError(message)
    bad = ~((density >= 0) & (density < np.inf)).all(axis=(1, 2))
    if bad.any():
        message = f"event {int(bad.argmax())} holds a density that is negative or not finite; expected at least 0"
        raise DataError(message)
    return (density / np.float32(scale))[..., None]
