"""What a physicist reads off a jet image: mass, N-subjettiness, the second subjet, moments, soft pixels.

All is of the pixels, as if they were massless particles in their middles, so that trees and networks see the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["summary"]

_PIXEL = 0.1
_SUBJET = 0.3
_SOFT = 1.0  # GeV, or in the unit of the image


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each image; momenta in its unit, distances in the plane, for pixels of 0.1."""
    image = np.asarray(arrays["image"], np.float64)
    y, x = _PIXEL * (np.indices(image.shape[1:]) - (np.array(image.shape[1:]) - 1)[:, None, None] / 2)
    total = image.sum(axis=(1, 2))
    share = image / np.maximum(total, 1e-12)[:, None, None]
    mean_x, mean_y = ((share * axis).sum(axis=(1, 2)) for axis in (x, y))
    moments = {
        "xx": (share * x**2).sum(axis=(1, 2)) - mean_x**2,
        "yy": (share * y**2).sum(axis=(1, 2)) - mean_y**2,
        "xy": (share * x * y).sum(axis=(1, 2)) - mean_x * mean_y,
    }
    sorted_ = np.sort(share.reshape(len(share), -1), axis=1)[:, ::-1]
    columns = {
        "mass": _mass(image, x, y),
        "sum": total,
        "pixels": np.count_nonzero(image, axis=(1, 2)),
        "soft_pixels": np.count_nonzero((image > 0) & (image < _SOFT), axis=(1, 2)),
        "mean_x": mean_x,
        "mean_y": mean_y,
        **moments,
        "ptd": np.sqrt(np.square(share).sum(axis=(1, 2))),
        "largest": sorted_[:, 0],
        "five_largest": sorted_[:, :5].sum(axis=1),
        "right": (share * (x > 0)).sum(axis=(1, 2)),
        "above": (share * (y > 0)).sum(axis=(1, 2)),
    }
    return {**columns, **_subjets(share, x, y)}


def _mass(image: Array, x: Array, y: Array) -> Array:
    """Mass of massless pixels, of pT at the rapidity x and the azimuth y (or turned, which it stands)."""
    energy, pz = ((image * f(x)).sum(axis=(1, 2)) for f in (np.cosh, np.sinh))
    px, py = ((image * f(y)).sum(axis=(1, 2)) for f in (np.cos, np.sin))
    mass: Array = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return mass


def _subjets(share: Array, x: Array, y: Array) -> dict[str, Array]:
    """Two axes: the largest pixel, and the largest one farther than a subjet from it; what lies about them."""
    n = len(share)
    at = np.stack([x.ravel(), y.ravel()], axis=1)
    pixels = share.reshape(n, -1)
    first = at[pixels.argmax(axis=1)]
    to_first = np.hypot(*np.moveaxis(at - first[:, None], -1, 0))
    outside = np.where(to_first > _SUBJET, pixels, 0.0)
    two = outside.max(axis=1) > 0
    second = np.where(two[:, None], at[outside.argmax(axis=1)], first)
    to_second = np.hypot(*np.moveaxis(at - second[:, None], -1, 0))
    nearest = np.minimum(to_first, to_second)
    mean = (pixels[..., None] * at).sum(axis=1)
    to_mean = np.hypot(*np.moveaxis(at - mean[:, None], -1, 0))
    tau1, tau2 = (pixels * to_mean).sum(axis=1), (pixels * nearest).sum(axis=1)
    return {
        "tau1": tau1,
        "tau21": tau2 / np.maximum(tau1, 1e-12),
        "delta_r": np.hypot(*(second - first).T),
        "first_share": (pixels * (to_first <= _SUBJET)).sum(axis=1),
        "second_share": (pixels * (to_second <= _SUBJET)).sum(axis=1) * two,
        "far_share": (pixels * (nearest > _SUBJET)).sum(axis=1),
    }
