"""What a physicist reads off an image: charge, extent, blobs and the gap between them, in each plane."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["QUANTITIES", "largest_blob", "summary"]

# Lengths are in pixels, charges in 1000 electrons.
QUANTITIES = (
    "pixels", "log_charge", "mean_charge", "highest", "length", "width", "extent", "blobs", "largest_blob", "gap",
)  # fmt: skip
_SIDE, _PLANES, _LEAST_BLOB = 128, 3, 3


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each image: ``QUANTITIES`` of each plane, 0 where nothing is seen.

    Length and width are root-mean-square ones along and across the pixels' main axis, the highest is the charge
    that a twentieth of the pixels exceeds; blobs are of at least three pixels that touch, of which the largest has
    so large a share; the gap lies between the two largest, and is 0 where there is one.
    """
    content, offsets = entries(arrays["pixels"])
    found = np.zeros((len(offsets) - 1, _PLANES, len(QUANTITIES)))
    for event in range(len(found)):
        pixels = content[offsets[event] : offsets[event + 1]]
        for plane in range(_PLANES):
            here = pixels[pixels[:, 0] == plane]
            if len(here):
                found[event, plane] = _plane(here[:, 1:3].astype(np.int64), here[:, 3].astype(np.float64))
    return {f"{name}_{p}": found[:, p, i] for p in range(_PLANES) for i, name in enumerate(QUANTITIES)}


def _plane(place: NDArray[np.int64], charge: NDArray[np.float64]) -> tuple[float, ...]:
    centred = place - place.mean(axis=0)
    width, length = np.sqrt(np.linalg.eigvalsh(centred.T @ centred / len(place)).clip(0))
    blob, n_blobs = _blobs(place)
    sizes = np.bincount(blob, minlength=n_blobs)
    order = np.argsort(-sizes)
    gap = 0.0
    if n_blobs > 1 and sizes[order[1]] >= _LEAST_BLOB:
        gap = _gap(place[blob == order[0]], place[blob == order[1]])
    total, extent = max(float(charge.sum()), 1e-3), float(np.ptp(place[:, 1])) + 1
    highest, n = float(np.quantile(charge, 0.95)), len(place)
    large = float((sizes >= _LEAST_BLOB).sum()), float(sizes.max()) / n
    return n, math.log(total), total / n, highest, float(length), float(width), extent, *large, gap


def largest_blob(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the pixels ``place`` (P, 2), rows and columns, those of the largest set that touches."""
    blob, n_blobs = _blobs(place)
    return np.asarray(place[blob == np.bincount(blob, minlength=n_blobs).argmax()])


@njit(cache=True)
def _blobs(place: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The number of the blob that each pixel (P, 2) belongs to, diagonals included, and how many there are."""
    at = np.full((_SIDE + 2, _SIDE + 2), -1)
    for i in range(len(place)):
        at[place[i, 0] + 1, place[i, 1] + 1] = i
    blob, n_blobs = np.full(len(place), -1), 0
    open_ = np.empty(len(place), np.int64)
    for start in range(len(place)):
        if blob[start] >= 0:
            continue
        blob[start], open_[0], n_open = n_blobs, start, 1
        while n_open:
            n_open -= 1
            row, column = place[open_[n_open]]
            for r in range(row, row + 3):
                for c in range(column, column + 3):
                    i = at[r, c]
                    if i >= 0 and blob[i] < 0:
                        blob[i] = n_blobs
                        open_[n_open] = i
                        n_open += 1
        n_blobs += 1
    return blob, n_blobs


@njit(cache=True)
def _gap(one: NDArray[np.int64], two: NDArray[np.int64]) -> float:
    """The least distance between two sets of places."""
    least = math.inf
    for i in range(len(one)):
        for j in range(len(two)):
            least = min(least, (one[i, 0] - two[j, 0]) ** 2 + (one[i, 1] - two[j, 1]) ** 2)
    return math.sqrt(least)
