"""Events such as somebody might bring: particles, numbers of the event, and a class that both tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

__all__ = ["OwnEvents", "own_events"]


@dataclass(frozen=True)
class OwnEvents:
    """``particles`` N * var * {pt, eta, phi}; ``met`` and ``run`` (N,); ``label`` (N,) of 0 and 1."""

    particles: Any
    met: NDArray[np.float64]
    run: NDArray[np.int64]
    label: NDArray[np.int64]


def own_events(n: int = 300, seed: int = 0) -> OwnEvents:
    """Class 1 has more and harder particles; some events have none."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    sizes = rng.poisson(3 + 2 * label)
    total = int(sizes.sum())
    columns = {
        "pt": rng.exponential(20 + 20 * np.repeat(label, sizes)),
        "eta": rng.normal(0, 1, total),
        "phi": rng.uniform(-np.pi, np.pi, total),
    }
    particles = ak.zip({name: ak.unflatten(values, sizes) for name, values in columns.items()})
    return OwnEvents(particles, rng.exponential(30 + 10 * label), rng.integers(0, 20, n), label)
