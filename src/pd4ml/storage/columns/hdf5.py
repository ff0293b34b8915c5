"""HDF5 files: datasets of equal length, fields of tables, and arrays of variable length, read with h5py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pd4ml.errors import missing_extra, unknown_name
from pd4ml.storage.columns.base import ColumnFile
from pd4ml.storage.hdf5 import MOST_PIECE, check_heaps, check_size, datasets, member, with_room
from pd4ml.storage.ragged import ragged

__all__ = ["FILE", "Hdf5Columns"]


class Hdf5Columns(ColumnFile):
    """The datasets in the group ``inside`` that have as many rows as most; a field of a table is ``table.field``.

    Links to other files are not followed.
    """

    @cached_property
    def _found(self) -> dict[str, tuple[Any, str]]:
        """Name -> dataset, and the field of it."""
        try:
            import h5py
        except ImportError as error:
            raise missing_extra("HDF5 files", "hdf5", error) from error
        with self.readable():
            file = h5py.File(self.path, "r")
            group = member(file, self.inside)
            if not isinstance(group, h5py.Group):
                groups = [name for name in file if isinstance(member(file, name), h5py.Group)]
                raise unknown_name(f"group of {self.path.name}", self.inside, groups)
            here = {name: dataset for name, dataset in datasets(group) if dataset.ndim}
            sizes = [len(dataset) for dataset in here.values()]
            rows = max(set(sizes), key=lambda n: (sizes.count(n), n)) if sizes else 0
            found: dict[str, tuple[Any, str]] = {}
            for name, dataset in here.items():
                if len(dataset) == rows:
                    check_size(self.path, dataset)
                    kept = with_room(dataset, MOST_PIECE // len(here))
                    fields = kept.dtype.names
                    found |= {f"{name}.{f}": (kept, f) for f in fields} if fields else {name: (kept, "")}
            if any(dataset.dtype.hasobject for dataset, _ in found.values()):
                check_heaps(self.path, file)
            return found

    @cached_property
    def columns(self) -> dict[str, str]:
        """Datasets and fields, with dtype and shape of a row."""
        return {name: _kind(dataset, field) for name, (dataset, field) in self._found.items()}

    @property
    def n_rows(self) -> int:
        """Length of the datasets."""
        return next((len(dataset) for dataset, _ in self._found.values()), 0)

    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """Slices of the datasets."""
        self.check(names)
        for start in range(0, self.n_rows, n_rows):
            rows = slice(start, start + n_rows)
            with self.readable():
                found = {name: _rows(*self._found[name], rows) for name in names}
            yield found


def _kind(dataset: Any, field: str) -> str:
    dtype = dataset.dtype[field] if field else dataset.dtype
    shape = dataset.shape[1:]
    return f"{dtype} {shape}" if shape else str(dtype)


def _rows(dataset: Any, field: str, rows: slice) -> Any:
    """Rows of a dataset; of variable length as an awkward array, texts as texts."""
    values = dataset[field][rows] if field and dataset.dtype[field].subdtype else dataset[rows]
    values = values[field] if field and values.dtype.names else values
    if values.dtype != object:
        return values.astype(str) if values.dtype.kind == "S" else values
    if len(values) and isinstance(values[0], bytes | str):
        return np.array([v.decode() if isinstance(v, bytes) else v for v in values])
    parts = [np.asarray(part) for part in values]
    sizes = np.array([len(part) for part in parts], np.int64)
    content = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return ragged(content, np.concatenate([[0], np.cumsum(sizes)]))


FILE = Hdf5Columns
