"""A `Detector` as arrays, for compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.detector_card import Detector, Layer

__all__ = ["Tables", "tables"]

_GEV_PER_M_T = 0.299792458  # a momentum of 1 GeV bends in 1 T with a radius of 1 / 0.2998 m


class Tables(NamedTuple):
    """A `Detector` as arrays, for compiled code. What belongs to a layer has it first: ECAL, HCAL."""

    radius: float  # of the tracker, m
    half_length: float
    bend: float  # radius of the track of 1 GeV, m
    efficiency: NDArray[np.float64]  # (kind, row, 3): largest abs(eta), largest pT, probability
    resolution: NDArray[np.float64]  # (kind, row, 3): largest abs(eta), a, b
    gaussian: bool
    poor_tracks: bool
    edges: NDArray[np.float64]  # (2, E) in eta, filled up with infinity
    n_phi: NDArray[np.int64]  # (2, E) towers of the ring above each edge; 0 where there is none
    first: NDArray[np.int64]  # (2, E) number of its first tower
    n_towers: int  # of both layers; common ones count once
    towers: NDArray[np.float64]  # (2, row, 7): largest abs(eta), a, b, c, f0, f1, f2
    least: NDArray[np.float64]  # (2,) GeV
    significance: NDArray[np.float64]  # (2,)


@cache
def tables(detector: Detector) -> Tables:
    """``detector`` as arrays."""
    tracker, layers = detector.tracker, (detector.ecal, detector.hcal)
    common = layers[0].rings == layers[1].rings
    rings = [_rings(layer) for layer in layers]
    most = max(len(edges) for edges, _ in rings)
    edges, n_phi = np.full((2, most), np.inf), np.zeros((2, most), np.int64)
    for i, (ring_edges, ring_phi) in enumerate(rings):
        edges[i, : len(ring_edges)], n_phi[i, : len(ring_phi)] = ring_edges, ring_phi
    counts = n_phi[:1] if common else n_phi
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).reshape(counts.shape)
    return Tables(
        tracker.radius,
        tracker.half_length,
        1.0 / (_GEV_PER_M_T * tracker.field),
        _stack(tracker.efficiency),
        _stack(tracker.resolution),
        tracker.gaussian,
        detector.poor_tracks,
        edges,
        n_phi,
        np.repeat(first, 2, axis=0) if common else first,
        int(counts.sum()),
        _stack([layer.resolution for layer in layers]),
        np.array([layer.least for layer in layers]),
        np.array([layer.significance for layer in layers]),
    )


def _stack(parts: Sequence[Any]) -> NDArray[np.float64]:
    """(part, row, column); missing rows hold nowhere."""
    out = np.full((len(parts), max(map(len, parts)), len(parts[0][0])), -1.0)
    for part, rows in zip(out, parts, strict=True):
        part[: len(rows)] = rows
    return out


def _rings(layer: Layer) -> tuple[list[float], list[int]]:
    """All edges of a layer, and the number of towers between each and the next."""
    edges: list[float] = []
    n_phi: list[int] = []
    for ring_edges, towers in layer.rings:
        if edges and edges[-1] == ring_edges[0]:
            edges.pop()
            n_phi.pop()
        edges += ring_edges
        n_phi += [*[towers] * (len(ring_edges) - 1), 0]
    return edges, n_phi
