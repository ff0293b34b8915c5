"""Errors that a user can act on: what was expected, what was found, what to do."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = [
    "DataError",
    "FetchError",
    "LockedError",
    "MissingExtraError",
    "Pd4mlError",
    "StoreError",
    "UnknownNameError",
    "missing_extra",
    "one_line",
    "readable",
    "unknown_name",
]


Place = TypeVar("Place")
Found = TypeVar("Found")

_MOST_OF_A_MESSAGE = 2000  # names and lists that hostile files hold end here


class Pd4mlError(Exception):
    """Base of everything this package raises on purpose, in one printable line, whatever names it quotes."""

    def __str__(self) -> str:
        text = super().__str__()
        return (
            text if text.isprintable() and len(text) <= _MOST_OF_A_MESSAGE else one_line(text, _MOST_OF_A_MESSAGE)
        )


class DataError(Pd4mlError, ValueError):
    """Data that do not match their card: wrong shape, NaN, negative energy, a damaged file."""


class FetchError(Pd4mlError, FileNotFoundError):
    """A published file that could not be had from any of its sources."""


class StoreError(Pd4mlError, ValueError):
    """A dataset folder that is missing, damaged or in the way."""


class LockedError(Pd4mlError, ValueError):
    """Another process writes to the same place."""


class MissingExtraError(Pd4mlError, ImportError):
    """An optional part of the package that is not installed."""


class UnknownNameError(Pd4mlError, ValueError):
    """A dataset, split, model, variant or option that does not exist."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Make the error for an unknown ``kind`` called ``name``, with the nearest of ``known`` suggested."""
    names = list(known)
    by_lower = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    hint = f"; did you mean {by_lower[near[0]]!r}?" if near else ""
    return UnknownNameError(f"unknown {kind} {name!r}{hint} (known: {', '.join(names) or 'none'})")


def missing_extra(what: str, extra: str, error: ImportError) -> MissingExtraError:
    """Make the error for a missing optional dependency, naming the ``extra`` that brings it."""
    message = f"{what} needs {error.name or error}: pip install 'pd4ml-physics[{extra}]'"
    return MissingExtraError(message)


def one_line(text: str, length: int = 100) -> str:
    """``text`` on one line: printable characters only, at most ``length`` of them."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= length else clean[: length - 3] + "..."


def readable(read: Callable[[Place], Found], places: Iterable[Place]) -> list[Found]:
    """What ``read`` makes of ``places``; what it refuses is named in a line each and left out."""
    found = []
    for place in places:
        try:
            found.append(read(place))
        except Pd4mlError as error:
            print(f"pd4ml: left out: {error}", file=sys.stderr)
    return found
