"""The store: a folder of .npy files, opened memory-mapped, with a manifest."""

from __future__ import annotations

import math
import mmap
from collections.abc import ItemsView, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from pd4ml.arguments import as_path, as_whole
from pd4ml.errors import DataError, StoreError, missing_extra, one_line, unknown_name
from pd4ml.storage.disk import refused, require_plain
from pd4ml.storage.manifest import ArrayFile, Manifest
from pd4ml.storage.ragged import is_ragged, packed, ragged
from pd4ml.storage.verified import verify_files, verify_once
from pd4ml.text import html_facts

if TYPE_CHECKING:
    from pd4ml.card import Card
    from pd4ml.storage.torch_view import TorchEvents

__all__ = ["Array", "ChosenRows", "Events", "Store"]

Array = NDArray[Any]


class Events:
    """The events of one split, memory-mapped: nothing is read until it is used.

    ``events['constituents'][:10]`` reads ten events; ``events.X`` is the list of input arrays in the order of
    the card and ``events.y`` the target, (N,). ``events[3]`` is one event, its arrays by name, the target among
    them, and iterating gives one after the other; ``events[:100]``, places and masks give some of the events.
    Pickled, events of a ``folder`` are its name and are mapped again where they arrive; of a folder that has
    changed in the meantime they are refused. ``index`` are the places of some events of the split. A ragged array
    is an ``awkward.Array``.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        manifest: Manifest,
        split: str,
        folder: Path | None = None,
        index: NDArray[np.int64] | None = None,
    ) -> None:
        self._arrays = dict(arrays)
        self.manifest = manifest
        self.split = split
        self.folder = folder
        self.index = index
        self.card: Card | None = None  # the one they were opened with; pickled, they lose it

    @overload
    def __getitem__(self, name: str) -> Array: ...
    @overload
    def __getitem__(self, name: int) -> dict[str, Array]: ...
    @overload
    def __getitem__(self, name: slice | list[int] | NDArray[Any]) -> Events: ...
    def __getitem__(self, name: str | int | slice | list[int] | NDArray[Any]) -> Array | dict[str, Array] | Events:
        if isinstance(name, slice) or np.ndim(name) == 1:
            return self.choose(name)
        if not isinstance(name, str):
            place = as_whole("an event's place", name)
            if not -len(self) <= place < len(self):
                raise IndexError(f"event {place} of {len(self):,}")
            return self._event(place % len(self))
        if name not in self._arrays:
            raise unknown_name("array", name, self._arrays)
        array = self._arrays[name]
        if self.index is None or not self._file(name).per_event:
            return array
        if is_ragged(array):
            return cast("Array", array[self.index])
        return cast("Array", array[self.index] if array.ndim == 1 else ChosenRows(array, self.index))

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return (self._event(i) for i in range(len(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def items(self) -> ItemsView[str, Array]:
        """Names and arrays in the order of the card."""
        return {name: self[name] for name in self._arrays}.items()

    def __len__(self) -> int:
        """Number of events."""
        return self.manifest.n_events(self.split) if self.index is None else len(self.index)

    def __repr__(self) -> str:
        made = one_line(f"{self.manifest.source} {self.manifest.dataset}")
        return f"<{len(self):,} {made} events, split {self.split}>"

    def _repr_html_(self) -> str:
        files = self.manifest.arrays[self.split]
        facts = [(name, _kind(self[name]) + ", extra" * files[name].extra) for name in files]
        return html_facts(repr(self)[1:-1], facts)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.folder is None:
            return type(self), (self._arrays, self.manifest, self.split, None, self.index)
        return _reopened, (self.folder, self.split, self.manifest.fingerprint, self.index)

    @property
    def X(self) -> list[Array]:  # noqa: N802  the field's own name
        """The input arrays in the order of the card."""
        return [
            self[name]
            for name in self._arrays
            if name != self.manifest.target and not self.manifest.arrays[self.split][name].extra
        ]

    @property
    def y(self) -> Array:
        """The target, (N,)."""
        return self[self.manifest.target]

    @property
    def places(self) -> NDArray[np.int64]:
        """(N,) the places of the events in their split, all of which may not be here."""
        return np.arange(len(self)) if self.index is None else self.index

    def take(self, index: ArrayLike | slice) -> dict[str, Array]:
        """Copy the events at ``index`` (places, a mask or a slice) into memory, all arrays."""
        rows = index if isinstance(index, slice) else _places(index)
        if self.index is not None:
            rows = self.index[rows]
        taken = {}
        for name, array in self._arrays.items():
            chosen = array[rows] if self._file(name).per_event else array
            taken[name] = packed(chosen) if is_ragged(chosen) else np.array(chosen)
            _release(array)
        return taken

    def choose(self, index: ArrayLike | slice) -> Events:
        """The events at ``index`` (places, a mask or a slice) as events of their own; nothing is copied."""
        chosen = np.arange(len(self))[index if isinstance(index, slice) else _places(index)]
        places = chosen if self.index is None else self.index[chosen]
        events = Events(self._arrays, self.manifest, self.split, self.folder, places)
        events.card = self.card
        return events

    def torch(self) -> TorchEvents:
        """The events as a ``torch.utils.data.Dataset``: event i is ``X, y`` as tensors."""
        from pd4ml.storage.torch_view import TorchEvents

        return TorchEvents(self)

    to_torch = torch

    def to_awkward(self) -> Any:
        """The events in memory as an ``awkward.Array`` of records, a field for each array."""
        try:
            import awkward
        except ImportError as error:
            raise missing_extra("to_awkward", "awkward", error) from error
        n_events, taken = len(self), self.take(slice(None))
        fields = {
            n: a if self._file(n).per_event else np.broadcast_to(a, (n_events, *a.shape)) for n, a in taken.items()
        }
        return awkward.zip({name: awkward.Array(array) for name, array in fields.items()}, depth_limit=1)

    def to_parquet(self, file: str | Path) -> Path:
        """The events as one Parquet file: a column for each array, units and origin in its schema."""
        from pd4ml.storage.export.parquet import write_parquet

        return write_parquet(self, as_path(file, "file"))

    def to_huggingface(self, folder: str | Path) -> Path:
        """The events as a new folder that ``datasets.load_dataset`` reads, this split alone."""
        from pd4ml.storage.export.huggingface import write_huggingface

        return write_huggingface({self.split: self}, as_path(folder, "folder"))

    def verify(self) -> None:
        """Hash the split's files, once and whenever they have changed; StoreError for one that is another.

        Events that are not of a folder are taken as they are.
        """
        if self.folder is not None:
            verify_once(
                self.folder, [f for entry in self.manifest.arrays[self.split].values() for f in entry.files]
            )

    def _event(self, place: int) -> dict[str, Array]:
        row = place if self.index is None else int(self.index[place])
        return {n: np.asarray(a[row] if self._file(n).per_event else a) for n, a in self._arrays.items()}

    def _file(self, name: str) -> ArrayFile:
        return self.manifest.arrays[self.split][name]


def _kind(array: Array) -> str:
    """Shape and dtype; of a ragged array its type."""
    return str(array.type) if is_ragged(array) else f"{array.shape} {array.dtype}"


def _places(index: ArrayLike) -> NDArray[Any]:
    """Places (n,) or a mask (N,); DataError for anything else."""
    places = np.asarray(index)
    if places.size == 0:
        places = places.astype(np.int64)  # an empty list has no type of its own
    if places.dtype.kind not in "iub" or places.ndim != 1:
        raise DataError(f"events are chosen by places (n,), a mask (N,) or a slice, found {index!r}"[:200])
    return places


class ChosenRows:
    """Some rows of a memory-mapped array, read where they are looked at; behaves as the array that they are."""

    def __init__(self, array: Array, rows: NDArray[np.int64]) -> None:
        self._array, self._rows = array, rows
        self.shape = (len(rows), *array.shape[1:])
        self.dtype, self.ndim, self.size = array.dtype, array.ndim, len(rows) * math.prod(array.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> Array:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if first is Ellipsis:
            whole: Array = np.asarray(self)
            return np.asarray(whole[key])
        found: Array = np.asarray(self._array[self._rows[first]])
        if not rest:
            return found
        kept = () if isinstance(first, int | np.integer) else (slice(None),)
        return np.asarray(found[(*kept, *rest)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self._array[self._rows], dtype)


def _reopened(folder: Path, split: str, fingerprint: str, index: NDArray[np.int64] | None) -> Events:
    """The events of a folder, where they were pickled as its name."""
    store = Store(folder)
    if store.manifest.fingerprint != fingerprint:
        raise StoreError(f"{folder} holds other events than when it was pickled: open it again")
    events = store.events(split)
    return Events(events._arrays, events.manifest, split, folder, index)


def _release(array: Array) -> None:
    """Let go of a mapped file's pages, which stay in the system's cache.

    They count as this process's memory; after an epoch over shuffled events that would be the whole file.
    """
    if is_ragged(array):
        array = array.layout.content.data.base  # awkward keeps a view of what is mapped
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class Store:
    """A dataset folder that is complete and can be read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = as_path(folder, "folder")
        self.manifest = Manifest.read(self.folder)

    def __repr__(self) -> str:
        return f"<store in {one_line(str(self.folder), 300)}: {self.manifest!r}>"

    def events(self, split: str) -> Events:
        """The events of ``split``, memory-mapped; StoreError if a file does not match the manifest."""
        if split not in self.manifest.arrays:
            raise unknown_name("split", split, self.manifest.arrays)
        files = self.manifest.arrays[split]
        n_events = self.manifest.n_events(split)
        arrays = {name: self._open(entry, n_events) for name, entry in files.items()}
        return Events(arrays, self.manifest, split, self.folder.absolute())

    def verify(self) -> None:
        """Hash every file again; StoreError names the first that is not what the manifest says."""
        entries = [entry for files in self.manifest.arrays.values() for entry in files.values()]
        for split in self.manifest.arrays:
            self.events(split)
        verify_files(self.folder, [file for entry in entries for file in entry.files])

    def _open(self, entry: ArrayFile, n_events: int) -> Array:
        """An array; of a ragged one entries and offsets, together."""
        content = self._map(entry.file, entry.dtype, entry.shape)
        if not entry.offsets:
            return content
        offsets = self._map(entry.offsets, "int64", (n_events + 1,))
        if offsets[0] != 0 or offsets[-1] != len(content):
            raise StoreError(
                f"{self.folder / entry.offsets} is damaged: its offsets do not run from 0 to {len(content):,}"
            )
        return cast("Array", ragged(content, offsets))

    def _map(self, file: str, dtype: str, shape: tuple[int, ...]) -> Array:
        path = self.folder / file
        try:
            require_plain(path)
            array: Array = npy.open_memmap(path, mode="r")
        except FileNotFoundError:
            raise StoreError(f"{path} is missing: delete the folder and make it again") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {refused(error)}") from error
        except Exception as error:  # NumPy raises what it likes over damaged headers
            what = one_line(str(error), 200)
            raise StoreError(f"{path} cannot be read ({what}): delete the folder and make it again") from error
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise StoreError(f"{path} holds {array.dtype} {array.shape}, its manifest says {dtype} {shape}")
        return array
