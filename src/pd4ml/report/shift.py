"""What varied events do to a run: ``shift.json`` beside its record, as a table.

The file comes from outside, like a record: what does not have the form that is written here is refused in a line.
Differences are varied minus nominal, with the error that is left when both sides are the same events (``paired``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.benchmark.shift import SHIFT_NAME
from pd4ml.card import Measurement
from pd4ml.errors import DataError
from pd4ml.report.escape import one_line
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table, count_cell, measured_cell, metric_columns
from pd4ml.storage.small import read_json

__all__ = [
    "SHIFT_NAME",
    "Shifts",
    "Variation",
    "descriptions",
    "main_metrics",
    "read_shift",
    "shift_table",
    "shifts_of",
]

_FORMAT = 1
# A hundred variants with a hundred metrics each take less.
_MAX_BYTES = 1 << 22
_MAX_VARIANTS, _MAX_METRICS, _MAX_TEXT = 200, 2000, 300
_MAX_NUMBER = 1e100
# What matters of a task, the first of each that the file has.
_MAIN = {
    "classification": (
        ("auc", "auc_macro"),
        ("signal_efficiency_at_0.5", "accuracy"),
        ("background_efficiency_at_0.5", "log_loss"),
    ),
    "regression": (("bias", "mse"), ("resolution", "mae")),
    "segmentation": (("iou_macro",), ("accuracy",)),
}

Metrics = dict[str, Measurement]


@dataclass(frozen=True)
class Variation:
    """A variant's events: their metrics, and those minus the nominal ones.

    ``same_events`` is the share that nominal events have, too; errors of differences are paired where it is not 0.
    """

    variant: str
    description: str
    events: int
    same_events: float
    metrics: Metrics
    difference: Metrics


@dataclass(frozen=True)
class Shifts:
    """What a ``shift.json`` says: metrics on nominal events, and of each variant."""

    task: str
    unit: str
    split: str
    nominal: Variation
    variants: tuple[Variation, ...]


def read_shift(file: Path, predictions: str = "") -> Shifts:
    """Read and check a ``shift.json``; ``predictions`` is the SHA-256 of those it must be made from.

    Raises DataError, one line, for a file that cannot be read, is of other predictions or has another form.
    """
    try:
        body = read_json(file, _MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{file} cannot be read: {reason}") from error
    try:
        return _shifts(body, predictions)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{file} is no shift of format {_FORMAT}: {one_line(reason)[:200]}") from error


def descriptions(shifts: Iterable[Shifts]) -> list[tuple[str, str]]:
    """Each variant and what it is, once."""
    return list(dict.fromkeys((v.variant, v.description) for found in shifts for v in found.variants))


def main_metrics(shifts: Sequence[Shifts]) -> list[str]:
    """The metrics of the first of ``shifts`` that matter for its task."""
    first = shifts[0]
    there = [first.nominal.metrics, *(v.difference for v in first.variants)]
    wanted = _MAIN.get(first.task, ())
    chosen = (next((n for n in names if all(n in found for found in there)), None) for names in wanted)
    return [name for name in chosen if name is not None]


def shift_table(title: str, shifts: Mapping[str, Shifts]) -> Table:
    """A row for each run (by its name) and variant: metrics that matter, and their differences from nominal."""
    metrics = main_metrics(list(shifts.values()))
    unit = next(iter(shifts.values())).unit
    columns = [Column.of("variant", left=True), Column.of("events", falling=True)]
    for column in metric_columns(metrics, unit):
        difference = Column(f"Δ {column.heading}", rf"$\Delta$ {column.latex}")
        columns += [column, difference]
    columns.append(Column.of("same events", left=True))
    rows = [
        Row(name, _cells(variation, metrics, varied=varied))
        for name, found in shifts.items()
        for variation, varied in ((found.nominal, False), *((v, True) for v in found.variants))
    ]
    note = "Δ is varied minus nominal"
    if any(v.same_events for s in shifts.values() for v in s.variants):
        note += "; its error is smaller where events are the same"
    if any("_efficiency_at_" in name for name in metrics):
        note = f"Thresholds are those of nominal events. {note}"
    return Table(title, tuple(columns), tuple(rows), note=note, n_names=2)


def _cells(variation: Variation, metrics: Sequence[str], *, varied: bool) -> tuple[Cell, ...]:
    cells = [Cell(variation.variant), count_cell(variation.events)]
    for name in metrics:
        difference = variation.difference.get(name) if varied else None
        cells += [measured_cell(name, variation.metrics.get(name)), measured_cell(name, difference)]
    share = variation.same_events
    same = "yes" if share == 1 else f"{100 * share:.0f} %" if share else "no"
    return (*cells, Cell(same if varied else ABSENT))


def _shifts(body: Any, predictions: str) -> Shifts:
    if _is(body, dict)["format"] != _FORMAT:
        raise ValueError(f"format {body['format']!r}")
    if predictions and body["predictions"] != predictions:
        raise ValueError("it is of other predictions: compute it again")
    variants = _is(body["variants"], list)
    if len(variants) > _MAX_VARIANTS:
        raise ValueError(f"{len(variants)} variants")
    return Shifts(
        _text(body["task"]),
        _text(body["unit"]),
        _text(body["split"]),
        _variation(body["nominal"], varied=False),
        tuple(_variation(variant, varied=True) for variant in variants),
    )


def _variation(body: Any, *, varied: bool) -> Variation:
    return Variation(
        _text(body["variant"]),
        _text(body["description"]) if varied else "",
        _events(body["events"]),
        _same_events(body) if varied else 1.0,
        _metrics(body["metrics"]),
        _metrics(body["difference"]) if varied else {},
    )


def _same_events(body: Any) -> float:
    """Files of others may only say whether events are the same."""
    share = _number(body.get("same_events", 1)) if _is(body["paired"], bool) else 0.0
    if not 0 <= share <= 1:
        raise ValueError("same_events must be a share from 0 to 1")
    return share


def _metrics(body: Any) -> Metrics:
    if len(_is(body, dict)) > _MAX_METRICS:
        raise ValueError(f"{len(body)} metrics")
    return {_text(name): _measurement(of) for name, of in body.items()}


def _measurement(body: Any) -> Measurement:
    limit, error = _is(body["lower_limit"], bool), body["error"]
    found = Measurement(_number(body["value"]), None if error is None else _number(error), limit)
    if (found.error or 0.0) < 0 or (limit and found.value <= 0):
        raise ValueError(f"error or limit {body!r}")
    return found


def _number(value: Any) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not abs(number) < _MAX_NUMBER:
        raise ValueError(f"no finite number, or one beyond all measure: {str(value)[:50]!r}")
    return number


def _events(value: Any) -> int:
    n: int = _is(value, int)
    if not 0 < n < _MAX_NUMBER:
        raise ValueError("events that are no number of events")
    return n


def _text(value: Any) -> str:
    return one_line(_is(value, str))[:_MAX_TEXT]


def _is(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"expected {kind.__name__}, found {str(value)[:50]!r}")
    return value


def shifts_of(labelled: Mapping[str, Sequence[Record]]) -> tuple[dict[str, Shifts], list[str]]:
    """What records have beside them, by label and seed; and a sentence for each file that cannot be used."""
    found: dict[str, Shifts] = {}
    notes = []
    for label, records in labelled.items():
        for record in records:
            file = (record.folder or Path()) / SHIFT_NAME
            if record.folder is None or not file.exists():
                continue
            name = label if record.seed is None or len(records) == 1 else f"{label}, seed {record.seed}"
            try:
                shifts = read_shift(file, record.predictions["sha256"])
            except DataError as error:
                notes.append(f"The shifts of {name} are left out: {error}.")
                continue
            if shifts.task != record.dataset["task"] or not shifts.variants:
                notes.append(f"The shifts of {name} are left out: they are of another task, or of no variant.")
            else:
                found[name] = shifts
    return found, notes
