"""Hostile manifests, tables and cards of own data: text that somebody else wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hold.files.valid import READERS, Case, N, store_in
from pd4ml.own.conversion import convert

__all__ = ["manifests", "tables"]


MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no table": lambda m: m.__setitem__("arrays", []),
    "a shape of text": lambda m: _array(m).__setitem__("shape", "60"),
    "a shape of halves": lambda m: _array(m).__setitem__("shape", [60.5, 3]),
    "a negative shape": lambda m: _array(m).__setitem__("shape", [-60, 3]),
    "a huge shape": lambda m: _array(m).__setitem__("shape", [10**30, 3]),
    "objects": lambda m: _array(m).__setitem__("dtype", "object"),
    "a type of types": lambda m: _array(m).__setitem__("dtype", "f4,f4"),
    "a type of none": lambda m: _array(m).__setitem__("dtype", ["<f4"]),
    "a file outside": lambda m: _array(m).__setitem__("file", "../../points.npy"),
    "a file of the system": lambda m: _array(m).__setitem__("file", "/etc/passwd"),
    "a file by number": lambda m: _array(m).__setitem__("file", 5),
    "a file that rings": lambda m: _array(m).__setitem__("file", "train/\x07.npy"),
    "a file with nul": lambda m: _array(m).__setitem__("file", "train/\0.npy"),
    "a hash of none": lambda m: _array(m).__setitem__("sha256", None),
    "a name that is red": lambda m: m.__setitem__("dataset", "\x1b[31mred"),
    "a source of lists": lambda m: m.__setitem__("source", [[]]),
    "a provenance of text": lambda m: m.__setitem__("provenance", "none"),
    "a target that is not there": lambda m: m["arrays"]["train"].clear(),
    "an event of none": lambda m: _array(m, "hits").__setitem__("events", None),
    "offsets without events": lambda m: _array(m, "hits").__setitem__("events", -1),
    "more": lambda m: m.__setitem__("more", 1),
    "own data of none": lambda m: m["provenance"].__setitem__("own", [1]),
}  # fmt: skip


def _array(manifest: dict[str, Any], name: str = "points") -> dict[str, Any]:
    found: dict[str, Any] = manifest["arrays"]["train"][name]
    return found


def manifests() -> Iterator[Case]:
    """Fields of other types, and JSON that is none."""
    for what, change in MANIFESTS.items():
        yield Case(what, "manifest of a dataset", lambda f, c=change: _changed(f, c))  # type: ignore[misc]
    for what, old, new in (
        ("a number of 5,000 digits", '"format": 1', '"format": ' + "1" * 5000),
        ("deep nesting", '"provenance": {', '"provenance": ' + "[" * 100_000 + "{"),
        ("no number", '"format": 1', '"format": NaN'),
        ("half a character", '"Small"', '"\\ud800"'),
        ("a key twice", '"format": 1,', '"format": 1, "format": [],'),
    ):
        yield Case(what, "manifest of a dataset", lambda f, o=old, n=new: _texted(f, o, n))  # type: ignore[misc]


def _changed(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    READERS["manifest of a dataset"].make(file)
    body = json.loads(file.read_text())
    change(body)
    file.write_text(json.dumps(body))


def _texted(file: Path, old: str, new: str) -> None:
    READERS["manifest of a dataset"].make(file)
    text = file.read_text()
    file.write_text(text.replace(old, new, 1))
    if old not in text:
        raise AssertionError(f"{old} is not in {store_in(file)}")


def tables() -> Iterator[Case]:
    """Scores and columns that are no numbers, and names that a terminal would obey."""
    ids = "event_id,score\n"
    for what, text in {
        "no numbers": "score\n" + "nan\n" * N,
        "infinite scores": "score\n" + "inf\n" * N,
        "an id of 5,000 digits": ids + "9" * 5000 + ",0.5\n",
        "an id beyond 64 bits": ids + f"{2**64},0.5\n",
        "an infinite id": ids + "1e999,0.5\n",
        "nul": "score\n0.5\0\n",
        "a red name": "\x1b[31mscore,label\n" + "0.5,7\n" * N,
        "100,000 names": ",".join(f"c{i}" for i in range(100_000)) + "\n",
        "one name twice": "score,score\n" + "0.1,0.2\n" * N,
    }.items():
        yield Case(what, "predictions in CSV", lambda f, t=text: f.write_text(t))  # type: ignore[misc]
    yield Case("bytes that are no text", "predictions in CSV", lambda f: f.write_bytes(b"score\n\xff\xfe\n"))
    rows = "".join(f"{i},{i % 2}\n" for i in range(N))
    for what, text in {
        "a label that is no number": "a,label\n" + rows + "1,nan\n",
        "an infinite number": "a,label\n" + rows + "inf,1\n",
        "a red name": "a,\x1b[31mlabel\n" + rows,
        "no rows": "a,label\n",
        "an empty cell": "a,label\n" + rows + "1,\n",
    }.items():
        yield Case(what, "columns of CSV", lambda f, t=text: f.write_text(t), _converted)  # type: ignore[misc]
    for what, text in {
        "100,000 brackets": "x = " + "[" * 100_000,
        "a number of 5,000 digits": "[split]\nseed = " + "1" * 5000,
        "a red name": 'name = "\\u001b[31m"\n"\\u001b[31m" = 1',
        "a deep expression": 'select = "' + "(" * 5000 + 'a"',
        "an expression of 10,000 signs": 'select = "' + "-" * 10_000 + 'a > 0"',
        "a power of powers": 'select = "9**9**9**9 > a"',
        "an expression that calls": """select = "__import__('os').system('true')" """,
        "an infinite share": "[split]\ntest = inf",
        "a padding of text": '[inputs]\na = { columns = "a", padding = "x" }',
        "a list of tables": 'target = ["a"]',
    }.items():
        yield Case(what, "card of own data", lambda f, t=text: f.write_text(t))  # type: ignore[misc]


def _converted(file: Path) -> object:
    card = {"name": "Mine", "inputs": {"a": "a"}, "target": "label", "task": "classification"}
    return convert([file], card, file.parent / "datasets")
