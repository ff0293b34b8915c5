"""Ragged arrays while they are written: a file for each chunk, joined when all of them are there.

Chunks come in any order, and where the entries of one lie follows from all before it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec
from pd4ml.storage.disk import open_plain
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import ArrayFile
from pd4ml.storage.npz import npy_array
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["PIECES", "join_pieces", "piece_bytes", "write_piece"]

PIECES = "pieces"
"""The folder, within that of a split, where they lie."""


def write_piece(folder: Path, spec: ArraySpec, chunk: int, array: Array) -> tuple[memoryview, ...]:
    """Write the ragged ``array`` of a chunk; the bytes that were written, to be hashed."""
    content, offsets = entries(array)
    parts = [np.ascontiguousarray(np.diff(offsets)), np.ascontiguousarray(content)]
    path = _path(folder, spec, chunk)
    path.unlink(missing_ok=True)  # never write where a link or a pipe leads
    with path.open("xb") as file:
        for part in parts:
            np.save(file, part, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return tuple(_bytes(part) for part in parts)


def piece_bytes(folder: Path, spec: ArraySpec, chunk: int, n_events: int) -> tuple[memoryview, ...]:
    """The bytes that `write_piece` gave; ValueError or OSError if they cannot be read again."""
    sizes, content = _read(folder, spec, chunk)
    if len(sizes) != n_events or sizes.sum() != len(content) or content.shape[1:] != spec.shape:
        raise ValueError(f"a piece of {spec.name} is damaged")
    return _bytes(sizes), _bytes(content)


def join_pieces(folder: Path, spec: ArraySpec, chunks: Sequence[int], *, extra: bool) -> ArrayFile:
    """Write ``<name>.npy`` and ``<name>.offsets.npy`` from the pieces of ``chunks``, in their order."""
    sizes = np.concatenate([np.zeros(0, np.int64), *(_sizes(folder, spec, chunk) for chunk in chunks)])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    path, starts = folder / f"{spec.name}.npy", folder / f"{spec.name}.offsets.npy"
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(spec.dtype)),
        "fortran_order": False,
        "shape": (int(offsets[-1]), *spec.shape),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for chunk in chunks:
            file.write(_bytes(_read(folder, spec, chunk)[1]))
        file.flush()
        os.fsync(file.fileno())
    with starts.open("wb") as file:
        np.save(file, offsets, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return ArrayFile(
        f"{folder.name}/{path.name}",
        spec.dtype,
        (int(offsets[-1]), *spec.shape),
        sha256_of(path),
        per_event=True,
        extra=extra,
        offsets=f"{folder.name}/{starts.name}",
        offsets_sha256=sha256_of(starts),
        events=len(sizes),
        most=int(sizes.max(initial=0)),
    )


def _path(folder: Path, spec: ArraySpec, chunk: int) -> Path:
    return folder / PIECES / f"{spec.name}.{chunk}.npy"


def _read(folder: Path, spec: ArraySpec, chunk: int) -> tuple[NDArray[np.int64], Array]:
    """Entries of each event, and all entries."""
    with open_plain(_path(folder, spec, chunk)) as file:
        return npy_array(file), npy_array(file)


def _sizes(folder: Path, spec: ArraySpec, chunk: int) -> NDArray[np.int64]:
    with open_plain(_path(folder, spec, chunk)) as file:
        return npy_array(file)


def _bytes(array: Array) -> memoryview:
    """Its bytes; also of an array without any, whose memory cannot be viewed."""
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")
