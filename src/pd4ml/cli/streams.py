"""Standard streams that take all that is printed: where they are closed, and where they are not UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path

__all__ = ["prepare_streams"]

_PLAIN = {"±": "+-", "Δ": "Delta", "ε": "eps", "η": "eta", "φ": "phi", "µ": "u", "²": "^2", "×": "x"}
_PLAIN |= {"–": "-", "…": "..."}


def prepare_streams() -> None:
    """Open those that are closed on nothing, and let the others write in plain letters what they cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # In this order, so that each gets its own number and no file of data is taken for standard output.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  open to the end
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What is written for a character that the encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _PLAIN.get(error.object[error.start], "?"), error.start + 1
