"""A measured number with its error, and the bootstrap that errors come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Measurement", "bootstrap_weights"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """A value and its standard error; a lower limit (95 % confidence) has no error."""

    value: float
    error: float | None
    lower_limit: bool = False


def bootstrap_weights(rng: np.random.Generator, n: int, n_resamples: int) -> Iterator[Floats]:
    """How often each of ``n`` events is in each bootstrap resample: ``n_resamples`` arrays (n,)."""
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64)
