"""Text that others wrote, made harmless: nothing in it is markup, breaks a line or steers a terminal."""

from __future__ import annotations

import re

from pd4ml import errors

__all__ = ["latex_text", "one_line", "plain_markdown"]

_MOST = 1000
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


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX_ESCAPES.get(c, c) for c in one_line(text))


def plain_markdown(text: str) -> str:
    """Text that stays in its cell and is no markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", one_line(text))


def one_line(text: str) -> str:
    """Text without what could steer a terminal or break a line, cut where it is longer than any that is read."""
    return errors.one_line(text, _MOST)
