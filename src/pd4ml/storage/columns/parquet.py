"""Parquet files, read with pyarrow a batch at a time; lists are ragged columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from pd4ml.errors import missing_extra
from pd4ml.storage.columns.base import ColumnFile

__all__ = ["FILE", "ParquetColumns"]


class ParquetColumns(ColumnFile):
    """The columns of a Parquet file."""

    @cached_property
    def _file(self) -> Any:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise missing_extra("Parquet files", "parquet", error) from error
        with self.readable():
            return parquet.ParquetFile(self.path)

    @cached_property
    def columns(self) -> dict[str, str]:
        """Columns, with Arrow's names of their types."""
        with self.readable():
            return {field.name: str(field.type) for field in self._file.schema_arrow}

    @property
    def n_rows(self) -> int:
        """Rows of all row groups."""
        return int(self._file.metadata.num_rows)

    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """Batches; a row group is decoded piece by piece."""
        import awkward as ak

        from pd4ml.storage.columns.ragged_columns import plain

        self.check(names)
        with self.readable():
            for batch in self._file.iter_batches(n_rows, columns=list(names), use_threads=False):
                found = ak.from_arrow(batch)
                yield {name: plain(found[name]) for name in names}


FILE = ParquetColumns
