"""Tables in Parquet: a column for each number, or columns of lists; which of them, the file's own schema says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.card import ArraySpec
from pd4ml.errors import DataError, one_line
from pd4ml.storage.casting import cast
from pd4ml.storage.export.columns import arrow, as_array
from pd4ml.storage.foreign import foreign
from pd4ml.storage.formats.base import Format, Part, register
from pd4ml.storage.store import Array

__all__ = ["ParquetTable", "parquet_file"]

# Columns of a batch -> (n, *shape) of an array.
_Arrange = Callable[[Any], Array]


@register("parquet_table")
class ParquetTable(Format):
    """A Parquet file whose columns make the arrays of the card, in one of three layouts.

    A column has the array's own name, as in files that this package writes; or each number has a column, named by
    the card's ``columns``; or the columns ``E_0``, ``E_1``, ... of the card are one column ``E`` of lists, which
    may be shorter and are padded.
    """

    signature = b"PAR1"
    noun = "a Parquet file"

    def require(self) -> None:
        """PyArrow."""
        arrow("reading Parquet")

    def check_structure(self, path: Path) -> None:
        """The footer, which is at the end."""
        try:
            with parquet_file(path):
                pass
        except DataError as error:
            raise DataError(f"expected {self.noun}, found a damaged or truncated one ({error})") from error

    def n_events(self, part: Part) -> int:
        """Rows of the table; DataError for a layout that is not known."""
        with parquet_file(part.path) as file:
            _layout(file.schema_arrow, part)
            return int(file.metadata.num_rows)

    def chunks(self, part: Part, n_events: int) -> Iterator[dict[str, Array]]:
        """Rows of the table, their columns arranged in the card's arrays."""
        with parquet_file(part.path) as file:
            plan = _layout(file.schema_arrow, part)
            needed = list(dict.fromkeys(name for names, _ in plan.values() for name in names))
            for batch in file.iter_batches(n_events, columns=needed):
                yield {
                    spec.name: cast(plan[spec.name][1](batch), spec.dtype, f"{spec.name} in {part.path}")
                    for spec in part.card.arrays
                }


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[Any]:
    """A Parquet file, open; what Arrow says of a damaged one becomes one line.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    pyarrow.parquet.ParquetFile
        Its footer is read.

    Raises
    ------
    DataError
        For a file that is missing, damaged or something else.
    """
    pyarrow = arrow("reading Parquet")
    with foreign(path, "Parquet file"), pyarrow.parquet.ParquetFile(path) as file:
        yield file


def _layout(schema: Any, part: Part) -> dict[str, tuple[list[str], _Arrange]]:
    """For each array of the card the columns that it needs, and what makes it of them."""
    return {spec.name: _columns_of(spec, schema, part) for spec in part.card.arrays}


def _columns_of(spec: ArraySpec, schema: Any, part: Part) -> tuple[list[str], _Arrange]:
    there, what = set(schema.names), f"{spec.name} in {part.path}"
    names = np.asarray(part.columns.get(spec.name, spec.name))
    if spec.name in there:
        return [spec.name], lambda batch: _of_shape(as_array(batch[spec.name], what), spec, what)
    if there.issuperset(names.ravel().tolist()):
        flat = names.ravel().tolist()
        return flat, lambda batch: np.stack([as_array(batch[name], what) for name in flat], -1).reshape(
            -1, *spec.shape
        )
    stems = _stems(names)
    if stems and all(stem in there and hasattr(schema.field(stem).type, "value_type") for stem in stems):
        return stems, lambda batch: np.stack([_padded(batch[stem], spec, what) for stem in stems], axis=-1)
    wanted = ", ".join(dict.fromkeys([spec.name, str(names.ravel()[0])]))
    wanted += f" or lists {', '.join(stems)}" if stems else ""
    found = ", ".join(f"{field.name} ({field.type})" for field in list(schema)[:8])
    more = f" and {len(there) - 8:,} more" if len(there) > 8 else ""
    raise DataError(
        one_line(f"{part.path}: no columns for {spec.name}, expected {wanted}; found {found}{more}", 500)
    )


def _stems(names: Array) -> list[str]:
    """``E``, ``PX`` of columns [[E_0, PX_0], [E_1, PX_1], ...]; nothing for names of another pattern."""
    if names.ndim != 2:
        return []
    stems = [str(name).rpartition("_")[0] for name in names[0]]
    return stems if names.tolist() == [[f"{stem}_{i}" for stem in stems] for i in range(len(names))] else []


def _of_shape(array: Array, spec: ArraySpec, what: str) -> Array:
    """The array, if its events have the card's shape; the first of an array that all events share."""
    if array.shape[1:] != spec.shape:
        raise DataError(f"{what}: events of shape {array.shape[1:]}, expected {spec.shape}")
    return array if spec.per_event else array[0]


def _padded(column: Any, spec: ArraySpec, what: str) -> Array:
    """Lists (n,) of up to P numbers as (n, P), the rest padding."""
    most = spec.shape[0]
    lengths = np.asarray(arrow("reading Parquet").compute.list_value_length(column))
    if column.null_count or (len(lengths) and lengths.max() > most):
        raise DataError(f"{what}: lists of up to {max(lengths, default=0):,} numbers, expected at most {most}")
    numbers = as_array(column.flatten(), what)
    if numbers.ndim != 1:
        raise DataError(f"{what}: lists of {numbers.ndim} levels, expected numbers")
    padded = np.full((len(lengths), most), spec.padding or 0, numbers.dtype)
    padded[np.arange(most) < lengths[:, None]] = numbers
    return padded
