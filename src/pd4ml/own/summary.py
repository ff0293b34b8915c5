"""Summary features of one's own data, for boosted trees: its numbers, and what sets and images amount to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec
from pd4ml.graphs.packed import packed_offsets
from pd4ml.own.features import Floats, kept, table
from pd4ml.own.layout import Layout
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["summary"]

_LEADING = 3
_CELLS = 6


def summary(arrays: Mapping[str, Array], layout: Layout) -> dict[str, NDArray[np.float64]]:
    """Numbers (N,) of each event by name.

    The event's own numbers as they are. Of a set: how many entries; for each column sum, mean, spread, least,
    largest, and the first three entries (0 where there are none). Of an image: its total, largest pixel and share
    of pixels that are not zero, centre and width along both axes, and the sums of 6 x 6 parts, of each channel.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for spec in layout.card.inputs:
        array, role = arrays[spec.name], layout.roles[spec.name]
        if role == "event":
            values = table(spec, array, role)
            found |= {_name(spec, i, values.shape[1]): values[:, i] for i in range(values.shape[1])}
        elif role == "set":
            found |= _of_set(spec, array)
        else:
            found |= _of_image(spec, np.asarray(array, np.float64))
    return found


def _name(spec: ArraySpec, i: int, n: int) -> str:
    if spec.columns:
        return f"{spec.name} {spec.columns[i]}"
    return spec.name if n == 1 else f"{spec.name} {i}"


def _of_set(spec: ArraySpec, array: Array) -> dict[str, Floats]:
    rows = table(spec, array, "set")
    offsets = entries(array)[1] if spec.ragged else packed_offsets(kept(spec, array).sum(axis=1))
    sizes = np.diff(offsets)
    found = {f"{spec.name}: entries": sizes.astype(np.float64)}
    there = sizes > 0
    starts = offsets[:-1][there]
    for i in range(rows.shape[1]):
        name, values = _name(spec, i, rows.shape[1]), rows[:, i]

        def of_events(per_event: Floats) -> Floats:
            out = np.zeros(len(sizes))
            out[there] = per_event
            return out

        total = of_events(np.add.reduceat(values, starts)) if len(starts) else np.zeros(len(sizes))
        square = of_events(np.add.reduceat(values**2, starts)) if len(starts) else total
        mean = total / np.maximum(sizes, 1)
        found[f"{name}: sum"], found[f"{name}: mean"] = total, mean
        found[f"{name}: spread"] = np.sqrt(np.maximum(square / np.maximum(sizes, 1) - mean**2, 0))
        if len(starts):
            found[f"{name}: least"] = of_events(np.minimum.reduceat(values, starts))
            found[f"{name}: largest"] = of_events(np.maximum.reduceat(values, starts))
        else:
            found[f"{name}: least"] = found[f"{name}: largest"] = np.zeros(len(sizes))
        for k in range(_LEADING):
            has = sizes > k
            out = np.zeros(len(sizes))
            out[has] = values[offsets[:-1][has] + k]
            found[f"{name}: entry {k + 1}"] = out
    return found


def _of_image(spec: ArraySpec, images: Floats) -> dict[str, Floats]:
    images = images if images.ndim == 4 else images[..., None]
    n, height, width, channels = images.shape
    found: dict[str, Floats] = {}
    for i in range(channels):
        name, image = _name(spec, i, channels), images[..., i]
        total = image.sum(axis=(1, 2))
        found[f"{name}: total"], found[f"{name}: largest"] = total, image.max(axis=(1, 2))
        found[f"{name}: filled"] = (image != 0).mean(axis=(1, 2))
        weight = np.abs(image)
        norm = np.where((w := weight.sum(axis=(1, 2))) > 0, w, 1.0)
        for axis, size, along in ((1, height, "row"), (2, width, "column")):
            place = np.arange(size)
            profile = weight.sum(axis=3 - axis)
            mean = profile @ place / norm
            found[f"{name}: mean {along}"] = mean
            found[f"{name}: width in {along}s"] = np.sqrt(np.maximum(profile @ place**2 / norm - mean**2, 0))
        rows, columns = (np.linspace(0, size, min(size, _CELLS) + 1).astype(int)[:-1] for size in (height, width))
        cells = np.add.reduceat(np.add.reduceat(image, rows, axis=1), columns, axis=2).reshape(n, -1)
        found |= {f"{name}: part {k}": cells[:, k] for k in range(cells.shape[1])}
    return found
