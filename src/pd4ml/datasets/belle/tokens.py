"""Consecutive tokens for PDG codes, as the published file has them instead of the codes.

Which token the published file gives to which particle is unknown; generated events use the table
``pdg_tokens.csv`` beside this module, which ``make_tokens`` makes from the package ``particle``.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PADDING", "TABLE", "pdg_ids", "pdg_tokens", "unknown_token"]

TABLE = Path(__file__).with_name("pdg_tokens.csv")
PADDING = 0


@cache
def pdg_ids() -> NDArray[np.int64]:
    """(T,) the PDG codes of the tokens 1 to T, rising."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        codes = np.array([int(row["pdg_id"]) for row in csv.DictReader(file)])
    codes.flags.writeable = False
    return codes


def unknown_token() -> int:
    """The token of all particles that are not in the table."""
    return len(pdg_ids()) + 1


def pdg_tokens(pdg_id: ArrayLike) -> NDArray[np.int64]:
    """Tokens of PDG codes, of any shape: 1 to T, or ``unknown_token()``."""
    known, wanted = pdg_ids(), np.asarray(pdg_id)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place + 1, unknown_token())
