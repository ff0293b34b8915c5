"""What users hand in: paths, whole numbers and names, checked where they come in, each in one line."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from pathlib import Path

from pd4ml.errors import DataError, unknown_name

__all__ = ["as_name", "as_path", "as_whole"]


def as_path(value: object, what: str = "path") -> Path:
    """``value`` as a path, ``~`` and ``~name`` replaced by the home folder; DataError for what is none.

    ``what`` is what an error calls it.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(value, bytes) or not os.fspath(value):
        raise DataError(f"{what} must be the path of a file or folder, found {value!r}")
    try:
        return Path(os.fspath(value)).expanduser()
    except (RuntimeError, TypeError):  # a PathLike of bytes; nobody knows that home
        raise DataError(f"{what} {value!r} cannot be used: write it as text, without ~") from None


def as_whole(what: str, value: object, least: int | None = None, most: int | None = None) -> int:
    """``value`` as an int, NumPy's included; DataError for what is none, and outside ``least`` to ``most``."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(f"{what} must be a whole number, found {value!r}") from None
    if least is not None and number < least:
        bound = "not be negative" if least == 0 else f"be at least {least}"
        raise DataError(f"{what} must {bound}, found {number}")
    if most is not None and number > most:
        raise DataError(f"{what} must be at most {most}, found {number}")
    return number


def as_name(kind: str, value: object, known: Iterable[str]) -> str:
    """``value`` if it is one of the ``known`` names of a ``kind``; UnknownNameError suggests the nearest."""
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise unknown_name(kind, value, names)
    return value
