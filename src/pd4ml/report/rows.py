"""Tables in plain values, made from groups of trainings; what is shown on a page or a terminal is a rendering.

A table has a first column, the names of its rows, and columns of cells. Rows of published scores come last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pd4ml.card import Measurement, PublishedScore
from pd4ml.report.escape import latex_text
from pd4ml.report.groups import Group, Summary
from pd4ml.report.numbers import format_metric, format_spread
from pd4ml.report.shown import in_unit, shown

__all__ = [
    "ABSENT",
    "Cell",
    "Column",
    "Row",
    "Table",
    "count_cell",
    "measured_cell",
    "metric_cells",
    "metric_columns",
    "published_cells",
]

ABSENT = "-"


@dataclass(frozen=True)
class Column:
    """A column: its heading, in LaTeX too, which values come first when it is sorted, whether it is text."""

    heading: str
    latex: str
    falling: bool = False
    left: bool = False

    @classmethod
    def of(cls, heading: str, *, falling: bool = False, left: bool = False) -> Column:
        """A column whose heading is the same everywhere."""
        return cls(heading, heading, falling, left)


@dataclass(frozen=True)
class Cell:
    """A value as text, the spread between trainings, and the number it is sorted by, or else its text."""

    text: str
    spread: str = ""
    order: float | None = None

    @property
    def joined(self) -> str:
        """Value and spread."""
        return f"{self.text} ± {self.spread}" if self.spread else self.text


@dataclass(frozen=True)
class Row:
    """A row's name and cells; ``published`` names the reference of a score from the literature."""

    name: str
    cells: tuple[Cell, ...]
    published: str = ""


@dataclass(frozen=True)
class Table:
    """``first`` is the heading of the rows' names, ``note`` stands below.

    The first ``n_names`` columns, that of the rows' names among them, say together what a row is of.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    first: str = "model"
    note: str = ""
    n_names: int = 1


def metric_columns(metrics: Sequence[str], unit: str = "1", *, plain: bool = False) -> list[Column]:
    """A column for each metric, with its unit; ``plain`` for a terminal: letters of a keyboard, and no unit."""
    columns = []
    for name in metrics:
        of = shown(name)
        if of is None:
            columns.append(Column.of(name))
            continue
        suffix = f" [{text}]" if not plain and (text := in_unit(name, unit)) else ""
        heading = of.plain if plain else of.heading + suffix
        columns.append(Column(heading, of.latex + latex_text(suffix), of.falling))
    return columns


def metric_cells(group: Group, metrics: Sequence[str]) -> list[Cell]:
    """The mean of each metric over a group's trainings, its error and spread."""
    return [_summary_cell(name, group.summary(name)) for name in metrics]


def measured_cell(metric: str, measured: Measurement | None) -> Cell:
    """A single measurement."""
    if measured is None:
        return Cell(ABSENT)
    return Cell(format_metric(metric, measured), order=_order(metric, measured))


def published_cells(score: PublishedScore, metrics: Sequence[str], digits: str, spread: str) -> list[Cell]:
    """As published, digits and all; what it gives as an error is the spread between trainings."""
    cells = []
    for name in metrics:
        found = score.metrics.get(name)
        if found is None:
            cells.append(Cell(ABSENT))
        else:
            error = "" if not found.error else format(found.error, spread)
            cells.append(Cell(format(found.value, digits), error, _order(name, found)))
    return cells


def count_cell(value: float | None, form: Callable[[float], str] = "{:,}".format) -> Cell:
    """A number that nobody may have told."""
    return Cell(ABSENT) if value is None else Cell(form(value), order=value)


def _summary_cell(metric: str, summary: Summary | None) -> Cell:
    if summary is None:
        return Cell(ABSENT)
    return Cell(format_metric(metric, summary.mean), format_spread(summary), _order(metric, summary.mean))


def _order(metric: str, measured: Measurement) -> float:
    """A bias is the better, the smaller it is on either side."""
    return abs(measured.value) if metric.partition("_")[0] == "bias" else measured.value
