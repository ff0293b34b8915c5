"""What a posterior of a share is held against: if each event's kind were known, and from histograms of a score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats

__all__ = ["known_kinds", "template_posteriors"]


def known_kinds(n_members: NDArray[np.int64], size: int) -> Floats:
    """(B,) standard deviation of the share's posterior if ``n_members`` (B,) of ``size`` are known to be of it.

    That is a beta distribution, with the uniform prior; no analysis of the events can do better on average.
    """
    a, b = n_members + 1.0, size - n_members + 1.0
    return np.asarray(np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))))


def template_posteriors(
    score: Floats, member: NDArray[np.bool_], sets: Floats, n_bins: int = 20, n_grid: int = 1001
) -> tuple[Floats, Floats]:
    """The share's grid (G,), and its posteriors (B, G) given the scores of the events of ``sets`` (B, size).

    A template fit: histograms of the ``score`` (N,) of events of both kinds, in bins with equal numbers of them,
    are what each event is compared with. It knows nothing of an event but its score's bin.
    """
    edges = np.quantile(score, np.linspace(0, 1, n_bins + 1)[1:-1])
    kinds = []
    for kind in (True, False):
        counts = np.bincount(np.searchsorted(edges, score[member == kind]), minlength=n_bins)
        kinds.append((counts + 0.5) / (counts + 0.5).sum())
    grid = np.linspace(0, 1, n_grid)
    log_p = np.log(grid[:, None] * kinds[0] + (1 - grid[:, None]) * kinds[1])
    counts = np.stack([np.bincount(np.searchsorted(edges, one), minlength=n_bins) for one in sets])
    log_posterior = counts @ log_p.T
    density = np.exp(log_posterior - log_posterior.max(1, keepdims=True))
    return grid, np.asarray(density / np.trapezoid(density, grid, axis=1)[:, None])
