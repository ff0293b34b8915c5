"""What an analysis of calorimeter showers starts from: sums, shape, density, times, start, leakage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.stack import LIGHT, N_LAYERS, PITCH, TILE_DEPTH
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["DENSE", "layers_of", "summary"]

DENSE, _VERY_DENSE = 5.0, 15.0  # MIP
_LATE = 3.0  # ns after light: three times the resolution
_START = 8.0  # MIP in two layers together, where a shower has begun whatever its energy
_NEAR, _LAST = 45.0, 4  # mm around the axis, layers at the end


def layers_of(z: NDArray[np.floating]) -> NDArray[np.int64]:
    """Layers, from 0, of hits at ``z`` mm."""
    layers: NDArray[np.int64] = np.clip(np.rint((z - TILE_DEPTH) / PITCH), 0, N_LAYERS - 1).astype(np.int64)
    return layers


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each event: sums in MIP, depths in layers, widths in mm, times in ns, else shares.

    The start is the first layer that has, with the next one, more than 8 MIP; CALICE's rule needs the beam's
    energy, which is wanted here.
    """
    hits, offsets = entries(arrays["hits"])
    x, y, z, energy, time = np.asarray(hits, np.float64).T
    n, layer = len(offsets) - 1, layers_of(z)
    event = np.repeat(np.arange(n), np.diff(offsets))

    def sums(values: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        return np.bincount(event, values, n).astype(np.float64)

    total, number = sums(energy), sums()
    safe = np.maximum(total, 1e-9)
    centre_x, centre_y, depth = (sums(energy * place) / safe for place in (x, y, layer))
    r = np.hypot(x - centre_x[event], y - centre_y[event])
    delay = time - z / LIGHT
    profile = np.bincount(event * N_LAYERS + layer, energy, n * N_LAYERS).reshape(n, N_LAYERS)
    begun = profile[:, :-1] + profile[:, 1:] > _START
    start = np.where(begun.any(axis=1), begun.argmax(axis=1), N_LAYERS)
    square = sums(energy**2) / safe
    largest = np.maximum(profile.max(axis=1), 1e-9)
    return {
        "sum": total,
        "hits": number,
        "mean_energy": total / np.maximum(number, 1),
        "dense_share": sums(energy * (energy > DENSE)) / safe,
        "very_dense_share": sums(energy * (energy > _VERY_DENSE)) / safe,
        "dense_hits": sums(energy > DENSE) / np.maximum(number, 1),
        "weighted_energy": square,
        "largest": np.maximum.reduceat(np.append(energy, 0), np.minimum(offsets[:-1], len(energy))) * (number > 0),
        "late_share": sums(energy * (delay > _LATE)) / safe,
        "late_hits": sums(delay > _LATE) / np.maximum(number, 1),
        "start": start.astype(np.float64),
        "depth": depth,
        "depth_rms": np.sqrt(np.maximum(sums(energy * layer**2) / safe - depth**2, 0)),
        "peak_layer": profile.argmax(axis=1).astype(np.float64),
        "peak_share": largest / safe,
        "radius": sums(energy * r) / safe,
        "radius_rms": np.sqrt(sums(energy * r**2) / safe),
        "core_share": sums(energy * (r < _NEAR)) / safe,
        "last_layers": profile[:, -_LAST:].sum(axis=1),
        "last_share": profile[:, -_LAST:].sum(axis=1) / safe,
        "layers": (profile > 0).sum(axis=1).astype(np.float64),
        "after_start": (profile * (np.arange(N_LAYERS) >= start[:, None])).sum(axis=1) / safe,
    }
