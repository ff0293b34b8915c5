"""What a file format must say: how its files begin and are built, and how the arrays of a card lie in them."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from pd4ml.card import Card
from pd4ml.errors import DataError, one_line, unknown_name
from pd4ml.storage.foreign import foreign
from pd4ml.storage.ragged import concatenated
from pd4ml.storage.store import Array

__all__ = ["OPENING_BYTES", "Format", "Part", "available", "file_format", "gather", "register"]

# Enough to tell what a file is and to show the first line of a page that came in its place.
OPENING_BYTES = 512

_FORMATS: dict[str, Format] = {}
_Class = TypeVar("_Class", bound="type[Format]")


@dataclass(frozen=True)
class Part:
    """The events of one split in one file.

    Parameters
    ----------
    path : Path
        The file.
    card : Card
        Says which arrays there are, their shapes and dtypes.
    split : str
        One of the card's splits.
    columns : Mapping[str, Any]
        Those of the card's PublishedFile; empty for formats that need none.
    """

    path: Path
    card: Card
    split: str
    columns: Mapping[str, Any]


class Format(ABC):
    """A file format. ``signature`` are the first bytes of its files, ``noun`` is what an error calls one."""

    name: ClassVar[str]
    signature: ClassVar[bytes]
    noun: ClassVar[str]

    def require(self) -> None:
        """Raise MissingExtraError unless all that reads the format is installed."""
        return

    @abstractmethod
    def check_structure(self, path: Path) -> None:
        """Refuse a damaged or truncated file with a DataError; the numbers in it are not read."""

    @abstractmethod
    def n_events(self, part: Part) -> int:
        """Number of events, from what the file says of itself; DataError if what the card names is not there."""

    @abstractmethod
    def chunks(self, part: Part, n_events: int) -> Iterator[dict[str, Array]]:
        """The arrays of the card with its dtypes, in pieces of at most ``n_events`` events."""

    def read(self, part: Part, n_events: int) -> dict[str, Array]:
        """All events at once; as many as ``n_events`` at a time are held twice."""
        return gather(part.card, self.n_events(part), self.chunks(part, n_events))

    def check_opening(self, opening: bytes) -> None:
        """Refuse a file by its first bytes; DataError quotes its first line."""
        if not opening.startswith(self.signature):
            raise DataError(f"expected {self.noun}, found {_quoted(opening[:OPENING_BYTES])}")

    def check(self, path: Path) -> None:
        """Refuse a file that is not a whole file of this format, so that an error page is never taken for data."""
        with foreign(path, self.noun.partition(" ")[2]):
            with path.open("rb") as file:
                self.check_opening(file.read(OPENING_BYTES))
            self.check_structure(path)


def gather(card: Card, n_events: int, chunks: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """The arrays of events that come in chunks; takes their size and that of a chunk.

    Parameters
    ----------
    card : Card
        Says which arrays there are, their shapes and dtypes.
    n_events : int
        Number of events in all chunks together.
    chunks : Iterable[Mapping[str, Array]]
        The card's arrays by name, those per event (n, ...) with n events in the chunk.

    Returns
    -------
    dict[str, Array]
        The card's arrays, those per event (n_events, ...).
    """
    dense = [spec for spec in card.arrays if not spec.ragged]
    arrays: dict[str, Array] = {spec.name: np.empty(spec.full_shape(n_events), spec.dtype) for spec in dense}
    parts: dict[str, list[Array]] = {spec.name: [] for spec in card.arrays if spec.ragged}
    start = 0
    for chunk in chunks:
        stop = start + len(chunk[card.target.name])
        for spec in dense:
            arrays[spec.name][slice(start, stop) if spec.per_event else ...] = chunk[spec.name]
        for name, found in parts.items():
            found.append(chunk[name])
        start = stop
    return arrays | {name: concatenated(found) for name, found in parts.items()}


def register(name: str) -> Callable[[_Class], _Class]:
    """Class decorator that makes a format known.

    Parameters
    ----------
    name : str
        What the ``layout`` of a card's PublishedFile says; for a file of this room the name of the file.

    Returns
    -------
    Callable
        Takes a subclass of Format and gives it back.
    """

    def add(cls: _Class) -> _Class:
        cls.name = name
        _FORMATS[name] = cls()
        return cls

    return add


def available() -> tuple[str, ...]:
    """All formats: those of the files beside this one and those registered from outside.

    Returns
    -------
    tuple[str, ...]
        Their names, sorted.
    """
    package = importlib.import_module("pd4ml.storage.formats")
    for module in pkgutil.iter_modules(package.__path__, "pd4ml.storage.formats."):
        importlib.import_module(module.name)
    return tuple(sorted(_FORMATS))


def file_format(name: str) -> Format:
    """The format of a name.

    Parameters
    ----------
    name : str
        What the ``layout`` of a card's PublishedFile says.

    Returns
    -------
    Format
        What reads such files.

    Raises
    ------
    UnknownNameError
        When there is none; it suggests the nearest.
    """
    known = available()
    if name not in known:
        raise unknown_name("file format", name, known)
    return _FORMATS[name]


def _quoted(opening: bytes) -> str:
    """What a file that is not the expected one begins with."""
    if not opening:
        return "nothing at all"
    if b"\0" in opening:
        return "other binary data"
    lines = opening.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n").splitlines()
    return f"something that begins with {one_line(lines[0] if lines else '')!r}"
