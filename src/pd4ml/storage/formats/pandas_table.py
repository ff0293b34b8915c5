"""Tables that pandas wrote to HDF5 (``to_hdf(format="table")``), read without pandas or PyTables.

Such a table is one compound dataset ``<key>/table``. Its fields ``values_block_0``, ``values_block_1``, ... each
hold all columns of one dtype, and the attribute ``<field>_kind`` holds their names as a pickled list. It is not
unpickled: only the few opcodes that make a list of strings are accepted.
"""

from __future__ import annotations

import contextlib
import pickletools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pd4ml.errors import DataError, missing_extra, one_line, unknown_name
from pd4ml.storage.casting import cast
from pd4ml.storage.foreign import foreign
from pd4ml.storage.formats.base import Format, Part, register
from pd4ml.storage.hdf5 import MOST_PIECE, attribute, check_size, lies_here, member, with_room
from pd4ml.storage.store import Array

__all__ = ["PandasTable", "PandasTableFormat", "open_pandas_table"]

# PyTables pickles attributes with protocol 0; STRING is Python 2's, in which the published files were written.
_STRING_OPCODES = frozenset({"STRING", "UNICODE"})
_LIST_OPCODES = frozenset({"MARK", "LIST", "PUT", "APPEND", "STOP"})

_Index = slice | NDArray[np.intp]


@register("pandas_table")
class PandasTableFormat(Format):
    """The table ``table`` of an HDF5 file; the card's ``columns`` say which of its columns make an array."""

    signature = b"\x89HDF\r\n\x1a\n"
    noun = "an HDF5 file"

    def require(self) -> None:
        """h5py and the compressions that HDF5 itself does not bring."""
        _hdf5()

    def check_structure(self, path: Path) -> None:
        """HDF5 compares the end of the file with the one that its superblock promises."""
        h5py = _hdf5()
        try:
            h5py.File(path, "r").close()
        except (OSError, RuntimeError) as error:
            reason = one_line(str(error))
            raise DataError(f"expected {self.noun}, found a damaged or truncated one ({reason})") from error

    def n_events(self, part: Part) -> int:
        """Rows of the table; DataError if it lacks a column."""
        table = open_pandas_table(part.path)
        wanted = {str(name) for columns in part.columns.values() for name in np.ravel(columns)}
        if missing := sorted(wanted.difference(table.columns)):
            others = len(missing) - 1
            raise DataError(f"{part.path}: its table lacks the column {missing[0]!r} and {others} more")
        return len(table)

    def chunks(self, part: Part, n_events: int) -> Iterator[dict[str, Array]]:
        """Rows of the table, their columns arranged in the card's arrays."""
        dtypes = {spec.name: spec.dtype for spec in part.card.arrays}
        yield from open_pandas_table(part.path).chunks(part.columns, n_events, dtypes)


