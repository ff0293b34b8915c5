"""Hostile and damaged files for all that reads data: read, or refused in one line, in bounded time and memory.

Made by hand (`hold.files.by_hand`), by damage to valid files, by hypothesis out of manifests and cards, and by
atheris, where it is installed, for parsers in Python. Where a file has check sums, numbers that are not those of
the undamaged one are wrong.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hold.bounded import bounded
from hold.cases import Outcome, Row, Size, collect
from hold.files.by_hand import CASES
from hold.files.valid import READERS, Reader
from hold.fuzz import fuzzed, there

__all__ = ["again", "rows"]

_DAMAGES = {Size.SHORT: 2, Size.LONG: 150}  # of each kind of file
_STRUCTURES = {Size.SHORT: 5, Size.LONG: 150}
_FUZZ_SECONDS = 15  # of each target
_STRUCTURED = ("manifest of a dataset", "what was verified", "journal", "plan", "where a download comes from",
               "what a download was")  # fmt: skip
_FUZZED = ("columns of NPZ", "predictions in CSV", "predictions in NPY", "published HDF5", "card of own data",
           "manifest of a dataset")  # fmt: skip
_EXTREMES = (0, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63), 1 << 40)


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """All kinds of cases, a row for each."""
    for name, reader in READERS.items():
        outcomes = (again(name, number, folder) for number in range(_DAMAGES[size]))
        yield collect(f"damaged: {reader.name}", outcomes)
    for name, cases in CASES.items():
        step = 1 if size is Size.LONG else 1 + len(cases) // 12
        yield collect(f"hostile: {name}", [by_hand(name, number, folder) for number in range(0, len(cases), step)])
    for name in _STRUCTURED:
        yield collect(f"of any structure: {name}", _structures(READERS[name], folder, _STRUCTURES[size]))
    if size is Size.LONG and there():
        yield collect("fuzzed by atheris", _fuzzed(folder))
    elif size is Size.LONG:
        yield Row("not fuzzed, since atheris is not installed", 0, 0)


def again(name: str, number: int, folder: Path = Path("hostile")) -> Outcome:
    """One damaged file, read in ``folder``."""
    reader = READERS[name]
    base, here = _base(reader, folder), folder / "case"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(base, here)
    file = here / reader.file
    what, content = damaged(random.Random(f"{name} {number}"), file.read_bytes())
    file.write_bytes(content)
    case = f'python -c "from hold.hostile_files import again; print(again({name!r}, {number}))" ({what})'
    return Outcome(case, tried(reader, file, here))


def tried(reader: Reader, file: Path, folder: Path) -> str:
    """What was wrong with how ``file`` was read."""
    ended = bounded(lambda: reader.read(file), folder)
    if reader.checked and ended.how == "returned" and ended.said != _undamaged(reader, folder.parent):
        return f"accepted as {ended.said[-300:]}"
    return ended.wrong


def _base(reader: Reader, folder: Path) -> Path:
    """A folder that holds a valid file."""
    base = folder / f"valid {reader.name}"
    if not base.exists():
        (base / reader.file).parent.mkdir(parents=True) if "/" not in reader.file else base.mkdir(parents=True)
        reader.make(base / reader.file)
    return base


def _undamaged(reader: Reader, folder: Path) -> str:
    """What is read of the valid file, kept beside it."""
    kept = folder / f"read of {reader.name}"
    if not kept.exists():
        copy = folder / "undamaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(_base(reader, folder), copy)
        kept.write_text(str(reader.read(copy / reader.file)))
    return kept.read_text()


def damaged(rng: random.Random, content: bytes) -> tuple[str, bytes]:
    """One damage, and what it was."""
    n = len(content)
    at = rng.randrange(n)
    to = min(n, at + 2 ** rng.randrange(10))
    kind = rng.choice(
        ["bit", "bit", "cut", "gone", "twice", "noise", "zeros", "moved", "number", "number", "text"]
    )
    if kind == "bit":
        new = content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    elif kind == "cut":
        new = content[:at]
    elif kind == "gone":
        new = content[:at] + content[to:]
    elif kind == "twice":
        new = content[:to] + content[at:]
    elif kind == "noise":
        new = content[:at] + rng.randbytes(to - at) + content[to:]
    elif kind == "zeros":
        new = content[:at] + bytes(to - at) + content[to:]
    elif kind == "moved":
        other = rng.randrange(n)
        new = content[:at] + content[other : other + to - at] + content[to:]
    elif kind == "number":
        width, order = rng.choice([2, 4, 8]), rng.choice(["little", "big"])
        value = rng.choice(_EXTREMES) % 256**width
        new = content[:at] + value.to_bytes(width, order) + content[at + width :]
    else:
        places = [place for place in range(n) if content[place] in b"0123456789"] or [at]
        place = rng.choice(places)
        text = rng.choice([b"9" * 25, b"-1", b"1e999", b"nan", b"\x1b[31m", b"\xff", b'"', b"[" * 2000])
        new = content[:place] + text + content[place + 1 :]
    return f"{kind} at {at} to {to} of {n}", new


def by_hand(name: str, number: int, folder: Path = Path("hostile")) -> Outcome:
    """One case of a table, read in ``folder``."""
    case, here = CASES[name][number], folder / "case"
    reader = READERS[case.of]
    shutil.rmtree(here, ignore_errors=True)
    file = here / reader.file
    (here if reader.file.startswith("small") else file.parent).mkdir(parents=True)
    case.make(file)
    ended = bounded(lambda: (case.read or reader.read)(file), here)
    wrong = ended.wrong
    if ended.how == "returned" and not case.may_return:
        wrong = f"accepted: {ended.said[:300]}"
    command = f"from hold.hostile_files import by_hand; print(by_hand({name!r}, {number}))"
    return Outcome(f'python -c "{command}" ({case.what}: {case.of})', wrong)


def _json() -> st.SearchStrategy[Any]:
    """Anything that JSON can say, and some that it cannot."""
    numbers = st.integers() | st.floats() | st.sampled_from([10**5000 % 10**4000, -1, 2**70, True, 1e308])
    texts = st.text(max_size=8) | st.sampled_from(["\x1b[31mred", "[/bold]", "../../up", "\ud800", "x" * 10_000])
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=8,
    )


def _structures(reader: Reader, folder: Path, n: int) -> list[Outcome]:
    """The valid file's JSON with a part of it replaced by anything."""
    lines = (_base(reader, folder) / reader.file).read_text().splitlines()
    valid = (
        [json.loads(line) for line in lines] if reader.file.endswith(".jsonl") else [json.loads("".join(lines))]
    )
    outcomes: list[Outcome] = []

    @seed(16)
    @settings(max_examples=n, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.randoms(use_true_random=False), _json())
    def one(rng: random.Random, value: Any) -> None:
        here = folder / "case"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(_base(reader, folder), here)
        text = "\n".join(json.dumps(replaced(rng, line, value)) for line in valid)
        (here / reader.file).write_text(text, encoding="utf-8", errors="surrogatepass")
        wrong = tried(reader, here / reader.file, here)
        outcomes.append(Outcome(f"{reader.file} = {text[:1000]}", wrong))

    one()
    return outcomes


def replaced(rng: random.Random, tree: Any, value: Any) -> Any:
    """``tree`` with one of its parts replaced."""
    if not isinstance(tree, dict | list) or not tree or rng.random() < 0.15:
        return value
    new = dict(tree) if isinstance(tree, dict) else list(tree)
    key = rng.choice(sorted(tree) if isinstance(tree, dict) else range(len(tree)))
    if isinstance(new, dict) and rng.random() < 0.1:
        del new[key]
    else:
        new[key] = replaced(rng, tree[key], value)
    return new


def _fuzzed(folder: Path) -> Iterator[Outcome]:
    """Each target, which begins with a valid file."""
    for name in _FUZZED:
        base, corpus = _base(READERS[name], folder), folder / "corpus"
        shutil.rmtree(corpus, ignore_errors=True)
        corpus.mkdir()
        shutil.copy(base / READERS[name].file, corpus)
        yield fuzzed(name, base, _FUZZ_SECONDS, corpus)
