"""Text for people: digits that mean something, lines that a terminal has room for, facts in a notebook."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable

from pd4ml.errors import one_line

__all__ = ["digits", "html_facts", "put_between", "rounded", "wrapped"]

# Prose in longer lines is hard to read, however wide the terminal is.
_PROSE = 100
_MOST_OF_A_FACT = 300


def digits(error: float) -> int:
    """Decimal places that show ``error`` with two significant digits up to 35, one above; negative: tens."""
    magnitude = math.floor(math.log10(error))
    leading = error / 10 ** (magnitude - 1)
    return 1 - magnitude if leading < 35.5 else -magnitude


def rounded(value: float, decimals: int) -> str:
    """``value`` with so many `digits`."""
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def wrapped(text: str, width: int | None, hang: str = "") -> str:
    """``text`` with its lines broken at words where they are longer than ``width``; ``hang`` indents what follows.

    Words stay whole, so that a path can be copied; without a width (nothing to fit to) so does the text.
    """
    if width is None:
        return text
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line,
            min(width, _PROSE),
            subsequent_indent=indent + hang,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


def html_facts(title: str, facts: Iterable[tuple[str, object]]) -> str:
    """A title and a table of names and values for a notebook: escaped, short, in the notebook's own style."""
    shown = ((html.escape(one_line(str(part), _MOST_OF_A_FACT)) for part in fact) for fact in facts)
    rows = "".join(f'<tr><th style="text-align:left">{name}</th>' + _cell(value) for name, value in shown)
    return f"<b>{html.escape(one_line(title, _MOST_OF_A_FACT))}</b><table>{rows}</table>"


def _cell(value: str) -> str:
    return f'<td style="text-align:left">{value}</td></tr>'


def put_between(text: str, begin: str, content: str, end: str) -> str:
    """``text`` with ``content``, blank lines around it, in place of what stands between two markers.

    Raises
    ------
    ValueError
        If they are not there.
    """
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"no text between {begin} and {end} to be replaced")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"
