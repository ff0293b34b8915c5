"""What a file of columns must say: their names and kinds, how many rows, and the rows piece by piece."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pd4ml.errors import DataError, unknown_name
from pd4ml.storage.foreign import foreign

__all__ = ["KINDS", "ColumnFile", "open_columns"]

KINDS = {
    ".root": ("root", b"root"),
    ".parquet": ("parquet", b"PAR1"),
    ".h5": ("hdf5", b"\x89HDF\r\n\x1a\n"),
    ".hdf5": ("hdf5", b"\x89HDF\r\n\x1a\n"),
    ".npz": ("npz", b"PK\x03\x04"),
    ".csv": ("csv", b""),
    ".csv.gz": ("csv", b"\x1f\x8b"),
}
"""The end of a file's name -> the module that reads it, and how such files begin."""


class ColumnFile(ABC):
    """The columns of a file. A row is an event.

    Parameters
    ----------
    path : Path
        The file.
    inside : str
        Which part of it holds the rows, where there can be several: a tree of a ROOT file, a group of an HDF5
        file.
    """

    def __init__(self, path: Path, inside: str = "") -> None:
        self.path, self.inside, self._n_bytes = path, inside, path.stat().st_size

    @property
    @abstractmethod
    def columns(self) -> dict[str, str]:
        """Name -> what it holds, for people, such as ``list of float``; those that are no numbers included."""

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """How many events."""

    @abstractmethod
    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """The columns ``names``, at most ``n_rows`` rows at a time: NumPy, or awkward where they are ragged."""

    def check(self, names: Sequence[str]) -> None:
        """UnknownNameError for a column that is not there."""
        for name in names:
            if name not in self.columns:
                raise unknown_name(f"column of {self.path.name}", name, self.columns)

    def readable(self) -> AbstractContextManager[None]:
        """Where a library reads the file: what it raises becomes one line."""
        return foreign(self.path, f"{self.path.suffix.lstrip('.')} file", self._n_bytes)


def open_columns(path: Path, inside: str = "") -> ColumnFile:
    """The columns of a file, known by the end of its name and by how it begins.

    Parameters
    ----------
    path : Path
        A plain file.
    inside : str
        See `ColumnFile`.

    Returns
    -------
    ColumnFile
        What reads it.

    Raises
    ------
    DataError
        For a file that is not what its name says, or of another kind.
    StoreError
        For one that cannot be opened.
    MissingExtraError
        If what reads it is not installed.
    """
    name = path.name.lower()
    end = next((end for end in sorted(KINDS, key=len, reverse=True) if name.endswith(end)), None)
    if end is None:
        raise DataError(f"{path}: expected a file that ends with one of {', '.join(KINDS)}")
    if not path.exists():
        raise DataError(f"no file at {path}")
    module, signature = KINDS[end]
    with foreign(path, "file of columns"), path.open("rb") as file:
        opening = file.read(len(signature))
    if opening != signature:
        raise DataError(f"{path} is no {end.lstrip('.')} file: it begins with {opening!r}")
    found: ColumnFile = importlib.import_module(f"pd4ml.storage.columns.{module}").FILE(path, inside)
    return found
