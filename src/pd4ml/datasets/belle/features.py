"""Model inputs of Belle: eight continuous features of each particle and its token, fitted on the train split.

Times and vertices have tails over many orders of magnitude (resonances decay at once, B and D mesons within
fractions of a millimetre, in the published file some particles come from centimetres away), energies and momenta
milder ones. A mean and a spread of the bare numbers would follow the tails. So each feature is arsinh(value /
scale) with the train split's median of |value| as scale, linear below it and logarithmic above, and then
standardised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.storage.store import Array, Events

__all__ = ["CONTINUOUS", "N_TOKENS", "continuous", "fit", "real", "tokens"]

CONTINUOUS = ("prod_time", "energy", "x", "y", "z", "px", "py", "pz")
_N_FREQUENT = 182  # as the published models have it (arXiv:2107.00656)
N_TOKENS = _N_FREQUENT + 1
_CHUNK = 4096  # events looked at together
_FOR_SCALE = 8192  # events that the scales are taken from, spread over the split


def fit(events: Events | Mapping[str, Array]) -> dict[str, Any]:
    """Fit the features on ``particles`` (N, 100, 9) of the train split, in chunks.

    Gives ``scale``, ``mean`` and ``spread`` (8 numbers each), over real particles, and ``frequent``, the published
    tokens of the 182 most frequent particles, most frequent first.
    """
    particles = events["particles"]
    sample = np.asarray(particles[:: max(1, len(particles) // _FOR_SCALE)])
    values = np.abs(sample[..., :8][sample[..., 8] > 0].astype(np.float64))
    scale = np.array([np.median(column[column > 0]) if column.any() else 1.0 for column in values.T])
    counts, n, total, squares = np.zeros(0, np.int64), 0, np.zeros(8), np.zeros(8)
    for start in range(0, len(particles), _CHUNK):
        chunk = np.asarray(particles[start : start + _CHUNK])
        token = _tokens(chunk, start)
        values = np.arcsinh(chunk[..., :8][token > 0] / scale)
        n, total, squares = n + len(values), total + values.sum(axis=0), squares + (values**2).sum(axis=0)
        here = np.bincount(token[token > 0], minlength=len(counts))
        here[: len(counts)] += counts
        counts = here
    mean = total / max(n, 1)
    spread = np.sqrt(np.maximum(squares / max(n, 1) - mean**2, 0))
    spread[spread < 1e-6] = 1.0  # a feature that is the same everywhere
    frequent = np.argsort(-counts, kind="stable")[:_N_FREQUENT]
    return {
        "scale": scale.tolist(),
        "mean": mean.tolist(),
        "spread": spread.tolist(),
        "frequent": frequent[counts[frequent] > 0].tolist(),
    }


def continuous(particles: NDArray[np.float32], fitted: Mapping[str, Any]) -> NDArray[np.float32]:
    """The continuous features (n, 8) float32 of real particles (n, 9)."""
    scale, mean, spread = (np.array(fitted[name]) for name in ("scale", "mean", "spread"))
    features: NDArray[np.float64] = (np.arcsinh(particles[:, :8] / scale) - mean) / spread
    return features.astype(np.float32)


def tokens(particles: NDArray[np.float32], fitted: Mapping[str, Any]) -> NDArray[np.int64]:
    """Tokens (n,) of real particles (n, 9): 1 to 182 by frequency in the train split, 0 for any other particle."""
    published = particles[:, 8].astype(np.int64)
    frequent = np.array(fitted["frequent"], np.int64)
    table = np.zeros(max(frequent.max(initial=0), published.max(initial=0)) + 1, np.int64)
    table[frequent] = np.arange(1, len(frequent) + 1)
    return table[published]


def real(particles: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(B, 100) where ``particles`` (B, 100, 9) are real and not padding; DataError for a bad token."""
    return _tokens(particles) > 0


def _tokens(particles: NDArray[np.float32], first: int = 0) -> NDArray[np.int64]:
    """The published tokens of ``particles`` (B, 100, 9), checked; event numbers in errors begin with ``first``."""
    values = particles[..., 8]
    token = values.astype(np.int64)
    if (wrong := (token != values) | (token < 0)).any():
        event, place = np.argwhere(wrong)[0]
        message = (
            f"event {first + event}: particle {place} has the PID {values[event, place]}, expected the number of "
            "a token, or 0 for padding"
        )
        raise DataError(message)
    return token