@dataclass(frozen=True)
class PandasTable:
    """A table of ``n_rows`` rows; ``fields`` maps each field of the dataset to the names of its columns."""

    path: Path
    key: str
    n_rows: int
    fields: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return self.n_rows

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(name for names in self.fields.values() for name in names)

    def chunks(
        self,
        arrays: Mapping[str, ArrayLike],
        n_events: int,
        dtypes: Mapping[str, DTypeLike] | None = None,
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """The table in pieces of at most ``n_events`` rows, its columns arranged in arrays.

        ``arrays`` maps the name of each array to its columns, nested as one event of it is: ``"label"`` alone
        gives an array (n,), names of shape (200, 4) give an array (n, 200, 4). Those in ``dtypes`` become that
        dtype. Raises DataError for damaged data and for numbers that do not fit their dtype.
        """
        plans = {name: self._plan(np.asarray(columns)) for name, columns in arrays.items()}
        with _dataset(self.path, self.key) as table:
            for low in range(0, self.n_rows, n_events):
                rows = table[low : low + n_events]
                yield {
                    name: self._arranged(rows, name, np.shape(arrays[name]), plan, (dtypes or {}).get(name))
                    for name, plan in plans.items()
                }

    def _plan(self, columns: NDArray[Any]) -> dict[str, tuple[_Index, _Index]]:
        """For each field that is needed: places in the flattened event, and columns of the field to put there."""
        place_of = {
            name: (field, index) for field, names in self.fields.items() for index, name in enumerate(names)
        }
        pairs: dict[str, list[tuple[int, int]]] = {}
        for place, name in enumerate(columns.ravel().tolist()):
            if name not in place_of:
                message = one_line(f"{self.path}: {unknown_name('column', name, self.columns)}", 300)
                raise DataError(message)
            field, index = place_of[name]
            pairs.setdefault(field, []).append((place, index))
        return {
            field: (_as_slice([p for p, _ in both]), _as_slice([i for _, i in both]))
            for field, both in pairs.items()
        }

    def _arranged(
        self,
        rows: NDArray[Any],
        name: str,
        shape: tuple[int, ...],
        plan: Mapping[str, tuple[_Index, _Index]],
        dtype: DTypeLike | None,
    ) -> NDArray[Any]:
        blocks = {field: rows[field].reshape(len(rows), -1) for field in plan}
        wanted = np.result_type(*blocks.values()) if dtype is None else np.dtype(dtype)
        flat = np.empty((len(rows), int(np.prod(shape))), wanted)
        for field, (places, columns) in plan.items():
            flat[:, places] = cast(blocks[field][:, columns], wanted, f"{name} in {self.path}")
        return flat.reshape(len(rows), *shape)


def open_pandas_table(path: Path, key: str = "table") -> PandasTable:
    """The table ``key`` of an HDF5 file; only its description is read.

    Raises DataError for a file that is damaged, has no such table or describes its columns in another way.
    """
    with _dataset(path, key) as table:
        fields = {}
        for field in table.dtype.names:
            if field == "index":
                continue
            kind, n_columns = attribute(table, f"{field}_kind"), int(np.prod(table.dtype[field].shape))
            # A column that was made searchable has a field of its own, named after it.
            names = (field,) if kind is None and n_columns == 1 else _string_list(kind, f"{field} in {path}")
            if len(names) != n_columns:
                message = f"{field} in {path}: {n_columns} columns, but names for {len(names)}"
                raise DataError(message)
            fields[field] = names
        result = PandasTable(path, key, len(table), fields)
    if len(set(result.columns)) != len(result.columns):
        message = f"{path}: two columns of its table have the same name"
        raise DataError(message)
    return result


def _string_list(pickled: object, what: str) -> tuple[str, ...]:
    """The strings of a pickled list of strings, by reading its opcodes; nothing is ever executed."""
    message = f"{what}: expected a list of column names, found something else"
    if not isinstance(pickled, bytes):
        raise DataError(message)
    strings = []
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in _STRING_OPCODES:
                strings.append(str(argument))
            elif opcode.name not in _LIST_OPCODES:
                raise DataError(message)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(message) from error
    return tuple(strings)


def _as_slice(indices: list[int]) -> _Index:
    """Consecutive ``indices`` as a slice, which NumPy copies several times faster."""
    if indices == list(range(indices[0], indices[0] + len(indices))):
        return slice(indices[0], indices[0] + len(indices))
    return np.array(indices, np.intp)


def _hdf5() -> Any:
    """h5py, taught to read blosc; here and not above, since it is slow to import and need not be installed."""
    try:
        import h5py
        import hdf5plugin  # noqa: F401  registers the compressions
    except ImportError as error:
        raise missing_extra("reading a table that pandas wrote to HDF5", "hdf5", error) from error
    return h5py


def _no_table(path: Path, key: str, file: Any) -> str:
    """What is there in place of a table that can be read by columns."""
    group = member(file, key)
    if group is not None and "pandas_type" in group.attrs:  # pandas' other way to write the same frame
        return (
            f"{path} holds {key!r} in pandas' fixed format, expected its table format: "
            f"write it with to_hdf(file, key={key!r}, format='table')"
        )
    return f"{path} holds no pandas table {key!r}; it holds {one_line(', '.join(file)) or 'nothing'}"


@contextlib.contextmanager
def _dataset(path: Path, key: str) -> Iterator[Any]:
    """The compound dataset of a table; what HDF5 says about a damaged file becomes one line."""
    h5py = _hdf5()
    with foreign(path, "HDF5 file"), h5py.File(path, "r") as file:
        table = member(file, f"{key}/table")
        if not isinstance(table, h5py.Dataset) or table.dtype.names is None or table.ndim != 1:
            raise DataError(_no_table(path, key, file))
        if not lies_here(table):
            raise DataError(f"{path} says that its table lies in another file, which is not followed")
        if table.dtype.hasobject:
            raise DataError(f"{path} has columns of no fixed size in its table: expected numbers")
        check_size(path, table)
        yield with_room(table, MOST_PIECE)
