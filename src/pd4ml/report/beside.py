"""Reading JSON that lies beside records: it comes from outside, like they do, and is refused in a line if odd."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pd4ml.benchmark.record import Record
from pd4ml.card import Measurement
from pd4ml.errors import DataError
from pd4ml.report.escape import one_line
from pd4ml.storage.small import read_json

__all__ = ["beside_records", "count", "is_a", "measurement", "number", "read_beside", "text", "with_texts"]

Found = TypeVar("Found")

# A hundred variants with a hundred metrics each take less.
_MAX_BYTES = 1 << 22
_MAX_TEXT = 300
_MAX_NUMBER = 1e100


def read_beside(file: Path, what: str, read: Callable[[Any], Found]) -> Found:
    """What ``read`` makes of the JSON in ``file``; DataError in one line where it is none of ``what``."""
    try:
        body = read_json(file, _MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{file} cannot be read: {reason}") from error
    try:
        return read(body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{file} is no {what}: {one_line(reason)[:200]}") from error


def beside_records(
    labelled: Mapping[str, Sequence[Record]], file_name: str, what: str, read: Callable[[Path, Record], Found]
) -> tuple[dict[str, Found], list[str]]:
    """What ``read`` makes of the files beside records, by label and seed; a sentence for each that it refuses."""
    found: dict[str, Found] = {}
    notes = []
    for label, records in labelled.items():
        for record in records:
            file = (record.folder or Path()) / file_name
            if record.folder is None or not file.exists():
                continue
            name = label if record.seed is None or len(records) == 1 else f"{label}, seed {record.seed}"
            try:
                found[name] = read(file, record)
            except DataError as error:
                notes.append(f"The {what} of {name} are left out: {error}.")
    return found, notes


def measurement(body: Any) -> Measurement:
    """A value with its error, or a limit."""
    limit, error = is_a(body["lower_limit"], bool), body["error"]
    found = Measurement(number(body["value"]), None if error is None else number(error), limit)
    if (found.error or 0.0) < 0 or (limit and found.value <= 0):
        raise ValueError(f"error or limit {body!r}")
    return found


def number(value: Any) -> float:
    """A finite number."""
    found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not abs(found) < _MAX_NUMBER:
        raise ValueError(f"no finite number, or one beyond all measure: {str(value)[:50]!r}")
    return found


def count(value: Any) -> int:
    """A number of events."""
    n: int = is_a(value, int)
    if not 0 < n < _MAX_NUMBER:
        raise ValueError("events that are no number of events")
    return n


def text(value: Any) -> str:
    """One line, not too long."""
    return one_line(is_a(value, str))[:_MAX_TEXT]


def with_texts(body: Any) -> Any:
    """JSON whose texts and names are each one line, and not too long."""
    if isinstance(body, dict):
        return {text(name): with_texts(value) for name, value in body.items()}
    if isinstance(body, list):
        return [with_texts(value) for value in body]
    return text(body) if isinstance(body, str) else body


def is_a(value: Any, kind: type) -> Any:
    """``value`` if it is of the ``kind``; a bool is no int."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"expected {kind.__name__}, found {str(value)[:50]!r}")
    return value
