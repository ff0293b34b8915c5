"""What varied events do to a run: ``shift.json`` beside its record, as a table.

The file comes from outside, like a record: what does not have the form that is written here is refused in a line.
Differences are varied minus nominal, with the error that is left when both sides are the same events (``paired``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pd4ml.benchmark.record import Record
from pd4ml.benchmark.shift import SHIFT_NAME
from pd4ml.card import Measurement
from pd4ml.errors import DataError
from pd4ml.report.beside import beside_records, count, is_a, measurement, number, read_beside, text
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table, count_cell, measured_cell, metric_columns

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
_MAX_VARIANTS, _MAX_METRICS = 200, 2000
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
    return read_beside(file, f"shift of format {_FORMAT}", lambda body: _shifts(body, predictions))


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
    if is_a(body, dict)["format"] != _FORMAT:
        raise ValueError(f"format {body['format']!r}")
    if predictions and body["predictions"] != predictions:
        raise ValueError("it is of other predictions: compute it again")
    variants = is_a(body["variants"], list)
    if len(variants) > _MAX_VARIANTS:
        raise ValueError(f"{len(variants)} variants")
    return Shifts(
        text(body["task"]),
        text(body["unit"]),
        text(body["split"]),
        _variation(body["nominal"], varied=False),
        tuple(_variation(variant, varied=True) for variant in variants),
    )


def _variation(body: Any, *, varied: bool) -> Variation:
    return Variation(
        text(body["variant"]),
        text(body["description"]) if varied else "",
        count(body["events"]),
        _same_events(body) if varied else 1.0,
        _metrics(body["metrics"]),
        _metrics(body["difference"]) if varied else {},
    )


def _same_events(body: Any) -> float:
    """Files of others may only say whether events are the same."""
    share = number(body.get("same_events", 1)) if is_a(body["paired"], bool) else 0.0
    if not 0 <= share <= 1:
        raise ValueError("same_events must be a share from 0 to 1")
    return share


def _metrics(body: Any) -> Metrics:
    if len(is_a(body, dict)) > _MAX_METRICS:
        raise ValueError(f"{len(body)} metrics")
    return {text(name): measurement(of) for name, of in body.items()}


def shifts_of(labelled: Mapping[str, Sequence[Record]]) -> tuple[dict[str, Shifts], list[str]]:
    """What records have beside them, by label and seed; and a sentence for each file that cannot be used."""

    def read(file: Path, record: Record) -> Shifts:
        found = read_shift(file, record.predictions["sha256"])
        if found.task != record.dataset["task"] or not found.variants:
            raise DataError("they are of another task, or of no variant")
        return found

    return beside_records(labelled, SHIFT_NAME, "shifts", read)
