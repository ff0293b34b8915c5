"""What all unfolding shares: the response, folding, and how far two spectra are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "chi2", "counts", "floor", "response_of", "triangular"]

Floats = NDArray[np.float64]


def counts(values: Floats, edges: Floats, weight: Floats | None = None) -> Floats:
    """Weighted histogram of ``values`` (N,); what lies outside counts in the first or last bin."""
    inside = np.clip(values, edges[0], np.nextafter(edges[-1], edges[0]))
    return np.asarray(np.histogram(inside, edges, weights=weight)[0], np.float64)


def response_of(
    particle: Floats,
    detector: Floats,
    particle_edges: Floats,
    detector_edges: Floats,
    weight: Floats | None = None,
) -> Floats:
    """P(detector bin | particle bin), (D, P), of simulated pairs ``particle`` (N,) and ``detector`` (N,).

    Columns of bins without events are zero; all others sum to one: every pair was seen.
    """
    at = np.clip(np.searchsorted(particle_edges, particle, "right") - 1, 0, len(particle_edges) - 2)
    to = np.clip(np.searchsorted(detector_edges, detector, "right") - 1, 0, len(detector_edges) - 2)
    shape = (len(detector_edges) - 1, len(particle_edges) - 1)
    joint = np.bincount(to * shape[1] + at, weight, shape[0] * shape[1]).reshape(shape)
    total = joint.sum(axis=0)
    found: Floats = np.divide(joint, total, out=np.zeros(shape), where=total > 0)
    return found


def triangular(first: Floats, second: Floats) -> float:
    """The triangular discriminator of two spectra (B,), 10^3 x sum (p - q)^2 / (p + q) / 2 of their shapes.

    0 for equal shapes, 1000 for those without overlap (arXiv:1911.09107 shows it in units of 10^-3).
    """
    p, q = first / first.sum(), second / second.sum()
    both = p + q
    return float(500 * np.divide((p - q) ** 2, both, out=np.zeros_like(both), where=both > 0).sum())


def floor(n_bins: int, first: float, second: float) -> float:
    """What `triangular` is on average of two samples of one spectrum, of ``first`` and ``second`` events.

    The variance of p - q is p (1 - p) (1 / first + 1 / second).
    """
    return 250 * (n_bins - 1) * (1 / first + 1 / second)


def chi2(difference: Floats, covariance: Floats, n_replicas: int | None = None) -> float:
    """Chi square of ``difference`` (B,); of a ``covariance`` of replicas, with the factor of astro-ph/0608064.

    The inverse of a covariance that comes from n replicas is too large by (n - 1) / (n - B - 2) on average.
    """
    value = float(difference @ np.linalg.solve(covariance, difference))
    if n_replicas is None:
        return value
    return value * (n_replicas - len(difference) - 2) / (n_replicas - 1)
