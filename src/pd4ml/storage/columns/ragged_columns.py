"""Columns as libraries give them, as NumPy arrays where every row has as many numbers."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

__all__ = ["plain"]


def plain(column: Any) -> Any:
    """A column as NumPy where rows have no lists, or lists of a fixed length."""
    column = ak.Array(_without_options(ak.to_layout(column)))
    kind = ak.type(column).content
    if isinstance(kind, ak.types.NumpyType):
        return ak.to_numpy(column)
    if isinstance(kind, ak.types.ListType) and kind.parameters.get("__array__") in ("string", "bytestring"):
        return np.asarray(ak.to_list(column), str)
    if isinstance(kind, ak.types.RegularType):
        try:
            return ak.to_numpy(column)
        except ValueError:
            return column
    return column


def _without_options(layout: Any) -> Any:
    """The same without the possibility of missing values, where none is missing."""

    def strip(part: Any, **_: Any) -> Any:
        if not part.is_option:
            return None
        there = part.project()
        return _without_options(there) if len(there) == len(part) else part

    return ak.transform(strip, layout, highlevel=False)
