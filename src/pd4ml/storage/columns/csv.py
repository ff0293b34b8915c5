"""CSV files, plain or gzipped, read with pyarrow a block at a time."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pd4ml.errors import DataError, missing_extra
from pd4ml.storage.columns.base import ColumnFile

__all__ = ["FILE", "CsvColumns"]

_BLOCK_BYTES = 1 << 22  # also the longest line
_MOST_HEADER = 1 << 16


class CsvColumns(ColumnFile):
    """The columns of a CSV file whose first line names them."""

    def _reader(self, names: Sequence[str] | None = None) -> Any:
        try:
            from pyarrow import csv
        except ImportError as error:
            raise missing_extra("CSV files", "parquet", error) from error
        self._check_first_line()
        with self.readable():
            return csv.open_csv(
                self.path,
                read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                convert_options=csv.ConvertOptions(include_columns=list(names) if names is not None else None),
            )

    def _check_first_line(self) -> None:
        """Before Arrow reads a line of any length into memory, several times over."""
        with self.readable(), (gzip.open if self.path.suffix == ".gz" else open)(self.path, "rb") as file:
            if len(file.readline(_MOST_HEADER + 1)) > _MOST_HEADER:
                raise DataError(f"{self.path}: its first line is longer than {_MOST_HEADER:,} characters")

    @cached_property
    def columns(self) -> dict[str, str]:
        """Columns, with the types that their first values have."""
        return {field.name: str(field.type) for field in self._reader().schema}

    @cached_property
    def n_rows(self) -> int:
        """Lines behind the first; they are counted."""
        name = next(iter(self.columns))
        with self.readable():
            return sum(len(batch) for batch in self._reader([name]))

    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """Lines, some at a time."""
        self.check(names)
        kept: list[Any] = []
        with self.readable():
            for batch in self._reader(names):
                kept.append(batch)
                while sum(map(len, kept)) >= n_rows:
                    piece, kept = _cut(kept, n_rows)
                    yield {name: self._values(name, piece) for name in names}
            if sum(map(len, kept)):
                yield {name: self._values(name, kept) for name in names}

    def _values(self, name: str, batches: list[Any]) -> Any:
        """One column; DataError for empty fields, which pyarrow calls null."""
        parts = [batch.column(batch.schema.get_field_index(name)) for batch in batches]
        if any(part.null_count for part in parts):
            raise DataError(f"{self.path}: column {name} has empty fields; leave it out, or fill them")
        values = [part.to_numpy(zero_copy_only=False) for part in parts]
        joined = np.concatenate(values)
        return joined.astype(str) if joined.dtype == object else joined


def _cut(batches: list[Any], n_rows: int) -> tuple[list[Any], list[Any]]:
    """The first rows, and what is left."""
    taken: list[Any] = []
    for number, batch in enumerate(batches):
        if len(batch) > n_rows:
            return [*taken, batch.slice(0, n_rows)], [batch.slice(n_rows), *batches[number + 1 :]]
        taken.append(batch)
        n_rows -= len(batch)
        if not n_rows:
            return taken, batches[number + 1 :]
    return taken, []


FILE = CsvColumns
