"""The results table of records: as plain text, as Markdown, as JSON.

Trainings that differ in their seed only share a row: mean ± bootstrap error of the test events ± their spread.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.report import render
from pd4ml.report.groups import Group, sections
from pd4ml.report.numbers import format_duration, format_measurement, format_summary
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table, count_cell, metric_cells, metric_columns
from pd4ml.report.shown import in_unit, shown_metrics

__all__ = [
    "format_duration",
    "format_measurement",
    "format_summary",
    "results",
    "to_json",
    "to_markdown",
    "to_text",
]


def to_text(records: Sequence[Record], width: int | None = None) -> str:
    """Tables as plain text for a ``width``, one for each set of events."""
    return "\n\n".join(render.to_text(results(section.records), width) for section in sections(records))


def to_markdown(records: Sequence[Record]) -> str:
    """The table as plain Markdown."""
    return render.to_markdown(results(records), escape="rows")


def to_json(records: Sequence[Record]) -> str:
    """The records themselves, each with the folder it is in, as a JSON list."""
    return json.dumps([{**record.to_dict(), "folder": _folder(record.folder)} for record in records], indent=1)


def results(records: Sequence[Record]) -> Table:
    """A row for each group of trainings, whatever they are of; a column is there if a record has its metric."""
    metrics = shown_metrics((name for record in records for name in record.metrics), details=False)
    columns = [
        Column.of("model", left=True),
        *(Column.of(name) for name in ("events", "epochs")),
        *metric_columns(metrics, plain=True),
        *(Column.of(name) for name in ("seed", "training")),
    ]
    rows = tuple(_row(section.title, group, metrics) for section in sections(records) for group in section.groups)
    return Table("", tuple(columns), rows, first="dataset", n_names=2)


def _row(name: str, group: Group, metrics: Sequence[str]) -> Row:
    """Events are those trained on; validation and test events are in the record. The time is of one training."""
    record, facts = group.first, group.first.dataset
    epochs = sorted({r.epochs["trained"] for r in group.records if r.epochs})
    seconds = [r.timing["train_seconds"] for r in group.records if r.timing]
    # Rows are of different datasets, so that a unit stands beside its number.
    cells = [
        Cell(cell.joined + (f" {unit}" if cell.order is not None and (unit := _unit(name, facts)) else ""))
        for name, cell in zip(metrics, metric_cells(group, metrics), strict=True)
    ]
    return Row(
        name,
        (
            Cell(record.recipe["name"]),
            count_cell(record.events.get("train")),
            Cell("-".join(str(n) for n in dict.fromkeys((epochs[0], epochs[-1]))) if epochs else ABSENT),
            *cells,
            Cell(", ".join(ABSENT if r.seed is None else str(r.seed) for r in group.records)),
            count_cell(sum(seconds) / len(seconds) if seconds else None, format_duration),
        ),
    )


def _unit(metric: str, facts: dict[str, Any]) -> str:
    """That of metrics in the target's own unit; a squared one would hide the number."""
    unit = facts.get("unit", "1")
    return unit if in_unit(metric, unit) == unit else ""


def _folder(folder: Path | None) -> Any:
    return None if folder is None else str(folder)
