"""What a physicist reads off an image of baryon density: contrast, extent, lumps, power at each scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["summary"]

_MODES = 6  # shells of wave numbers 1 to 6 in units of one wave per image


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each image; densities relative to their mean, lengths in pixels."""
    density = np.asarray(arrays["density"], np.float64)
    height, width = density.shape[1:]
    total = np.maximum(density.sum(axis=(1, 2)), 1e-30)
    relative = density / (total / (height * width))[:, None, None]
    peaks = np.sort(relative.reshape(len(density), -1), axis=1)[:, ::-1]
    columns = {
        "log_total": np.log(total),
        "max_over_mean": peaks[:, 0],
        "tenth_over_mean": peaks[:, 9],
        "variance": relative.var(axis=(1, 2)),
        "skewness": np.mean((relative - 1) ** 3, axis=(1, 2)) / relative.std(axis=(1, 2)).clip(1e-12) ** 3,
        "dim": np.mean(256 * density < density.max(axis=(1, 2), keepdims=True), axis=(1, 2)),
    }
    return {**columns, **_extent(density, total), **_lumps(relative), **_power(relative)}


def _extent(density: Array, total: Array) -> dict[str, Array]:
    """Root mean square radius, eccentricity and distance of the centre of mass from the image's middle."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in density.shape[1:])
    mean_y, mean_x = density.sum(axis=2) @ y / total, density.sum(axis=1) @ x / total
    yy = density.sum(axis=2) @ y**2 / total - mean_y**2
    xx = density.sum(axis=1) @ x**2 / total - mean_x**2
    xy = np.einsum("nyx,y,x->n", density, y, x) / total - mean_x * mean_y
    size = xx + yy
    return {
        "radius": np.sqrt(size.clip(0)),
        "eccentricity": np.hypot(xx - yy, 2 * xy) / size.clip(1e-12),
        "offset": np.hypot(mean_x, mean_y),
    }


def _lumps(relative: Array) -> dict[str, Array]:
    """Local maxima above the mean: how many, and the second highest over the highest; steepness of the image."""
    padded = np.pad(relative, ((0, 0), (1, 1), (1, 1)), constant_values=-1.0)
    n_y, n_x = relative.shape[1:]
    around = [padded[:, dy : dy + n_y, dx : dx + n_x] for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    height = np.where((relative > np.max(around, axis=0)) & (relative > 1), relative, 0)
    two = np.partition(height.reshape(len(height), -1), -2, axis=1)[:, -2:]
    steps = [np.square(np.diff(relative, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2)]
    return {
        "maxima": np.count_nonzero(height, axis=(1, 2)),
        "second_maximum": two[:, 0] / two[:, 1].clip(1e-12),
        "steepness": np.sqrt(steps[0] + steps[1]),
    }


def _power(relative: Array) -> dict[str, Array]:
    """Logarithm of the mean spectral power in shells of wave number."""
    spectrum = np.abs(np.fft.fft2(relative - 1)) ** 2
    k_y, k_x = (np.fft.fftfreq(n, 1 / n) for n in relative.shape[1:])
    shell = np.rint(np.hypot(k_y[:, None], k_x))
    return {f"power_{k}": np.log(spectrum[:, shell == k].mean(axis=1) + 1e-12) for k in range(1, _MODES + 1)}
