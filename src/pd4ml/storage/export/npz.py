"""Events as one .npz archive in the layout of arXiv:2107.00656, written an array at a time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy

from pd4ml.progress import progress
from pd4ml.storage.atomic import write_atomically
from pd4ml.storage.export.facts import array_facts, event_facts
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array, _release

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["write_npz"]

_PIECE_BYTES = 1 << 24


def write_npz(splits: Mapping[str, Events], file: Path) -> Path:
    """Write splits as ``X_<split>_0``, ``X_<split>_1``, ... and ``y_<split>``; extras as ``<name>_<split>``.

    A ragged array is there as its entries and, with ``.offsets`` behind its name, (N + 1,) where each event's
    begin.

    ``numpy.load`` reads it. Where the events come from and what the arrays are is in it as ``pd4ml.json``.

    Parameters
    ----------
    splits : Mapping[str, Events]
        Events by the name of their split.
    file : Path
        Where to, with ``.npz``; an old file of this name is replaced.

    Returns
    -------
    Path
        The file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    n_arrays = sum(len(events.manifest.arrays[split]) for split, events in splits.items())
    with (
        write_atomically(file) as stream,
        progress(f"writing {file}", n_arrays, "arrays") as bar,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        facts = {split: {**event_facts(events), "arrays": _meanings(events)} for split, events in splits.items()}
        told = zipfile.ZipInfo("pd4ml.json")  # without the time of day: equal events are equal files
        archive.writestr(told, json.dumps(facts, indent=1), zipfile.ZIP_DEFLATED)
        for split, events in splits.items():
            for key, name in _keys(events, split):
                _write(archive, f"{key}.npy", events, name)
                bar.advance()
    return file


def _keys(events: Events, split: str) -> Iterator[tuple[str, str]]:
    """Names in the archive, and of the arrays."""
    n_inputs = 0
    for name, entry in events.manifest.arrays[events.split].items():
        if name == events.manifest.target:
            yield f"y_{split}", name
        elif entry.extra:
            yield f"{name}_{split}", name
        else:
            yield f"X_{split}_{n_inputs}", name
            n_inputs += 1


def _meanings(events: Events) -> dict[str, dict[str, str]]:
    """Facts of each array by its name in the archive."""
    return {key: {"name": name, **array_facts(events, name)} for key, name in _keys(events, events.split)}


def _write(archive: zipfile.ZipFile, key: str, events: Events, name: str) -> None:
    array = events[name]
    if is_ragged(array):
        content, offsets = entries(array)
        _write_array(archive, key, content)
        _write_array(archive, f"{key.removesuffix('.npy')}.offsets.npy", offsets)
    else:
        _write_array(archive, key, array)


def _write_array(archive: zipfile.ZipFile, key: str, array: Array) -> None:
    header = {"descr": npy.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    step = max(1, _PIECE_BYTES // max(1, array.size * array.dtype.itemsize // max(1, len(array))))
    with archive.open(key, "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, header)
        for start in range(0, len(array), step):
            member.write(np.ascontiguousarray(array[start : start + step]).data.cast("B"))
            _release(getattr(array, "_array", array))
