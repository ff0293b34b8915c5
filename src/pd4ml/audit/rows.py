"""Events as rows of numbers, read from the memory-mapped store a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.storage.ragged import is_ragged, padded
from pd4ml.storage.store import Array, Events

__all__ = ["chunks", "inputs", "matrix"]

# Pieces of this size are read, and hold a few times as much while they are worked on.
_PIECE_BYTES = 1 << 22


def inputs(card: Card) -> tuple[str, ...]:
    """Names of the arrays that make an event what it is.

    One number per event may be bookkeeping, such as the part of an older split, which would hide duplicates: those
    arrays count only where there are no others.
    """
    per_event = [spec for spec in card.inputs if spec.per_event]
    return tuple(spec.name for spec in per_event if spec.shape) or tuple(spec.name for spec in per_event)


def chunks(
    events: Events, names: tuple[str, ...], index: NDArray[np.int64] | None = None
) -> Iterator[list[Array]]:
    """The arrays ``names`` of the events ``index`` (rising; None: all), piece by piece, (n, ...) each.

    Of a ragged array each event has as many rows as the largest of all splits, those behind its last entry zero.
    """
    arrays = [events[name] for name in names]
    manifest = events.manifest
    files = [manifest.arrays[events.split][name] for name in names]
    most = [max(split[name].most for split in manifest.arrays.values() if name in split) for name in names]
    event_bytes = sum(
        np.dtype(file.dtype).itemsize * max(n, 1) * int(np.prod(file.shape[1:], dtype=int))
        for file, n in zip(files, most, strict=True)
    )
    step = max(1, _PIECE_BYTES // max(event_bytes, 1))
    n = len(events) if index is None else len(index)
    for low in range(0, n, step):
        rows = slice(low, min(low + step, n)) if index is None else index[low : low + step]
        yield [
            padded(a[rows], n) if is_ragged(a) else np.ascontiguousarray(a[rows])
            for a, n in zip(arrays, most, strict=True)
        ]


def matrix(arrays: list[Array]) -> NDArray[np.float32]:
    """(n, D): all numbers of each event."""
    return np.concatenate([a.reshape(len(a), -1).astype(np.float32) for a in arrays], axis=1)
