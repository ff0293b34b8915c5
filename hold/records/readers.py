"""What reads records, models, recipes and plans, each as a function of a folder in which `make_corpus` was.

What is imported here is there in every child, which would take its time and write into caches to import it.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot  # noqa: F401
import numpy as np
import typer

import pd4ml.collaborate.network
import pd4ml.report.examples
import pd4ml.report.pictures
import pd4ml.training.network  # noqa: F401
from hold.bounded import _tried, bounded
from hold.cases import Outcome
from hold.records.corpus import command, there
from hold.records.nasty import MARKUP
from pd4ml.benchmark.outcome import predictions_of
from pd4ml.benchmark.plan import load_plan
from pd4ml.benchmark.record import read_record
from pd4ml.cli.app import app
from pd4ml.collaborate.together import read_collaboration
from pd4ml.collaborate.wire.kits import Kit
from pd4ml.dataset import Dataset
from pd4ml.expression import Expression
from pd4ml.report import ranking, table
from pd4ml.report.asides import of_analysis
from pd4ml.report.collaboration import collaboration_table
from pd4ml.report.comparison import compare
from pd4ml.report.coverage import coverage_table, read_coverage
from pd4ml.report.groups import sections
from pd4ml.report.render import to_latex, to_text
from pd4ml.report.runs import read_history
from pd4ml.report.shift import read_shift, shift_table
from pd4ml.report.speed import speed_table
from pd4ml.training.fitted import load_fitted
from pd4ml.training.recipe import Recipe, load_recipe

__all__ = [
    "BYTES",
    "DOCUMENTS",
    "TEXTS",
    "Spoiled",
    "commands",
    "evaluated",
    "expression",
    "in_children",
    "last_words",
    "made_recipe",
    "said_by",
    "words",
]

SECONDS = 10.0  # of one case
_AT_ONCE = 100  # cases of one child
_MOST_SHOWN = 200_000
_STEERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\ud800-\udfff]")
_COLUMNS = {"pt": np.arange(5.0), "n": np.arange(5), "m": np.ones((5, 3)), "b c": np.arange(5) > 2}


class Spoiled(NamedTuple):
    """A file that is spoiled and what then reads it; of ``made`` documents, where the corpus has none."""

    file: str
    read: Callable[[Path], object]
    made: Callable[[], Any] | None = None
    every: int = 1


def last_words(do: Callable[[], object]) -> str:
    """What was wrong with how it ended: nothing, if it gave a result or was refused in a line, in time."""
    start = time.process_time()
    how, said = _tried(do)
    if (seconds := time.process_time() - start) > SECONDS:
        return f"{seconds:.0f} s, then {how}: {said}"
    return "" if how in ("returned", "refused") else f"{how}: {said}"


def _check_shown(text: str) -> None:
    _check_clean(text)
    if len(text) > _MOST_SHOWN:
        raise AssertionError(f"shows {len(text):,} characters")


def _check_clean(text: str) -> None:
    if found := _STEERS.search(text):
        around = text[max(0, found.start() - 30) : found.end() + 30]
        raise AssertionError(f"shows {found[0]!r} in {around!r}")


def _record(folder: Path) -> None:
    records = [read_record(folder / "runs/trees")]
    json.loads(table.to_json(records))
    for form in (table.to_text, table.to_markdown, ranking.to_text, ranking.to_markdown):
        _check_shown(form(records))
    for section in sections(records):
        _check_shown(to_latex(compare(section, ())) + to_text(speed_table(section)))
        _ = section.largest
    _check_shown(repr(records[0]) + records[0]._repr_html_())


def _collaboration(folder: Path) -> None:
    found = read_collaboration(folder / "co/one")
    _check_shown(to_text(collaboration_table(found)) + repr(found))


def _coverage(folder: Path) -> None:
    _check_shown(to_text(coverage_table("", {"a": read_coverage(folder / "runs/trees/intervals.json")})))


def _shift(folder: Path) -> None:
    _check_shown(to_text(shift_table("", {"a": read_shift(folder / "runs/trees/shift.json")})))


def _analysis(folder: Path) -> None:
    found = of_analysis("a", folder)
    _check_shown(to_text(found.table) + found.name + repr(found.settings))


def _applied(run: str) -> Callable[[Path], None]:
    """The model of a run, past all hashes, applied to events."""

    def read(folder: Path) -> None:
        dataset = Dataset.datasets_register.find("Mine", folder / "d")
        predictions_of(load_fitted(folder / run), dataset.open("test", folder / "d", source="own"))

    return read


def _ledger(folder: Path) -> None:
    from pd4ml.collaborate.ledger import verify_ledger

    verify_ledger(folder / "co/one/group_1/ledger.jsonl")


def made_recipe(text: str | Path) -> Recipe:
    """A recipe and its model, of a TOML file or its text."""
    from pd4ml.models import ModelInputs, build
    from pd4ml.storage.small import parse_toml

    recipe = load_recipe(text) if isinstance(text, Path) else _of_text(parse_toml, text)
    build(recipe.model, ModelInputs(7, 20, "classification"), **recipe.hyperparameters)
    return recipe


def _of_text(parse: Callable[[str], dict[str, Any]], text: str) -> Recipe:
    from pd4ml.errors import DataError

    try:
        return Recipe.from_dict(parse(text))
    except ValueError as error:
        raise DataError(str(error)) from error


def _a_recipe() -> dict[str, Any]:
    schedule = {"kind": "plateau", "factor": 0.5, "patience": 3, "floor": 1e-6}
    return {**load_recipe("fcn").to_dict(), "schedule": schedule, "method": {"kind": "swag"}}


def _a_plan() -> dict[str, Any]:
    return {
        "description": "two",
        "source": "generated",
        "datasets": ["Spinodal"],
        "seeds": [1, 2],
        "recipes": {"classification": ["fcn_quick", "reference_quick"]},
        "events": {"default": 200, "Spinodal": 300},
        "variants": {"Spinodal": "default"},
        "train_events": {"default": [100, 50]},
    }


def _a_kit() -> dict[str, Any]:
    return {"format": 1, "host": "localhost", "port": 8002, "sites": ["a", "b"], "coordinator": "ab", "name": "a"}


def evaluated(text: str) -> object:
    """An expression over some columns."""
    return Expression(text).mask(_COLUMNS, 5)


def expression(folder: Path) -> object:
    """The expression in ``x.txt``."""
    return evaluated((folder / "x.txt").read_bytes().decode("utf-8", "surrogatepass"))


DOCUMENTS = {
    "records": Spoiled("runs/trees/record.json", _record),
    "intervals": Spoiled("runs/trees/intervals.json", _coverage),
    "shifts": Spoiled("runs/trees/shift.json", _shift),
    "features": Spoiled("runs/trees/features.json", _applied("runs/trees")),
    "derived runs": Spoiled("runs/both/derived.json", _applied("runs/both")),
    "collaborations": Spoiled("co/one/collaboration.json", _collaboration, every=20),
    "inferences": Spoiled("inferences/one/inference.json", lambda f: _analysis(f / "inferences/one"), every=20),
    "unfoldings": Spoiled("unfoldings/one/unfolding.json", lambda f: _analysis(f / "unfoldings/one"), every=20),
    "kits": Spoiled("kit/kit.json", lambda folder: Kit.read(folder / "kit"), _a_kit),
}
"""Of JSON, spoiled in one place at a time."""

TEXTS = {
    "recipes": Spoiled("r.toml", lambda folder: made_recipe(folder / "r.toml"), _a_recipe, every=2),
    "plans": Spoiled("p.toml", lambda folder: load_plan(folder / "p.toml", path=folder / "d"), _a_plan),
}
"""Of TOML."""

BYTES = {
    "bytes of records": Spoiled("runs/trees/record.json", _record),
    "bytes of trees": Spoiled("runs/trees/trees.npz", _applied("runs/trees")),
    "bytes of histories": Spoiled(
        "runs/trees/history.csv", lambda folder: read_history(read_record(folder / "runs/trees"))
    ),
    "bytes of networks": Spoiled("runs/net/model.pt", _applied("runs/net")),
    "bytes of derived runs": Spoiled("runs/both/derived.npz", _applied("runs/both")),
    "bytes of ledgers": Spoiled("co/one/group_1/ledger.jsonl", _ledger),
}
"""Of which bytes are changed."""


def said_by(folder: Path, *arguments: str) -> str:
    """What was wrong with a command: a traceback, another exit code than 0, 1 (it failed) and 2, what it shows."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with there(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        how, said = _tried(lambda: command(*arguments))
        code = {"returned": 0, "refused": 2}.get(how, said)
    last = err.getvalue().strip().rpartition("\n")[2]
    if code not in (0, 1, 2, "exit code 1"):
        return f"{' '.join(arguments)[:200]}: {how} {said}"
    if code == 2 and not last.startswith(("pd4ml: ", "╰", "Error")):
        return f"{' '.join(arguments)[:200]}: exit code 2 without its line: {last[:200]}"
    if code == 0 and "--json" in arguments:  # for machines: all that a record says, escaped
        json.loads(out.getvalue())
        _check_clean(out.getvalue())
    else:
        _check_shown(out.getvalue())
    _check_shown(err.getvalue())
    return ""


