"""A measured number with its error, and the bootstrap that errors come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Measurement

__all__ = ["Floats", "Measurement", "bootstrap_weights"]

Floats = NDArray[np.float64]


def bootstrap_weights(rng: np.random.Generator, n: int, n_resamples: int) -> Iterator[Floats]:
    """How often each of ``n`` events is in each bootstrap resample: ``n_resamples`` arrays (n,)."""
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64)
