"""Columns of numbers in files that anyone may have written: CSV, .npy, .npz, Parquet.

Nothing is unpickled, and nothing is allocated before the file has shown that it can hold it.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, missing_extra, one_line
from pd4ml.storage.casting import cast
from pd4ml.storage.foreign import check_unpacked, foreign
from pd4ml.storage.npz import open_npz, read_npy

__all__ = ["MAX_BYTES", "UNNAMED", "Columns", "Wanted", "read_columns"]

# Half a million events of two classes take 6 MB; this is two hundred million.
MAX_BYTES = 1 << 32
_MOST_OF_A_ROW = 1 << 16
# The name of a column in a file that names none.
UNNAMED = ""


@dataclass(frozen=True)
class Wanted:
    """A column to read: what it is for (``role``), its name in the file and its place there, from 0.

    It must hold numbers (``number``) or whole numbers (``whole``). One that only may is left out if it does not
    (``maybe number``, ``maybe whole``). ``ids`` are whole numbers, too, or names of events, which are left out.
    """

    role: str
    source: str
    place: int
    holds: Literal["number", "whole", "maybe number", "maybe whole", "ids"]

    @property
    def maybe(self) -> bool:
        """Whether nothing is wrong if it holds something else."""
        return self.holds.startswith("maybe")


Columns = dict[Wanted, NDArray[Any]]
Choose = Callable[[Sequence[str]], list[Wanted]]


def read_columns(file: Path, choose: Choose) -> Columns:
    """The columns that ``choose`` picks by the names of all, each (N,) or (N, K); others are not read.

    A file of nothing but numbers has the one column `UNNAMED`. DataError if the file is missing, damaged, too
    large, of an unknown kind, with columns of different lengths or with something else than they must hold.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".npy": _npy, ".npz": _npz, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"{file}: expected a file that ends in .csv, .npy, .npz or .parquet")
    with foreign(file, f"{file.suffix} file of numbers"):
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"{file} has {file.stat().st_size:,} bytes, more than the {MAX_BYTES:,} that are read")
        columns = reader(file, choose)
    lengths = {len(column) if column.ndim else None for wanted, column in columns.items() if not wanted.maybe}
    if len(lengths) > 1 or None in lengths:
        shapes = ", ".join(f"{w.source or 'array'} {column.shape}" for w, column in columns.items() if not w.maybe)
        raise DataError(f"{file}: expected arrays (N,) of one length, found {shapes}")
    return {wanted: column for wanted, column in columns.items() if column.ndim and len(column) in lengths}


def _npy(file: Path, choose: Choose) -> Columns:
    found = read_npy(file)
    if found.dtype.names is None:
        return dict.fromkeys(choose([UNNAMED]), found)
    return _fitting(file, {wanted: np.array(found[wanted.source]) for wanted in choose(found.dtype.names)})


def _npz(file: Path, choose: Choose) -> Columns:
    members = open_npz(file)
    if list(members) == ["arr_0"]:  # what numpy.savez calls an array that has no name
        (wanted,) = choose([UNNAMED])
        chosen = {wanted: members["arr_0"]}
    else:
        chosen = {wanted: members[wanted.source] for wanted in choose(list(members))}
    lengths = {array.shape[:1] for wanted, array in chosen.items() if not wanted.maybe}
    chosen = {
        w: a for w, a in chosen.items() if not w.maybe or (a.dtype.kind in "fiub" and a.shape[:1] in lengths)
    }
    _check_size(file, sum(math.prod(array.shape) * array.dtype.itemsize for array in chosen.values()))
    return _fitting(file, {wanted: array.read() for wanted, array in chosen.items()})


def _parquet(file: Path, choose: Choose) -> Columns:
    try:
        from pyarrow import parquet, types
    except ImportError as error:
        raise missing_extra("a Parquet file", "parquet", error) from error
    numeric = (types.is_integer, types.is_floating, types.is_boolean)
    with parquet.ParquetFile(file) as table:
        schema = table.schema_arrow
        chosen = [
            w
            for w in choose(schema.names)
            if w.holds in ("number", "whole") or any(of(schema.field(w.place).type) for of in numeric)
        ]
        _check_size(file, table.metadata.num_rows * len(chosen) * 8)
        for wanted in chosen:
            if schema.names.count(wanted.source) > 1:
                raise DataError(f"{file} has two columns {wanted.source!r}")
        read = table.read(columns=[wanted.source for wanted in chosen])
        return _fitting(file, {wanted: read.column(wanted.source).to_numpy() for wanted in chosen})


