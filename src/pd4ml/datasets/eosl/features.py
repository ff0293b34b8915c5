"""What models see of a spectrum: its counts, standardised bin by bin with what the train split says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.errors import DataError
from pd4ml.storage.store import Array, Events

__all__ = ["features", "fit", "fit_bins"]

_CHUNK = 10_000


def fit(events: Events | Mapping[str, Array]) -> dict[str, Any]:
    """Mean and standard deviation of every bin."""
    mean, spread = fit_bins(events["pion_spectrum"])
    return {"mean": mean.tolist(), "spread": spread.tolist()}


def fit_bins(spectra: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of every bin, (24, 24) each, over all spectra, some thousand at a time.

    spectra: (N, 24, 24) float32; may be memory-mapped. Bins that never change have a standard deviation of 1.
    """
    if not len(spectra):
        message = "the bins' means need at least one spectrum"
        raise DataError(message)
    total, squares = np.zeros((2, *spectra.shape[1:]))
    for start in range(0, len(spectra), _CHUNK):
        chunk = np.array(spectra[start : start + _CHUNK], np.float64)
        total += chunk.sum(axis=0)
        squares += (chunk**2).sum(axis=0)  # counts: whole numbers, so that nothing is lost
    mean = total / len(spectra)
    spread = np.sqrt(np.maximum(squares / len(spectra) - mean**2, 0))
    return mean, np.where(spread > 0, spread, 1.0)


def features(spectra: NDArray[np.float32], mean: ArrayLike, spread: ArrayLike) -> NDArray[np.float32]:
    """Compute (counts - mean) / spread, (N, 24, 24, 1) float32.

    spectra: (N, 24, 24) float32; mean, spread: (24, 24), from ``fit_bins``. Raises DataError for another shape or
    dtype and for counts that are negative or not finite.
    """
    spectra = np.asarray(spectra)
    if spectra.shape[1:] != (24, 24) or spectra.dtype != np.float32:
        message = f"expected spectra (N, 24, 24) of float32, found {spectra.shape} of {spectra.dtype}"
        raise DataError(message)
    bad = ~((spectra >= 0) & np.isfinite(spectra)).all(axis=(1, 2))
    if bad.any():
        message = f"event {int(bad.argmax())}: expected counts of at least 0, found negative ones or no numbers"
        raise DataError(message)
    factor, offset = 1 / np.asarray(spread, np.float32), np.asarray(mean, np.float32)
    return ((spectra - offset) * factor)[..., None].astype(np.float32, copy=False)
