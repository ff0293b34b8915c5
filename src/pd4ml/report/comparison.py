"""The comparison of a section as a table: trainings grouped by seed, published scores beside and marked as such.

One table in plain values, which the page, LaTeX and Markdown are made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pd4ml.card import Measurement, PublishedScore
from pd4ml.report.groups import Group, Section, Summary
from pd4ml.report.table import format_measurement

__all__ = ["ABSENT", "PUBLISHED_NOTE", "Cell", "Column", "Comparison", "Row", "compare", "to_latex", "to_markdown"]

PUBLISHED_NOTE = "published data, published score"
ABSENT = "-"


@dataclass(frozen=True)
class Column:
    """A column: its heading, in LaTeX too, and which values come first when it is sorted."""

    heading: str
    latex: str
    falling: bool = False


@dataclass(frozen=True)
class Cell:
    """A value as text, the spread between trainings, and the number it is sorted by, or else its text."""

    text: str
    spread: str = ""
    order: float | None = None


@dataclass(frozen=True)
class Row:
    """A model's cells; ``published`` names the reference of a score from the literature."""

    name: str
    cells: tuple[Cell, ...]
    published: str = ""


@dataclass(frozen=True)
class Comparison:
    """The table: trained rows, then published ones."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


_COUNTS = (Column("trainings", "trainings", falling=True), Column("events", "events", falling=True))
_METRICS = {
    "accuracy": Column("ACC", "ACC", falling=True),
    "auc": Column("AUC", "AUC", falling=True),
    "auc_macro": Column("AUC (macro)", "AUC (macro)", falling=True),
    **{
        f"background_rejection_{x}": Column(f"1/ε_B({x})", rf"$1/\varepsilon_B(\varepsilon_S={x})$", falling=True)
        for x in (0.3, 0.5, 0.8)
    },
    "log_loss": Column("log loss", "log loss"),
    "calibration_error": Column("calibration error", "calibration error"),
    "mse": Column("MSE", "MSE"),
    "mae": Column("MAE", "MAE"),
    "bias": Column("bias", "bias"),
    "resolution": Column("resolution", "resolution"),
}
_IN_UNIT = ("mae", "bias", "resolution")


def compare(section: Section, published: Sequence[PublishedScore]) -> Comparison:
    """The table of a section and of what was published on its dataset."""
    measured = {name for record in section.records for name in record.metrics}
    metrics = [name for name in _METRICS if name in measured]
    columns = [_with_unit(name, section.dataset.get("unit", "1")) for name in metrics]
    rows = [_trained_row(group, metrics) for group in section.groups]
    rows += [_published_row(entry, metrics) for entry in published]
    return Comparison(section.title, (*_COUNTS, *columns), tuple(rows))


def to_markdown(table: Comparison) -> str:
    """The table as Markdown."""
    headings = ["model", *(column.heading for column in table.columns)]
    rule = ["---", *(["---:"] * len(table.columns))]
    rows = [[_markdown(_name(row)), *(_markdown(_joined(cell)) for cell in row.cells)] for row in table.rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in (headings, rule, *rows))


def to_latex(table: Comparison) -> str:
    """The table as LaTeX (package booktabs)."""
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_latex(table.title)}. {_LATEX_CAPTION}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += [_latex_row(["model", *(column.latex for column in table.columns)]), r"\midrule"]
    for i, row in enumerate(table.rows):
        if row.published and (i == 0 or not table.rows[i - 1].published):
            lines.append(r"\midrule")
        lines.append(_latex_row([_latex(_name(row)), *(_latex_cell(cell) for cell in row.cells)]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


_LATEX_CAPTION = (
    "First error: bootstrap over the test events; second, where there are several trainings: their spread."
)


def _with_unit(metric: str, unit: str) -> Column:
    column = _METRICS[metric]
    if unit == "1" or metric not in (*_IN_UNIT, "mse"):
        return column
    unit = f"({unit})²" if metric == "mse" else unit
    return Column(f"{column.heading} [{unit}]", f"{column.latex} [{_latex(unit)}]", column.falling)


def _trained_row(group: Group, metrics: Iterable[str]) -> Row:
    events = group.first.events.get("train")
    counts = (
        Cell(f"{len(group.records)}", order=len(group.records)),
        Cell(ABSENT) if events is None else Cell(f"{events:,}", order=events),
    )
    return Row(group.label, (*counts, *(_cell(metric, group.summary(metric)) for metric in metrics)))


def _cell(metric: str, summary: Summary | None) -> Cell:
    if summary is None:
        return Cell(ABSENT)
    spread = (
        "" if summary.spread is None else format_measurement(Measurement(0.0, summary.spread)).split(" ± ")[-1]
    )
    return Cell(format_measurement(summary.mean), spread, _order(metric, summary.mean))


def _order(metric: str, measured: Measurement) -> float:
    """A bias is the better, the smaller it is on either side."""
    return abs(measured.value) if metric == "bias" else measured.value


def _published_row(entry: PublishedScore, metrics: Iterable[str]) -> Row:
    found = [(metric, entry.metrics.get(metric)) for metric in metrics]
    cells = (_published_cell(metric, score) for metric, score in found)
    return Row(entry.model, (Cell(ABSENT), Cell(ABSENT), *cells), entry.reference)


def _published_cell(metric: str, score: Measurement | None) -> Cell:
    """As published, digits and all; what it gives as an error is the spread between trainings."""
    if score is None:
        return Cell(ABSENT)
    return Cell(f"{score.value:,.12g}", f"{score.error:.12g}" if score.error else "", _order(metric, score))


def _name(row: Row) -> str:
    return f"{row.name} ({PUBLISHED_NOTE}, {row.published})" if row.published else row.name


def _joined(cell: Cell) -> str:
    return f"{cell.text} ± {cell.spread}" if cell.spread else cell.text


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(cell: Cell) -> str:
    """A number in math mode; a limit and an absent value as they are."""
    text = _joined(cell)
    if text == ABSENT:
        return "--"
    return "$" + text.replace(",", "{,}").replace("±", r"\pm") + "$"


_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "²": r"$^2$",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return "".join(_LATEX_ESCAPES.get(c, c) for c in _one_line(text))


def _markdown(text: str) -> str:
    """Text that stays in its cell and is no markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