def _check_size(file: Path, n_bytes: int) -> None:
    check_unpacked(file, n_bytes)
    if n_bytes > MAX_BYTES:
        raise DataError(f"{file} holds more than the {MAX_BYTES:,} bytes that are read")


def _fitting(file: Path, columns: Columns) -> Columns:
    """The columns without those that may hold something else and do; ids as int64."""
    found: Columns = {}
    for wanted, column in columns.items():
        flat = column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column
        if wanted.holds in ("number", "whole"):
            found[wanted] = column
        elif wanted.holds == "maybe number":
            if column.dtype.kind in "fiub":
                found[wanted] = column
        elif flat.ndim == 1 and flat.dtype.kind in "fiu":
            whole = flat.dtype.kind != "f" or bool((np.isfinite(flat) & (flat == np.trunc(flat))).all())
            if whole:
                found[wanted] = cast(flat, np.int64, f"{file}: {wanted.source}")
            elif not wanted.maybe:
                raise DataError(f"{file}: {wanted.source} names the events, so it must hold whole numbers")
    return found


def _csv(file: Path, choose: Choose) -> Columns:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline(_MOST_OF_A_ROW)
        delimiter = next((d for d in "\t;" if d in first), ",")
        stream.seek(0)
        rows = _rows(file, stream, delimiter)
        _, header = next(rows, (0, []))
        if len(header) == 1 and _is_number(header[0]):
            stream.seek(0)
            header = [UNNAMED]
            rows = _rows(file, stream, ",")
        elif header and all(_is_number(cell) for cell in header):
            raise DataError(f"{file}: its first line must name the columns, such as event_id{delimiter}score")
        return _parse(file, rows, choose(header), len(header))


def _rows(file: Path, stream: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Cells of each row, and where it ends; DataError for a row that would fill the memory."""
    used = 0

    def lines() -> Iterator[str]:
        nonlocal used
        while line := stream.readline(_MOST_OF_A_ROW):
            used += len(line)
            if used >= _MOST_OF_A_ROW:
                raise DataError(f"{file}, line {reader.line_num + 1}: longer than {_MOST_OF_A_ROW:,} characters")
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    for row in reader:
        used = 0
        yield reader.line_num, row


def _parse(file: Path, rows: Iterator[tuple[int, list[str]]], chosen: list[Wanted], width: int) -> Columns:
    """Numbers of the columns in rows of ``width`` cells; blank lines are skipped."""
    numbers = {w: array("d" if w.holds in ("number", "maybe number") else "q") for w in chosen}
    converters: dict[str, Callable[[str], Any]] = {
        "number": float,
        "maybe number": float,
        "whole": int,
        "maybe whole": _whole,
        "ids": _whole,
    }
    reading = [(w, converters[w.holds], w.place, column.append) for w, column in numbers.items()]
    n_rows = 0
    for line, row in rows:
        if not row:
            continue
        if len(row) != width:
            raise DataError(f"{file}, line {line}: expected {width} cells, found {len(row)}")
        n_rows += 1
        for entry in reading:
            wanted, convert, place, append = entry
            try:
                append(convert(row[place]))
            except (ValueError, OverflowError):
                text = wanted.holds == "ids" and n_rows == 1 and bool(row[place]) and not _is_number(row[place])
                if wanted.maybe or text:
                    del numbers[wanted]
                    continue
                what = "a number" if wanted.holds == "number" else "a whole number"
                cell = one_line(repr(row[place]), 40)
                raise DataError(f"{file}, line {line}: expected {what}, found {cell}") from None
        if len(reading) > len(numbers):
            reading = [entry for entry in reading if entry[0] in numbers]
    return {wanted: np.array(column) for wanted, column in numbers.items()}


def _whole(cell: str) -> int:
    """A whole number, also one with a decimal point."""
    try:
        return int(cell)
    except ValueError:
        number = float(cell)
        if number != int(number):
            raise
        return int(number)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
