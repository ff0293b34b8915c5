"""A table as plain text, as Markdown, LaTeX and JSON. Names in it are somebody's: nothing in them is markup."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat, zip_longest
from typing import Literal

from rich.cells import cell_len

from pd4ml.report.escape import latex_text, one_line, plain_markdown
from pd4ml.report.numbers import FEW
from pd4ml.report.rows import ABSENT, Cell, Row, Table
from pd4ml.text import wrapped

__all__ = ["PUBLISHED_NOTE", "to_json", "to_latex", "to_markdown", "to_text"]

# Between columns; texts are not broken into narrower ones than this.
_GAP, _LEAST_TEXT = "  ", 24
PUBLISHED_NOTE = "published data, published score"
_LATEX_CAPTION = (
    "First error: bootstrap over the test events; second, where there are several trainings: their spread."
)
_LATEX_PUBLISHED = " The one error of a published score is the spread between its trainings."
_LATEX_FEW = " An asterisk: about four background events or fewer."


def to_text(table: Table, width: int | None = None) -> str:
    """The table in plain text, one line a row, as wide as it needs.

    Where that is more than ``width``, what all rows share is said once above the table, texts are broken at words,
    and columns that still do not fit go on below, beside their rows' names. No number is broken or cut.
    """
    texts = zip(*(map(one_line, _texts(row)) for row in table.rows), strict=True) if table.rows else repeat(())
    lefts = (True, *(column.left for column in table.columns))
    lanes = [
        _Lane(one_line(h), tuple(t), left) for h, t, left in zip(_headings(table), texts, lefts, strict=False)
    ]
    note = [wrapped(f"{one_line(table.note)}.", width)] if table.note else []
    if width is None or _wide([lane.whole for lane in lanes]) <= width:
        return "\n".join([*_block(lanes, [lane.whole for lane in lanes]), *note])
    shared = [lane for lane in lanes if len(set(lane.texts)) == 1]
    names = [lane for lane in lanes[: table.n_names] if lane not in shared]
    others = [lane for lane in lanes[table.n_names :] if lane not in shared]
    blocks = [_said_once(shared, width)] if shared else []
    blocks += [_block(block, _widths(block, width)) for block in _blocks(names, others, width)]
    return "\n".join(["\n\n".join("\n".join(block) for block in blocks), *note])


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


@dataclass(frozen=True)
class _Lane:
    """A column as text."""

    heading: str
    texts: tuple[str, ...]
    left: bool

    @property
    def whole(self) -> int:
        """Its width if nothing is broken."""
        return max(map(cell_len, (self.heading, *self.texts)))

    @property
    def least(self) -> int:
        """The width that it must have: numbers stay whole, and so do words."""
        if not self.left:
            return self.whole
        words = (cell_len(word) for text in (self.heading, *self.texts) for word in text.split())
        return min(self.whole, max(_LEAST_TEXT, *words))


def _blocks(names: list[_Lane], others: list[_Lane], width: int) -> Iterator[list[_Lane]]:
    """The columns in as few blocks as there is room for, each with the names of the rows."""
    if names and not others:
        yield names
    while others:
        n = len(others)
        while n > 1 and _wide([lane.least for lane in (*names, *others[:n])]) > width:
            n -= 1
        yield [*names, *others[:n]]
        others = others[n:]


def _widths(lanes: Sequence[_Lane], width: int) -> list[int]:
    """Widths of columns; what they need not have goes to texts, from the left."""
    widths = [lane.least for lane in lanes]
    for i, lane in enumerate(lanes):
        widths[i] += max(0, min(lane.whole - lane.least, width - _wide(widths)))
    return widths


def _wide(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _block(lanes: Sequence[_Lane], widths: Sequence[int]) -> list[str]:
    """Lines of a table."""
    headings, *rows = zip(*((lane.heading, *lane.texts) for lane in lanes), strict=True)
    rule = [_GAP.join("-" * w for w in widths)]
    return [
        *_lines(headings, lanes, widths),
        *rule,
        *(line for row in rows for line in _lines(row, lanes, widths)),
    ]


def _lines(texts: Sequence[str], lanes: Sequence[_Lane], widths: Sequence[int]) -> list[str]:
    """A row: one line, or more where a text is broken."""
    cells = [
        textwrap.wrap(text, max(w, 1), break_long_words=False, break_on_hyphens=False) if lane.left else [text]
        for text, lane, w in zip(texts, lanes, widths, strict=True)
    ]
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        pads = [" " * (w - cell_len(part)) for part, w in zip(parts, widths, strict=True)]
        placed = (
            part + pad if lane.left else pad + part for part, pad, lane in zip(parts, pads, lanes, strict=True)
        )
        lines.append(_GAP.join(placed).rstrip())
    return lines


def _said_once(lanes: Sequence[_Lane], width: int) -> list[str]:
    """Lines of a heading and the text that all rows have in common."""
    lanes = [lane for lane in lanes if lane.texts[0] not in ("", ABSENT)]
    room = max((cell_len(lane.heading) for lane in lanes), default=0)
    lines = (f"{lane.heading}{' ' * (room - cell_len(lane.heading))}{_GAP}{lane.texts[0]}" for lane in lanes)
    return [wrapped(line, width, hang=" " * (room + len(_GAP))) for line in lines]


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
