"""Documents near a valid one: each of its values replaced by each that nobody expects, one at a time."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["MARKUP", "NASTY", "as_json", "as_toml", "changed_bytes", "documents", "places", "spoiled"]

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
_DIGITS = "DIGITS"  # stands for a number of so many digits that no `int` may be made of it


class _Raw(float):
    """A number as it is to be written."""

    def __new__(cls, text: str) -> _Raw:
        made = super().__new__(cls, 0.0)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    0.5,
    1e308,
    -1e308,
    1e-320,
    2**63,
    -(2**63) - 1,
    10**400,
    _Raw("1e999"),
    _Raw("9" * 5000),
    float("nan"),
    float("-inf"),
    "",
    "1",
    "nan",
    "x" * 200_000,
    "[/bold] [red]",
    "\x1b[31m\x07\x00\r\n\u202e\u2028",
    "\ud800",
    MARKUP,
    "javascript:alert(1)",
    "../../../etc/passwd",
    "/dev/zero",
    "$\\frac{x$ ^_ %s {{7*7}} {0}",
    "member0/member0",
    [],
    {},
    [[]],
    ["a", 1, None],
    [1e308, -1e308],
    {"a": {"b": []}},
    {"\x1b[31m": 1, "": None, MARKUP: 2},
)


def places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in a document: keys and numbers, from its root; of long lists the first two."""
    yield at
    inside = body.items() if isinstance(body, dict) else enumerate(body[:2]) if isinstance(body, list) else ()
    for key, value in inside:
        yield from places(value, (*at, key))


def spoiled(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with another value in one place."""
    if not at:
        return value
    made = copy.deepcopy(body)
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return made


def documents(body: Any) -> Iterator[tuple[str, Any]]:
    """Documents near ``body``, with names: another value in a place, a key left out, a key too many."""
    for at in places(body):
        name = "/".join(map(str, at))
        for i, value in enumerate(NASTY):
            yield f"{name}={i}", spoiled(body, at, value)
        if at and isinstance(at[-1], str):
            made = copy.deepcopy(body)
            inner = made
            for key in at[:-1]:
                inner = inner[key]
            inner[f"{MARKUP}\x1b"] = inner.pop(at[-1])
            yield f"{name} renamed", made


def as_json(body: Any) -> bytes:
    """JSON with all that Python writes, and some that it does not."""
    return json.dumps(body).encode()


def as_toml(body: dict[str, Any], of: str = "") -> str:
    """The tables of ``body`` as TOML; what TOML cannot say is said in a way that no reader takes."""
    lines = [f"[{of}]"] if of else []
    tables = []
    for key, value in body.items():
        name = json.dumps(str(key))
        if isinstance(value, dict):
            tables.append(as_toml(value, f"{of}.{name}" if of else name))
        else:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join([*lines, "", *tables])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, _Raw):
        return value.text
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def changed_bytes(content: bytes, name: str, n: int) -> Iterator[tuple[str, bytes]]:
    """``n`` changes of a file's bytes: flipped, cut, doubled, overwritten; the same for the same name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for k in range(n):
        made = bytearray(content)
        low = int(rng.integers(0, max(1, len(made))))
        kind = k % 5
        if kind == 0:
            made[low] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del made[low:]
        elif kind == 2:
            del made[low : low + int(rng.integers(1, 64))]
        elif kind == 3:
            made[low:low] = made[: int(rng.integers(1, 256))]
        else:
            made[low : low + 8] = rng.bytes(8)
        yield f"{name} bytes {k}", bytes(made)
