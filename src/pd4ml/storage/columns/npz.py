"""NumPy archives: arrays with a row for each event; a ragged one lies beside its ``NAME.offsets``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from pd4ml.errors import DataError
from pd4ml.storage.columns.base import ColumnFile
from pd4ml.storage.npz import NpzArray, open_npz
from pd4ml.storage.ragged import checked_ragged

__all__ = ["FILE", "NpzColumns"]

_OFFSETS = ".offsets"


class NpzColumns(ColumnFile):
    """The arrays of an archive; entries of ragged ones are read as a whole, the others piece by piece."""

    @cached_property
    def _arrays(self) -> dict[str, NpzArray]:
        return {name: array for name, array in open_npz(self.path).items() if array.shape}

    @cached_property
    def columns(self) -> dict[str, str]:
        """Arrays, with dtype and shape of a row."""
        found = {}
        for name, array in self._arrays.items():
            if not name.endswith(_OFFSETS):
                lists = "lists of " * (name + _OFFSETS in self._arrays)
                found[name] = f"{lists}{array.dtype} {array.shape[1:] or ''}".strip()
        return found

    @property
    def n_rows(self) -> int:
        """Length of the first array that is not ragged, or of the offsets."""
        return next((self._length(name) for name in self.columns), 0)

    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """Pieces of all arrays side by side."""
        self.check(names)
        for name in names:
            if self._length(name) != self.n_rows:
                raise DataError(f"{self.path}: {name} has {self._length(name):,} rows, others {self.n_rows:,}")
        whole = {n: self._ragged(n) for n in names if n + _OFFSETS in self._arrays}
        pieces = {n: self._arrays[n].chunks(n_rows) for n in names if n not in whole}
        for start in range(0, self.n_rows, n_rows):
            dense = {name: next(piece) for name, piece in pieces.items()}
            yield dense | {name: array[start : start + n_rows] for name, array in whole.items()}

    def _length(self, name: str) -> int:
        offsets = self._arrays.get(name + _OFFSETS)
        return len(self._arrays[name]) if offsets is None else len(offsets) - 1

    def _ragged(self, name: str) -> Any:
        return checked_ragged(self._arrays[name].read(), self._arrays[name + _OFFSETS].read(), name)


FILE = NpzColumns
