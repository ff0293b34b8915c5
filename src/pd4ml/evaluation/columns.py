"""Columns of numbers in files that anyone may have written: CSV, .npy, .npz, Parquet.

Nothing is unpickled, and nothing is allocated before the file has shown that it can hold it.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pd4ml.errors import DataError, missing_extra, one_line
from pd4ml.storage.npz import open_npz

__all__ = ["MAX_BYTES", "UNNAMED", "Columns", "read_columns"]

# Half a million events of two classes take 6 MB; this is two hundred million.
MAX_BYTES = 1 << 32
# The name of a column in a file that names none.
UNNAMED = ""
# Columns of a CSV file whose numbers keep all their digits.
_WHOLE = ("event_id", "node")

Columns = dict[str, NDArray[Any]]


def read_columns(file: Path, wanted: re.Pattern[str]) -> Columns:
    """The columns whose names (in lower case) match ``wanted``, each (N,) or (N, K); others are not read.

    A file of nothing but numbers gives one column `UNNAMED`. DataError if the file is missing, damaged, too
    large, of an unknown kind, without any wanted column, or with columns of different lengths.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".npy": _npy, ".npz": _npz, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"{file}: expected a file that ends in .csv, .npy, .npz or .parquet")
    with _one_line_errors(file):
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"{file} has {file.stat().st_size:,} bytes, more than the {MAX_BYTES:,} that are read")
        columns = reader(file, wanted)
    lengths = {len(column) if column.ndim else None for column in columns.values()}
    if len(lengths) > 1 or None in lengths:
        shapes = ", ".join(f"{name or 'array'} {column.shape}" for name, column in columns.items())
        raise DataError(f"{file}: expected arrays (N,) of one length, found {shapes}")
    return columns


def _chosen(file: Path, names: Iterable[str], wanted: re.Pattern[str]) -> dict[str, str]:
    """The wanted ones of ``names``, by their plain form."""
    names = list(names)
    chosen: dict[str, str] = {}
    for name in names:
        plain = name.strip().lower()
        if wanted.fullmatch(plain):
            if plain in chosen:
                raise DataError(f"{file} has two columns {plain!r}")
            chosen[plain] = name
    if not chosen:
        found = one_line(", ".join(repr(name) for name in names), 200) or "none"
        known = re.findall(r"[a-z]+(?:_[a-z]+)*", wanted.pattern.replace(r"\d", ""))
        raise DataError(f"{file}: expected a column {' or '.join(known)}, found {found}")
    return chosen


def _npy(file: Path, wanted: re.Pattern[str]) -> Columns:
    # Mapped, so that a header which promises more than the file holds is refused without allocating.
    mapped: NDArray[Any] = npy.open_memmap(file, mode="r")
    if mapped.dtype.names is None:
        return {UNNAMED: np.array(mapped)}
    return {plain: np.array(mapped[name]) for plain, name in _chosen(file, mapped.dtype.names, wanted).items()}


def _npz(file: Path, wanted: re.Pattern[str]) -> Columns:
    members = open_npz(file)
    # numpy.savez names an array that has no name arr_0.
    names = {UNNAMED: "arr_0"} if list(members) == ["arr_0"] else _chosen(file, members, wanted)
    if sum(math.prod(members[n].shape) * members[n].dtype.itemsize for n in names.values()) > MAX_BYTES:
        raise DataError(f"{file} holds more than the {MAX_BYTES:,} bytes that are read")
    return {plain: members[name].read() for plain, name in names.items()}


def _parquet(file: Path, wanted: re.Pattern[str]) -> Columns:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise missing_extra("a Parquet file", "parquet", error) from error
    try:
        with parquet.ParquetFile(file) as table:
            names = _chosen(file, table.schema_arrow.names, wanted)
            if table.metadata.num_rows * len(names) * 8 > MAX_BYTES:
                raise DataError(f"{file} holds more than the {MAX_BYTES:,} bytes that are read")
            read = table.read(columns=list(names.values()))
            return {plain: read.column(name).to_numpy() for plain, name in names.items()}
    except ArrowException as error:
        raise DataError(f"{file} is damaged or no Parquet file: {one_line(str(error), 200)}") from error


def _csv(file: Path, wanted: re.Pattern[str]) -> Columns:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline(1 << 16)
        delimiter = next((d for d in "\t;" if d in first), ",")
        stream.seek(0)
        rows = csv.reader(stream, delimiter=delimiter, strict=True)
        header = next(rows, [])
        if len(header) == 1 and _is_number(header[0]):
            stream.seek(0)
            names, width = {UNNAMED: 0}, 1
            rows = csv.reader(stream, strict=True)
        else:
            if header and all(_is_number(cell) for cell in header):
                raise DataError(f"{file}: its first line must name the columns, such as event_id{delimiter}score")
            positions = {plain: header.index(name) for plain, name in _chosen(file, header, wanted).items()}
            names, width = positions, len(header)
        return _parse(file, rows, names, width)


def _parse(file: Path, rows: Any, names: dict[str, int], width: int) -> Columns:
    """Numbers of the columns at the places ``names`` in rows of ``width`` cells; blank lines are skipped."""
    columns: dict[str, array[Any]] = {name: array("q" if name in _WHOLE else "d") for name in names}
    for row in rows:
        if not row:
            continue
        if len(row) != width:
            raise DataError(f"{file}, line {rows.line_num}: expected {width} cells, found {len(row)}")
        for name, place in names.items():
            try:
                columns[name].append(int(row[place]) if name in _WHOLE else float(row[place]))
            except (ValueError, OverflowError):
                what = "a whole number" if name in _WHOLE else "a number"
                cell = one_line(repr(row[place]), 40)
                raise DataError(f"{file}, line {rows.line_num}: expected {what}, found {cell}") from None
    return {name: np.array(column) for name, column in columns.items()}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@contextmanager
def _one_line_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, EOFError, csv.Error, SyntaxError, NotImplementedError) as error:
        raise DataError(f"{file} cannot be read: {one_line(str(error), 200)}") from error
