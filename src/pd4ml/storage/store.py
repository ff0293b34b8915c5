"""The store: a folder of .npy files, opened memory-mapped, with a manifest."""

from __future__ import annotations

import mmap
from collections.abc import ItemsView, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.errors import StoreError, unknown_name
from pd4ml.progress import progress
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import ArrayFile, Manifest

__all__ = ["Array", "Events", "Store"]

Array = NDArray[Any]


class Events:
    """The events of one split, memory-mapped: nothing is read until it is used.

    ``events['constituents'][:10]`` reads ten events; ``events.X`` is the list of input arrays in the order of
    the card and ``events.y`` the target, (N,).
    """

    def __init__(self, arrays: Mapping[str, Array], manifest: Manifest, split: str) -> None:
        self._arrays = dict(arrays)
        self.manifest = manifest
        self.split = split

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            raise unknown_name("array", name, self._arrays)
        return self._arrays[name]

    def items(self) -> ItemsView[str, Array]:
        """Names and arrays in the order of the card."""
        return self._arrays.items()

    def __len__(self) -> int:
        """Number of events."""
        return self.manifest.n_events(self.split)

    def __repr__(self) -> str:
        return f"<{len(self):,} {self.manifest.source} {self.manifest.dataset} events, split {self.split}>"

    @property
    def X(self) -> list[Array]:  # noqa: N802  the field's own name
        """The input arrays in the order of the card."""
        files = self.manifest.arrays[self.split]
        return [a for name, a in self.items() if name != self.manifest.target and not files[name].extra]

    @property
    def y(self) -> Array:
        """The target, (N,)."""
        return self[self.manifest.target]

    def take(self, index: ArrayLike | slice) -> dict[str, Array]:
        """Copy the events at ``index`` (integers or a slice) into memory, all arrays."""
        rows = index if isinstance(index, slice) else np.asarray(index)
        files = self.manifest.arrays[self.split]
        taken = {name: np.array(a[rows] if files[name].per_event else a) for name, a in self.items()}
        for array in self._arrays.values():
            _release(array)
        return taken


def _release(array: Array) -> None:
    """Let go of a mapped file's pages, which stay in the system's cache.

    They count as this process's memory; after an epoch over shuffled events that would be the whole file.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class Store:
    """A dataset folder that is complete and can be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.read(self.folder)

    def events(self, split: str) -> Events:
        """The events of ``split``, memory-mapped; StoreError if a file does not match the manifest."""
        if split not in self.manifest.arrays:
            raise unknown_name("split", split, self.manifest.arrays)
        files = self.manifest.arrays[split]
        return Events({name: self._map(entry) for name, entry in files.items()}, self.manifest, split)

    def verify(self) -> None:
        """Hash every file again; StoreError names the first that is not what the manifest says."""
        entries = [entry for files in self.manifest.arrays.values() for entry in files.values()]
        total = sum((self.folder / entry.file).stat().st_size for entry in entries if self._map(entry).size)
        with progress(f"verifying {self.folder}", total, "bytes") as bar:
            for entry in entries:
                if sha256_of(self.folder / entry.file, bar) != entry.sha256:
                    raise StoreError(
                        f"{self.folder / entry.file} has another SHA-256 than its manifest says: "
                        "delete the folder and make the dataset again"
                    )

    def _map(self, entry: ArrayFile) -> Array:
        path = self.folder / entry.file
        try:
            array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{path} cannot be read ({error}): delete the folder and make it again") from error
        if array.shape != entry.shape or array.dtype != np.dtype(entry.dtype):
            raise StoreError(
                f"{path} holds {array.dtype} {array.shape}, its manifest says {entry.dtype} {entry.shape}"
            )
        return array
