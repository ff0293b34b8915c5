"""Conversion of published numbers to the card's dtype that never changes a value unseen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pd4ml.errors import DataError

__all__ = ["cast"]


def cast(values: NDArray[Any], dtype: DTypeLike | None, what: str) -> NDArray[Any]:
    """``values`` as ``dtype`` (None: as they are), without a copy where none is needed.

    Floating-point numbers may be rounded, but not overflow; integers and booleans must be kept exactly.
    ``what`` names the values in the DataError that is raised otherwise.
    """
    if dtype is None or values.dtype == (wanted := np.dtype(dtype)):
        return values
    message = f"{what}: {values.dtype} numbers that do not fit into {wanted}"
    try:
        with np.errstate(over="raise", invalid="raise"):
            converted = values.astype(wanted)
    except FloatingPointError as error:
        raise DataError(message) from error
    if wanted.kind not in "fc" and not np.array_equal(converted, values):
        raise DataError(message)
    return converted
