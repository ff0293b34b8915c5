"""Arrays in memory as events, held against a card like those of a folder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.storage.casting import cast
from pd4ml.storage.manifest import ArrayFile, Manifest
from pd4ml.storage.npz import read_npz
from pd4ml.storage.store import Array, Events

__all__ = ["memory_events", "read_own"]


def memory_events(card: Card, arrays: Mapping[str, Array], name: str = "own") -> Events:
    """The events in ``arrays``, by the names of the card; the target and extras may be missing.

    Numbers are converted to the card's types where none of them changes. ``name`` is what the split is called.
    Raises DataError for inputs that are missing, of another shape, or not finite.
    """
    known = {spec.name: spec for spec in card.arrays}
    missing = [spec.name for spec in card.inputs if spec.name not in arrays]
    if missing:
        raise DataError(f"{card.name} needs the array {missing[0]}, found {', '.join(arrays) or 'none'}")
    taken = {n: cast(np.asarray(arrays[n]), spec.dtype, n) for n, spec in known.items() if n in arrays}
    n_events = next(len(taken[spec.name]) for spec in card.inputs if spec.per_event)
    for array_name, array in taken.items():
        spec = known[array_name]
        if array.shape != spec.full_shape(n_events):
            raise DataError(f"{array_name}: expected shape {spec.full_shape(n_events)}, found {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = int(np.argwhere(~np.isfinite(array))[0][0])
            raise DataError(f"{array_name}: not finite in event {place}")
    files = {
        array_name: ArrayFile(
            f"{name}/{array_name}.npy",
            known[array_name].dtype,
            array.shape,
            hashlib.sha256(np.ascontiguousarray(array).data).hexdigest(),
            known[array_name].per_event,
            known[array_name] in card.extras,
        )
        for array_name, array in taken.items()
    }
    manifest = Manifest(card.name, card.version, "own", name, card.target.name, {name: files}, {}, "")
    return Events(taken, manifest, name)


def read_own(card: Card, file: Path) -> Events:
    """The events of an own file; those that are nothing but padding are counted on standard error."""
    events = memory_events(card, read_npz(file))
    if not len(events):
        raise DataError(f"{file} holds no events")
    padded = [spec for spec in card.inputs if spec.per_event and spec.padding is not None and spec.shape]
    empty = np.ones(len(events), bool)
    for spec in padded:
        empty &= (events[spec.name] == spec.padding).reshape(len(events), -1).all(axis=1)
    if padded and empty.any():
        print(f"{file}: {empty.sum():,} of {len(events):,} events hold nothing but padding", file=sys.stderr)
    return events
