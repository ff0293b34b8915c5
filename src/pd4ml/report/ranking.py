"""The leaderboard as tables: one ranking for each set of events, published scores beside it and never in it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.card import PublishedScore
from pd4ml.dataset import Dataset
from pd4ml.errors import UnknownNameError
from pd4ml.report import render
from pd4ml.report.escape import one_line, plain_markdown
from pd4ml.report.groups import Group, Section, Summary, sections
from pd4ml.report.rows import Cell, Column, Row, Table, metric_cells, metric_columns, published_cells
from pd4ml.report.shown import REJECTION_NOTE, deciding_metric, shown, shown_metrics
from pd4ml.text import wrapped

__all__ = ["ERRORS_NOTE", "LITERATURE_NOTE", "Place", "best", "rank", "to_json", "to_markdown", "to_text"]

LITERATURE_NOTE = "Published elsewhere, on published events; not recomputed here and not ranked"
ERRORS_NOTE = (
    "First error: bootstrap over the test events; second, of several trainings: their spread. The rank counts "
    "what is better by more than the two errors combined; = marks a tie. code: commit (+: changed) or version. "
    f"{REJECTION_NOTE}"
)


@dataclass(frozen=True)
class Place:
    """A group's place: 1 + the number of groups that are better by more than the errors.

    ``tied`` says whether another group is as good within errors. The errors of two groups are added as if they
    were independent, though the test events are the same: differences are rather more certain than that.
    """

    rank: int
    tied: bool
    group: Group


def rank(section: Section) -> list[Place]:
    """The groups of a section, best first by the number that decides."""
    records = section.records
    metric = deciding_metric(record.metrics for record in records)
    of = shown(metric)
    more = of is None or of.falling
    found = [(group, group.summary(metric)) for group in section.groups]
    known = [(group, summary, _error(summary)) for group, summary in found if summary is not None]
    known.sort(key=lambda entry: -entry[1].mean.value if more else entry[1].mean.value)
    places = []
    for group, mine, error in known:
        ahead = [
            ((other.mean.value - mine.mean.value) * (1 if more else -1)) / (math.hypot(error, e) or math.ulp(1.0))
            for g, other, e in known
            if g is not group
        ]
        places.append(Place(1 + sum(a > 1 for a in ahead), any(abs(a) <= 1 for a in ahead), group))
    return places


def best(section: Section, most: int) -> Section:
    """A section with the ``most`` groups that rank first, in the order that they had."""
    if len(section.groups) <= most:
        return section
    first = [place.group for place in rank(section)[:most]]
    return replace(section, groups=tuple(group for group in section.groups if group in first))


def to_text(records: Iterable[Record], width: int | None = None) -> str:
    """Titles and tables as plain text for a ``width``, and what the numbers mean."""
    parts: list[str] = []
    for section in sections(records):
        parts += [wrapped(one_line(_title(section)), width)]
        parts += [render.to_text(table, width) for table in _tables(section)]
    return "\n\n".join([*parts, wrapped(ERRORS_NOTE, width)])


def to_markdown(records: Iterable[Record]) -> str:
    """The rankings as Markdown."""
    lines: list[str] = []
    for section in sections(records):
        lines += [f"## {plain_markdown(_title(section))}", ""]
        for table in _tables(section):
            lines += [render.to_markdown(table, escape="all"), *([f"{table.note}.", ""] if table.note else [])]
    return "\n".join([*lines, ERRORS_NOTE, ""])


def to_json(records: Iterable[Record]) -> str:
    """Rankings with the whole records, and published scores apart from them, as JSON."""
    body = []
    for section in sections(records):
        ranking = [
            {
                "rank": p.rank,
                "tied": p.tied,
                "label": p.group.label,
                "records": [r.to_dict() for r in p.group.records],
            }
            for p in rank(section)
        ]
        literature = [
            {"model": s.model, "reference": s.reference, "metrics": {k: vars(m) for k, m in s.metrics.items()}}
            for s in _literature(section)
        ]
        body.append({"dataset": section.dataset, "ranking": ranking, "literature": literature})
    return json.dumps(body, indent=1)


def _tables(section: Section) -> list[Table]:
    """The ranking and, if there are any, the published scores."""
    metrics = shown_metrics((name for record in section.records for name in record.metrics), details=False)
    rows = [
        Row(f"{place.rank}{'=' if place.tied else ''}", _cells(place.group, metrics)) for place in rank(section)
    ]
    columns = (Column.of("model", left=True), *_columns(metrics, "trained on", "seeds", "recipe", "code"))
    tables = [Table("", columns, tuple(rows), first="rank", n_names=2)]
    if literature := _literature(section):
        metrics = shown_metrics((name for score in literature for name in score.metrics), details=False)
        rows = [
            Row(score.model, (*published_cells(score, metrics, "g", "g"), Cell(score.reference)))
            for score in literature
        ]
        tables.append(Table("", _columns(metrics, "source"), tuple(rows), note=LITERATURE_NOTE))
    return tables


def _columns(metrics: Sequence[str], *texts: str) -> tuple[Column, ...]:
    """Columns of numbers, then of texts."""
    return (*metric_columns(metrics, plain=True), *(Column.of(name, left=True) for name in texts))


def _cells(group: Group, metrics: Sequence[str]) -> tuple[Cell, ...]:
    """Name, numbers, events trained on, seeds, recipe, code; ``?`` stands for what nobody told."""
    records = group.records
    events = records[0].events.get("train")
    external = f"external: {records[0].recipe.get('reference', '?')}"
    texts = (
        "?" if events is None else f"{events:,}",
        _each(records, lambda r: "?" if r.seed is None else str(r.seed)),
        external if records[0].kind == "external" else records[0].recipe["name"],
        _each(records, _code),
    )
    return (Cell(group.label), *metric_cells(group, metrics), *(Cell(text) for text in texts))


def _code(record: Record) -> str:
    """Commit, + if files were changed; else the version."""
    code = record.code
    if "commit" in code:
        return f"{code['commit'][:9]}{'+' if code.get('modified') else ''}"
    return code.get("version") or record.versions.get("pd4ml-physics", "?")


def _each(records: Iterable[Record], text: Callable[[Record], str]) -> str:
    """The different texts of ``records``, in order."""
    return ", ".join(dict.fromkeys(text(record) for record in records))


def _title(section: Section) -> str:
    """Dataset, and how its events were made."""
    facts = section.dataset
    made: dict[str, Any] = facts["provenance"]
    how = f", seed {made['seed']}" if "seed" in made else ""
    versions = made.get("versions")
    if isinstance(versions, dict):
        how += "".join(f", {name} {version}" for name, version in versions.items())
    return f"{section.title}{how}; fingerprint {facts['fingerprint'][:16]}"


def _literature(section: Section) -> tuple[PublishedScore, ...]:
    try:
        return Dataset.datasets_register.find(section.dataset["name"]).card.literature
    except UnknownNameError:
        return ()


def _error(summary: Summary) -> float:
    """Of the mean: bootstrap error of the events and, of several trainings, that of their spread."""
    return math.hypot(summary.mean.error or 0.0, (summary.spread or 0.0) / math.sqrt(summary.n))
