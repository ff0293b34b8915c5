"""Hostile records, models, recipes, plans and arguments: a result, or one line and exit code 2, whatever they say.

A document is spoiled in one place at a time (`hold.records.nasty`), a file's bytes are changed, and some are made
by hand (`hold.records.by_hand`). Many are tried in one bounded child.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hold.cases import Outcome, Row, Size, collect
from hold.fuzz import fuzzed, there
from hold.records.by_hand import by_hand
from hold.records.corpus import make_corpus
from hold.records.nasty import as_json, as_toml, changed_bytes, documents
from hold.records.readers import BYTES, DOCUMENTS, TEXTS, Spoiled, commands, expression, in_children, words

__all__ = ["again", "rows"]

_FUZZ_SECONDS = 40
# Every so many documents of a kind are tried, and so many changes of a file's bytes.
_EVERY = {Size.SHORT: 120, Size.LONG: 1}
_CHANGES = {Size.SHORT: 8, Size.LONG: 250}
_EXPRESSIONS = {Size.SHORT: 200, Size.LONG: 10_000}


class Case(NamedTuple):
    """A name by which it is found again, and the content of the file."""

    name: str
    content: bytes


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """All kinds, a row for each."""
    make_corpus(folder, network=size is Size.LONG)
    for kind, spoiled in {**DOCUMENTS, **TEXTS, **BYTES}.items():
        if (folder / spoiled.file).exists() or spoiled.made is not None:
            yield collect(kind, _tried(folder, spoiled, _cases(folder, kind, size)))
    yield collect("expressions", _tried(folder, Spoiled("x.txt", expression), _expressions(_EXPRESSIONS[size])))
    yield collect("made by hand", by_hand(folder, network=size is Size.LONG))
    for name, spoiled in commands(size is Size.LONG).items():
        some = _some(_documents(folder, spoiled), 200 if size is Size.LONG else 4000)
        yield collect(name, _tried(folder, spoiled, some))
    yield collect("arguments", words(folder, 1 if size is Size.LONG else 181))
    if size is Size.LONG and there():
        found = [fuzzed(target, folder, _FUZZ_SECONDS) for target in ("expression", "recipe")]
        yield collect("expressions and recipes, by atheris", found)
    elif size is Size.LONG:
        yield Row("not fuzzed, since atheris is not installed", 0, 0)


def again(folder: Path, kind: str, name: str) -> str:
    """What is wrong with one case of a kind, in a folder in which `make_corpus` was: nothing, if it holds."""
    spoiled = {**DOCUMENTS, **TEXTS, **BYTES}[kind]
    case = next(case for case in _cases(folder, kind, Size.LONG) if case.name == name)
    return next(iter(_tried(folder, spoiled, iter([case])))).wrong


def _cases(folder: Path, kind: str, size: Size) -> Iterator[Case]:
    if kind in BYTES:
        content = (folder / BYTES[kind].file).read_bytes()
        return (Case(*change) for change in changed_bytes(content, kind, _CHANGES[size]))
    spoiled = DOCUMENTS.get(kind) or TEXTS[kind]
    return _some(_documents(folder, spoiled), _EVERY[size] * spoiled.every)


def _documents(folder: Path, spoiled: Spoiled) -> Iterator[Case]:
    body = json.loads((folder / spoiled.file).read_text()) if spoiled.made is None else spoiled.made()
    for name, document in documents(body):
        try:
            content = as_json(document) if spoiled.file.endswith(".json") else as_toml(document).encode()
        except (ValueError, AttributeError):  # what cannot be written
            continue
        yield Case(name, content)


def _some(cases: Iterable[Case], every: int) -> Iterator[Case]:
    """One of ``every``, chosen by the name, the same each time."""
    return (case for case in cases if zlib.crc32(case.name.encode("utf-8", "replace")) % every == 0)


def _expressions(n: int) -> Iterator[Case]:
    rng = random.Random(16)
    return (Case(str(k), words_of(rng).encode("utf-8", "surrogatepass")) for k in range(n))


def words_of(rng: random.Random) -> str:
    """Text that is nearly an expression."""
    from pd4ml.expression import FUNCTIONS

    atoms = [
        "pt",
        "n",
        "m",
        "`b c`",
        "x",
        "1",
        "0",
        "2.5",
        "1e999",
        "9" * 90,
        "'a'",
        "True",
        "(1, 2)",
        "-",
        "not ",
    ]
    between = [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "&",
        "|",
        " and ",
        " or ",
        " in ",
        "<",
        "==",
        ",",
        ".",
        ":=",
        "",
    ]
    calls = [*(f"{name}(" for name in FUNCTIONS), "(", "[", "lambda x:", "__import__(", "`", "\n", "\ud800"]
    parts = [rng.choice(rng.choice([atoms, between, calls, atoms])) for _ in range(rng.randint(1, 9))]
    return "".join(parts) + ")" * sum(part.endswith("(") for part in parts)


def _tried(folder: Path, spoiled: Spoiled, cases: Iterator[Case]) -> Iterator[Outcome]:
    """Each content in place of the valid file, which is put back."""
    file = folder / spoiled.file
    whole = file.read_bytes() if file.exists() else b""
    file.parent.mkdir(parents=True, exist_ok=True)
    yield from in_children(folder, ((case.name, partial(_spoil, folder, spoiled, case.content)) for case in cases))
    file.write_bytes(whole)


def _spoil(folder: Path, spoiled: Spoiled, content: bytes) -> object:
    (folder / spoiled.file).write_bytes(content)
    return spoiled.read(folder)
