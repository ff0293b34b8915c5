"""A table on a terminal, as Markdown, LaTeX and JSON. Names in it are somebody's: nothing in them is markup."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pd4ml.report.escape import latex_text, one_line, plain_markdown
from pd4ml.report.numbers import FEW
from pd4ml.report.rows import ABSENT, Cell, Row, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

__all__ = ["PUBLISHED_NOTE", "to_json", "to_latex", "to_markdown", "to_rich"]

PUBLISHED_NOTE = "published data, published score"
_LATEX_CAPTION = (
    "First error: bootstrap over the test events; second, where there are several trainings: their spread."
)
_LATEX_PUBLISHED = " The one error of a published score is the spread between its trainings."
_LATEX_FEW = " An asterisk: about four background events or fewer."


def to_rich(table: Table, *, fold: bool = False) -> RichTable:
    """The table for the terminal; ``fold`` breaks long words rather than cutting them off."""
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(caption=table.note or None, caption_justify="left")
    lefts = [True, *(column.left for column in table.columns)]
    for heading, left in zip(_headings(table), lefts, strict=True):
        shown.add_column(
            Text(one_line(heading)),
            justify="left" if left else "right",
            overflow="fold" if fold else "ellipsis",
        )
    for row in table.rows:
        shown.add_row(*(Text(one_line(text)) for text in _texts(row)))
    return shown


def to_markdown(table: Table, *, escape: Literal["all", "cells", "rows"] = "cells") -> str:
    """The table as Markdown; of headings, or of all (``rows``), only what would break rows is escaped."""
    rule = ["---", *("---" if column.left else "---:" for column in table.columns)]
    text = _unbroken if escape == "rows" else plain_markdown
    heading = plain_markdown if escape == "all" else _unbroken
    rows = [[text(cell) for cell in _texts(row)] for row in table.rows]
    headings = [heading(name) for name in _headings(table)]
    return "".join("| " + " | ".join(row) + " |\n" for row in (headings, rule, *rows))


def to_latex(table: Table, note: str = _LATEX_CAPTION) -> str:
    """The table as LaTeX (package booktabs)."""
    note += _LATEX_PUBLISHED if any(row.published for row in table.rows) else ""
    note += _LATEX_FEW if any(cell.text.endswith(FEW) for row in table.rows for cell in row.cells) else ""
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex_text(table.title)}. {note}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += [_latex_row([table.first, *(column.latex for column in table.columns)]), r"\midrule"]
    for i, row in enumerate(table.rows):
        if row.published and (i == 0 or not table.rows[i - 1].published):
            lines.append(r"\midrule")
        cells = (_latex_cell(cell, text=c.left) for cell, c in zip(row.cells, table.columns, strict=True))
        lines.append(_latex_row([latex_text(_name(row)), *cells]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def to_json(table: Table) -> str:
    """The rows as a JSON list: a row's name, and its cells by their headings."""
    headings = _headings(table)
    return json.dumps([dict(zip(headings, _texts(row), strict=True)) for row in table.rows], indent=1)


def _unbroken(text: str) -> str:
    return re.sub(r"([|`<])", r"\\\1", one_line(text))


def _headings(table: Table) -> list[str]:
    return [table.first, *(column.heading for column in table.columns)]


def _texts(row: Row) -> list[str]:
    return [_name(row), *(cell.joined for cell in row.cells)]


def _name(row: Row) -> str:
    return f"{row.name} ({PUBLISHED_NOTE}, {row.published})" if row.published else row.name


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(cell: Cell, *, text: bool) -> str:
    """A number in math mode; text and an absent value as they are."""
    if cell.joined == ABSENT:
        return "--"
    if text:
        return latex_text(cell.joined)
    return "$" + cell.joined.replace(",", "{,}").replace("±", r"\pm") + "$"
