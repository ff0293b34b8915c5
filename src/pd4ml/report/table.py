"""The comparison table of records: for the terminal, as Markdown, as JSON.

Trainings that differ in their seed only share a row: mean ± bootstrap error of the test events ± their spread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pd4ml.benchmark.record import Record
from pd4ml.metrics.by_task import Measurement
from pd4ml.report.groups import Group, Summary, sections

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["format_duration", "format_measurement", "format_summary", "to_json", "to_markdown", "to_rich"]

# In the order of their columns; a column is there if a record has its metric. The rest is in the JSON.
# 1/eps_B(x) is the background rejection at signal efficiency x.
_HEADINGS = {
    "accuracy": "ACC",
    "auc": "AUC",
    "background_rejection_0.3": "1/eps_B(0.3)",
    "background_rejection_0.5": "1/eps_B(0.5)",
    "background_rejection_0.8": "1/eps_B(0.8)",
    "mse": "MSE",
    "mae": "MAE",
    "bias": "bias",
    "resolution": "resolution",
}
_ABSENT = "-"
_IN_UNIT = ("mae", "bias", "resolution")


def format_measurement(measured: Measurement) -> str:
    """``value ± error``, the error with two significant digits up to 35 and one above; limits as ``> value``."""
    if measured.lower_limit:
        return f"> {_round(measured.value, _decimals(measured.value))}"
    if not measured.error:
        return f"{measured.value:.4g}"
    decimals = _decimals(measured.error)
    return f"{_round(measured.value, decimals)} ± {_round(measured.error, decimals)}"


def format_summary(summary: Summary) -> str:
    """``mean ± bootstrap error``, and for several trainings ``± spread between them``."""
    text = format_measurement(summary.mean)
    if summary.spread is None:
        return text
    return f"{text} ± {format_measurement(Measurement(0.0, summary.spread)).rpartition(' ')[2]}"


def to_rich(records: Sequence[Record]) -> Table:
    """The table for the terminal."""
    from rich.table import Table

    headings, rows = _cells(records)
    table = Table()
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < 2 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def to_markdown(records: Sequence[Record]) -> str:
    """The table as plain Markdown."""
    headings, rows = _cells(records)
    rule = ["---" if i < 2 else "---:" for i in range(len(headings))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows)) + "\n"


def to_json(records: Sequence[Record]) -> str:
    """The records themselves, each with the folder it is in, as a JSON list."""
    return json.dumps([{**record.to_dict(), "folder": _folder(record.folder)} for record in records], indent=1)


def _cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    metrics = [name for name in _HEADINGS if any(name in record.metrics for record in records)]
    headings = ["dataset", "model", "events", "epochs", *(_HEADINGS[name] for name in metrics), "seed", "training"]
    groups = [group for section in sections(records) for group in section.groups]
    return headings, [_row(group, metrics) for group in groups]


def _row(group: Group, metrics: Sequence[str]) -> list[str]:
    """Events are those trained on; validation and test events are in the record. The time is of one training."""
    record, facts = group.first, group.first.dataset
    variant = "" if facts["variant"] == "default" else f" {facts['variant']}"
    epochs = sorted({r.epochs["trained"] for r in group.records if r.epochs})
    seconds = [r.timing["train_seconds"] for r in group.records if r.timing]
    return [
        f"{facts['name']} ({facts['source']}{variant})",
        record.recipe["name"],
        f"{record.events['train']:,}" if "train" in record.events else _ABSENT,
        "-".join(str(n) for n in dict.fromkeys((epochs[0], epochs[-1]))) if epochs else _ABSENT,
        *(_cell(group, name) for name in metrics),
        ", ".join(_ABSENT if r.seed is None else str(r.seed) for r in group.records),
        format_duration(sum(seconds) / len(seconds)) if seconds else _ABSENT,
    ]


def _cell(group: Group, metric: str) -> str:
    """A metric; those that have one in the unit of the target."""
    summary, unit = group.summary(metric), group.first.dataset.get("unit", "1")
    if summary is None:
        return _ABSENT
    return format_summary(summary) + (f" {unit}" if metric in _IN_UNIT and unit != "1" else "")


def _folder(folder: Path | None) -> Any:
    return None if folder is None else str(folder)


def _decimals(error: float) -> int:
    """Decimal places that show ``error`` with one or two significant digits; negative: tens, hundreds."""
    magnitude = math.floor(math.log10(error))
    leading = error / 10 ** (magnitude - 1)
    return 1 - magnitude if leading < 35.5 else -magnitude


def _round(value: float, decimals: int) -> str:
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def format_duration(seconds: float) -> str:
    """Seconds as ``12.3 s``, ``3 min 04 s`` or ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
