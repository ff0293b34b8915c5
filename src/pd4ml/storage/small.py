"""Small text files that somebody else may have written: JSON and TOML of plain files, bounded, in finite numbers.

All that can be wrong with one is an OSError or a ValueError, in one line.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pd4ml.errors import one_line
from pd4ml.storage.disk import open_plain

__all__ = ["parse_json", "parse_toml", "read_bytes", "read_json", "read_text", "read_toml"]

MOST_BYTES = 64 << 20
_MOST_NESTED = 64
_MOST_NUMBER = 10**300  # fits a float
_TOO_DEEP = "it is nested too deeply"


def read_bytes(file: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """What a plain file holds; ValueError if that is more than ``most_bytes``."""
    with open_plain(file) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"it has more than the {most_bytes:,} bytes that are read")
    return content


def read_text(file: Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a plain file in UTF-8; a pipe, which would be waited for without end, is refused."""
    try:
        return read_bytes(file, most_bytes).decode()
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None


def parse_json(text: str | bytes) -> Any:
    """What JSON says; ValueError for what is none, for numbers that are not finite, for halves of characters."""
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
        if "\\u" in (text if isinstance(text, str) else text.decode()):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error})") from None
    except UnicodeError:
        raise ValueError("it has halves of characters (lone surrogates)") from None
    _check(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """What TOML says; ValueError for what is none, and for numbers that are not finite."""
    try:
        value = tomllib.loads(text, parse_float=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(one_line(str(error), 200)) from None
    _check(value)
    return value


def read_json(file: Path, most_bytes: int = MOST_BYTES) -> Any:
    """What a JSON file says."""
    return parse_json(read_text(file, most_bytes))


def read_toml(file: Path, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """What a TOML file says."""
    return parse_toml(read_text(file, most_bytes))


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{one_line(text)} is no finite number")
    return value


def _check(value: Any) -> None:
    """ValueError for what can be read, but not copied, written or shown: deep nests, numbers without end."""
    level, depth = [value], 0
    while level:
        if depth > _MOST_NESTED:
            raise ValueError(_TOO_DEEP)
        if any(type(part) is int and abs(part) > _MOST_NUMBER for part in level):
            raise ValueError("it has a whole number of hundreds of digits")
        level = [part for parts in level for part in _inside(parts)]
        depth += 1


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
