"""HDF5 files that somebody else may have made: what lies in the file itself, and no more than it can hold.

Links to other files, and datasets whose numbers lie elsewhere, are never followed.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pd4ml.errors import DataError, one_line
from pd4ml.storage.disk import size_text
from pd4ml.storage.foreign import check_unpacked

__all__ = ["MOST_PIECE", "attribute", "check_heaps", "check_size", "datasets", "lies_here", "member", "with_room"]

# A piece has as many rows as its writer liked, however few the table has: PyTables' pieces of blosc2 are as large
# as the processor's cache (tables/leaf.py, version 3.11), 503 MB on some servers.
MOST_PIECE = 1 << 30
_HEAP = b"GCOL\x01\0\0\0"


def member(group: Any, name: str) -> Any | None:
    """The group or dataset of this path, or None; each step is a hard link, since others may lead elsewhere."""
    import h5py

    found = group
    for part in filter(None, name.split("/")):
        if not isinstance(found, h5py.Group) or not isinstance(found.get(part, getlink=True), h5py.HardLink):
            return None
        found = found[part]
    return found


def datasets(group: Any, before: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """All datasets below a group whose numbers lie in the file, by path; a group that holds itself ends there."""
    import h5py

    seen = set() if seen is None else seen
    seen.add(h5py.h5o.get_info(group.id).addr)
    for name in group:
        found = member(group, name)
        if isinstance(found, h5py.Group):
            if h5py.h5o.get_info(found.id).addr not in seen:
                yield from datasets(found, f"{before}{name}/", seen)
        elif isinstance(found, h5py.Dataset) and lies_here(found):
            yield f"{before}{name}", found


def lies_here(dataset: Any) -> bool:
    """Whether the numbers of a dataset lie in the file itself."""
    return not (dataset.external or dataset.is_virtual)


def check_size(path: Path, dataset: Any) -> None:
    """DataError for a dataset that would fill the memory, its pieces included, which are unpacked as a whole."""
    if not dataset.dtype.itemsize:
        raise DataError(f"{one_line(dataset.name)} in {path} has rows without any numbers")
    check_unpacked(path, math.prod(dataset.shape) * dataset.dtype.itemsize)
    check_unpacked(path, max(dataset.shape))  # of rows without any number
    if (piece := _piece(dataset)) > MOST_PIECE:
        raise DataError(
            f"{one_line(dataset.name)} in {path} has pieces of {size_text(piece)}, expected at most "
            f"{size_text(MOST_PIECE)}: write it with smaller chunks"
        )


def with_room(dataset: Any, n_bytes: int) -> Any:
    """The dataset with a piece kept in memory, if it takes at most ``n_bytes``: else each read unpacks it anew.

    ``dataset`` itself is closed, since HDF5 gives all who hold a dataset the memory that the first one asked for.
    """
    import h5py

    access = dataset.id.get_access_plist()
    slots, before, preference = access.get_chunk_cache()
    if not before < _piece(dataset) <= n_bytes:
        return dataset
    access.set_chunk_cache(slots, _piece(dataset), preference)
    file, name = dataset.file, dataset.name
    dataset.id.close()
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode(), access))


def _piece(dataset: Any) -> int:
    return int(math.prod(dataset.chunks or ()) * dataset.dtype.itemsize)


def attribute(owner: Any, name: str) -> Any:
    """An attribute of fixed size, or None."""
    return owner.attrs[name] if name in owner.attrs and not owner.attrs.get_id(name).dtype.hasobject else None


def check_heaps(path: Path, file: Any) -> None:
    """DataError for a heap of lists and texts that has an object of no size, over which libhdf5 loops without end.

    The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Global Heap".
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        heap, head, steps = content.find(_HEAP), 8 + file.id.get_create_plist().get_sizes()[1], 0
        while heap >= 0:
            end = heap + int.from_bytes(content[heap + 8 : heap + head], "little")
            place = heap + head
            while place + head <= min(end, len(content)):
                number = int.from_bytes(content[place : place + 2], "little")
                size = int.from_bytes(content[place + 8 : place + head], "little")
                steps += 1
                if (not number and size < head) or steps * head > len(content):  # or heaps that overlap
                    raise DataError(f"{path} is damaged: a heap of its lists has an object of {size} bytes")
                place += head + -(-size // 8) * 8 if number else size
            heap = content.find(_HEAP, heap + 8)
