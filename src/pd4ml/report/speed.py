"""Speed and size of the models of a section, as a table like that of their scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pd4ml.report.groups import Group, Section
from pd4ml.report.numbers import format_duration
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table, count_cell

__all__ = ["speed_table"]

_COLUMNS = (
    *(Column.of(name) for name in ("parameters", "epochs", "training")),
    *(Column.of(f"{name} [events/s]", falling=True) for name in ("training", "prediction")),
    Column.of("machine", left=True),
)


def speed_table(section: Section) -> Table:
    """Parameters, epochs, wall times and events per second, mean of the trainings, and the machine.

    What a record does not say, as that of another tool's predictions, is left open.
    """
    return Table(section.title, _COLUMNS, tuple(_row(group) for group in section.groups))


def _row(group: Group) -> Row:
    records = group.records
    machines = {
        f"{r.machine.get('cpu', ABSENT)}, {r.machine.get('cores', ABSENT)} cores": 0 for r in records if r.machine
    }
    cells = (
        _cell([r.model.get("parameters") for r in records], "{:,.0f}".format),
        _cell([r.epochs.get("trained") for r in records], "{:.3g}".format),
        _cell([r.timing.get("train_seconds") for r in records], format_duration),
        _cell([r.timing.get("train_events_per_second") for r in records], "{:,.0f}".format),
        _cell([r.timing.get("predict_events_per_second") for r in records], "{:,.0f}".format),
        Cell("; ".join(machines) or ABSENT),
    )
    return Row(group.label, cells)


def _cell(values: list[float | None], form: Callable[[float], str]) -> Cell:
    known = [value for value in values if value is not None]
    return count_cell(float(np.mean(known)) if known else None, form)