def _all(*lines: tuple[str, ...]) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        for line in lines:
            if wrong := said_by(folder, *line):
                raise AssertionError(wrong)

    return read


def _page(folder: Path) -> None:
    _all(("report", "runs", "--out", "page.html", "--path", "none", "--collaborations", "none"))(folder)
    if (page := folder / "page.html").exists():
        text = page.read_text(encoding="utf-8")
        page.unlink()
        if MARKUP in text or "<script>alert" in text or "<img src=x" in text or 'href="javascript' in text:
            raise AssertionError("the page has markup of a record")


def commands(network: bool) -> Mapping[str, Spoiled]:
    """Commands over a folder with a record that was spoiled."""
    record, data = "runs/trees/record.json", ("--path", "d")
    shown = [("results", "runs"), ("results", "runs", "--json"), ("results", "runs", "--markdown")]
    used = [("evaluate", "runs/trees", *data), ("predict", "runs/trees", "--out", "x.csv", *data)]
    found = {
        "commands that show records": Spoiled(record, _all(*shown)),
        "commands that use runs": Spoiled(record, _all(*used)),
    }
    if network:
        found["pages of reports"] = Spoiled(record, _page)
        found["ensembles"] = Spoiled(record, _all(("ensemble", "runs/trees", "runs/net", *data, "--runs", "made")))
        found["pages with collaborations"] = Spoiled(
            "co/one/collaboration.json", _all(("report", "runs", "--out", "page.html", "--path", "none"))
        )
    return found


