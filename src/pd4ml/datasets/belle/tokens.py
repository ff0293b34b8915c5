"""Tokens for PDG codes: the published file's own numbering, which generated events use, too.

``pdg_tokens.csv`` beside this module is copied from the code that made the published file; its head says whence.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PADDING", "pdg_ids", "pdg_tokens", "token_names", "unknown_token"]

_TABLE = Path(__file__).with_name("pdg_tokens.csv")
PADDING = 0


@cache
def _table() -> tuple[NDArray[np.int64], tuple[str, ...]]:
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    codes = np.array([int(row["pdg_id"]) for row in rows])
    codes.flags.writeable = False
    return codes, tuple(row["name"] or row["pdg_id"] for row in rows)


def pdg_ids() -> NDArray[np.int64]:
    """(T,) the PDG codes of the tokens 1 to T."""
    return _table()[0]


def token_names() -> tuple[str, ...]:
    """The names of the particles of the tokens 1 to T; where none is known, the PDG code."""
    return _table()[1]


def unknown_token() -> int:
    """The token of all particles that are not in the published table: one beyond its last."""
    return len(pdg_ids()) + 1


def pdg_tokens(pdg_id: ArrayLike) -> NDArray[np.int64]:
    """Tokens of PDG codes, of any shape: 1 to T, or ``unknown_token()``."""
    order = np.argsort(pdg_ids())
    known, wanted = pdg_ids()[order], np.asarray(pdg_id)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, order[place] + 1, unknown_token())
