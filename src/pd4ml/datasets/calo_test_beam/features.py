"""What models see of a hit: its energy, place and time, and the sum of all hits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.stack import LIGHT, N_LAYERS, N_TILES, PITCH, TILE, TILE_DEPTH
from pd4ml.errors import DataError
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["FEATURES", "HALF_DEPTH", "HALF_WIDTH", "MOST_HITS", "features"]

FEATURES = ("log_energy", "x", "y", "layer", "delay", "share", "log_total")
MOST_HITS = 1200  # the largest of an event; pions of 80 GeV have 540 with an rms of 70
HALF_WIDTH, HALF_DEPTH = N_TILES * TILE / 2, (N_LAYERS - 1) * PITCH / 2  # mm
_LIFT = 0.1  # MIP added before logarithms
_SOON = 3.0  # ns


def features(hits: Array) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Compute the features (n, 7) float32 of hits, and where each event's begin (N + 1,).

    hits: N * var * 5 float32, by falling energy: x, y, z in mm, MIP, ns. The features are ``FEATURES``: log10 of
    the energy; x, y and layer over half of what there is; time after light, asinh of it over 3 ns; ten times the
    root of the hit's share of the event's energy; log10 of a thousandth of the event's sum. The 1,200 largest
    hits are kept; an event without hits is one node of zeros.

    Raises DataError for hits that are no finite numbers or have an energy below zero.
    """
    content, offsets = entries(hits)
    if content.shape[1:] != (5,) or not np.isfinite(content).all() or (content[:, 3] < 0).any():
        raise DataError(f"expected hits (n, 5) of finite numbers with energies >= 0, found {content.shape}")
    nodes = _nodes(content, offsets)
    sizes = np.diff(offsets)
    if (sizes > MOST_HITS).any():
        nodes = nodes[np.arange(len(nodes)) - np.repeat(offsets[:-1], sizes) < MOST_HITS]
        sizes = np.minimum(sizes, MOST_HITS)
    if (empty := np.flatnonzero(sizes == 0)).size:
        nodes = np.insert(nodes, np.concatenate([[0], np.cumsum(sizes)])[empty], 0, axis=0)
        sizes = np.maximum(sizes, 1)
    return nodes, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _nodes(hits: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    x, y, z, energy, time = np.asarray(hits, np.float64).T
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    total = np.bincount(event, energy, len(offsets) - 1)[event]
    layer = (z - TILE_DEPTH) / PITCH
    columns = (
        np.log10(energy + _LIFT),
        x / HALF_WIDTH,
        y / HALF_WIDTH,
        2 * layer / (N_LAYERS - 1) - 1,
        np.arcsinh((time - z / LIGHT) / _SOON),
        10 * np.sqrt(energy / np.maximum(total, 1e-9)),
        np.log10(np.maximum(total, 1e-3) / 1000),
    )
    return np.stack(columns, axis=1).astype(np.float32)