_WORDS = (
    *("", "0", "-1", "9" * 5000, "1e999", "nan", "-inf", "x" * 5000, "a,b", "[[", "{}", "/dev/zero", "../../up"),
    *("\x1b[31m", "[/bold]", "\udcff", MARKUP, "a=b", "=", "~nobody/x"),
)
_FIRST: Mapping[str, tuple[str, ...]] = {
    "train": ("Mine", "--recipe", "gbdt", "--path", "none"),
    "predict": ("runs/trees", "--out", "x.csv", "--path", "none"),
    "evaluate": ("runs/trees", "--path", "none"),
    "results": ("runs",),
    "report": ("none",),
    "recipes": (),
    "calibrate": ("runs/trees", "--path", "none"),
    "ensemble": ("runs/trees", "runs/trees", "--path", "none"),
    "intervals": ("runs/trees", "--path", "none"),
    "shift": ("runs/trees", "--path", "none"),
    "decorrelate": ("runs/trees", "--path", "none"),
    "infer": ("Spinodal", "--path", "none"),
    "unfold": ("Spinodal", "--path", "none"),
    "plot": ("Spinodal", "--path", "none"),
    "audit": ("Spinodal", "--path", "none"),
    "export": ("Spinodal", "--path", "none"),
    "collaborate run": ("Mine", "--recipe", "fcn_quick", "--path", "none"),
    "collaborate verify": ("none",),
    "benchmark": ("--dry-run", "--datasets", "Spinodal", "--path", "none"),
    "leaderboard show": ("lb",),
    "leaderboard check": ("lb", "--path", "none"),
    "leaderboard add": ("runs/trees", "--path", "none", "--to", "lb2"),
    "info": ("Spinodal",),
}


def _lines() -> Iterator[tuple[str, ...]]:
    """Each option of each command with each word, and each word in the command's first place."""
    group: Any = typer.main.get_command(app)
    for name, first in _FIRST.items():
        found = group
        for part in name.split():
            found = found.commands[part]
        for option in found.params:
            if option.opts[0].startswith("--") and not getattr(option, "is_flag", False):
                yield from ((*name.split(), *first, f"{option.opts[0]}={word}") for word in _WORDS)
        yield from ((*name.split(), word, *first[1:]) for word in _WORDS if not word.startswith("-"))


def words(folder: Path, every: int) -> Iterator[Outcome]:
    """Lines with hostile arguments, one of ``every``."""
    lines = itertools.islice(_lines(), 0, None, every)
    return in_children(
        folder, ((ascii(" ".join(("pd4ml", *line)))[:300], partial(_all(line), folder)) for line in lines)
    )


def in_children(folder: Path, cases: Iterable[tuple[str, Callable[[], object]]]) -> Iterator[Outcome]:
    """Cases by name, many in a bounded child; where it does not come back well, each in one of its own."""
    left = iter(cases)
    while some := list(itertools.islice(left, _AT_ONCE)):
        ended = bounded(partial(_wrong, some), folder, seconds=120)
        if ended.how == "returned":
            wrong = json.loads(ended.said)
            yield from (Outcome(name, wrong.get(str(i), "")) for i, (name, _) in enumerate(some))
        else:
            yield from (Outcome(name, bounded(do, folder).wrong) for name, do in some)


def _wrong(cases: list[tuple[str, Callable[[], object]]]) -> str:
    """What was wrong, by the number of the case, as JSON; at most what fits the way back."""
    wrong = {i: said[:300] for i, (_, do) in enumerate(cases) if (said := last_words(do))}
    return json.dumps(dict(itertools.islice(wrong.items(), 40)))
