"""Arrays in memory as events, held against a card like those of a folder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.card import ArraySpec, Card
from pd4ml.errors import DataError
from pd4ml.storage.casting import cast
from pd4ml.storage.manifest import ArrayFile, Manifest
from pd4ml.storage.npz import open_npz
from pd4ml.storage.ragged import checked_ragged, entries, is_ragged, ragged
from pd4ml.storage.store import Array, Events
from pd4ml.storage.writer import check_ragged

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
    taken = {n: _typed(arrays[n], spec) for n, spec in known.items() if n in arrays}
    n_events = next(len(taken[spec.name]) for spec in card.inputs if spec.per_event)
    for array_name, array in taken.items():
        spec = known[array_name]
        if spec.ragged:
            check_ragged(spec, array, n_events)
            continue
        if array.shape != spec.full_shape(n_events):
            raise DataError(f"{array_name}: expected shape {spec.full_shape(n_events)}, found {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = int(np.argwhere(~np.isfinite(array))[0][0])
            raise DataError(f"{array_name}: not finite in event {place}")
    files = {
        array_name: _file(name, known[array_name], array, known[array_name] in card.extras)
        for array_name, array in taken.items()
    }
    manifest = Manifest(card.name, card.version, "own", name, card.target.name, {name: files}, {}, "")
    return Events(taken, manifest, name)


def _typed(array: Array, spec: ArraySpec) -> Array:
    """With the card's dtype; ragged if the card says so."""
    if not spec.ragged:
        return cast(np.asarray(array), spec.dtype, spec.name)
    if not is_ragged(array):
        raise DataError(f"{spec.name}: expected a ragged array (awkward), found {type(array).__name__}")
    content, offsets = entries(array)
    typed: Array = ragged(cast(content, spec.dtype, spec.name), offsets)
    return typed


def _file(split: str, spec: ArraySpec, array: Array, extra: bool) -> ArrayFile:
    """What a manifest would say of an array."""
    content, offsets = entries(array) if spec.ragged else (array, None)
    facts: dict[str, Any] = {}
    if offsets is not None:
        facts = {
            "offsets": f"{split}/{spec.name}.offsets.npy",
            "offsets_sha256": hashlib.sha256(np.ascontiguousarray(offsets).data).hexdigest(),
            "events": len(offsets) - 1,
            "most": int(np.diff(offsets).max(initial=0)),
        }
    sha256 = hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest()
    return ArrayFile(f"{split}/{spec.name}.npy", spec.dtype, content.shape, sha256, spec.per_event, extra, **facts)


def read_own(card: Card, file: Path) -> Events:
    """The events of an own file; those that are nothing but padding are counted on standard error.

    A ragged array lies there as its entries and, with ``.offsets`` behind its name, (N + 1,) where those of each
    event begin.
    """
    known = {spec.name for spec in card.arrays}
    arrays = {n: a.read() for n, a in open_npz(file).items() if n.removesuffix(".offsets") in known}
    for spec in card.arrays:
        if spec.ragged and spec.name in arrays:
            if f"{spec.name}.offsets" not in arrays:
                raise DataError(f"{file} has {spec.name} but not {spec.name}.offsets, (N + 1,) of whole numbers")
            arrays[spec.name] = checked_ragged(arrays[spec.name], arrays[f"{spec.name}.offsets"], spec.name)
    events = memory_events(card, arrays)
    if not len(events):
        raise DataError(f"{file} holds no events")
    padded = [s for s in card.inputs if s.per_event and s.padding is not None and s.shape and not s.ragged]
    empty = np.ones(len(events), bool)
    for spec in padded:
        empty &= (events[spec.name] == spec.padding).reshape(len(events), -1).all(axis=1)
    if padded and empty.any():
        print(f"{file}: {empty.sum():,} of {len(events):,} events hold nothing but padding", file=sys.stderr)
    return events
