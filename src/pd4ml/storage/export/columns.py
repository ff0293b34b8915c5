"""Arrays as columns of Arrow and back: fixed shapes are nested lists of fixed size, ragged arrays plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from pd4ml.errors import DataError, missing_extra
from pd4ml.storage.store import Array

__all__ = ["arrow", "as_array", "as_column"]


def arrow(what: str) -> Any:
    """PyArrow with its Parquet; MissingExtraError names the extra that brings it.

    Parameters
    ----------
    what : str
        What needs it.

    Returns
    -------
    module
        ``pyarrow``, with ``compute`` and ``parquet`` loaded.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra(what, "parquet", error) from error
    return pyarrow


def as_column(values: Any) -> Any:
    """Events of one array as an Arrow array; nothing is rounded or converted.

    Parameters
    ----------
    values : ndarray or awkward.Array
        (N, ...) of a fixed shape, or N * var * ... .

    Returns
    -------
    pyarrow.Array
        N values, or lists.
    """
    pyarrow = arrow("columns of Arrow")
    if hasattr(values, "layout"):
        import awkward

        return awkward.to_arrow(values, extensionarray=False)
    values = np.ascontiguousarray(values)
    column = pyarrow.array(values.reshape(-1))
    for length in reversed(values.shape[1:]):
        column = pyarrow.FixedSizeListArray.from_arrays(column, length)
    return column


def as_array(column: Any, what: str) -> Array:
    """A column of values or of lists that are all of one length as an array (N, ...).

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        Numbers, or lists of them, nested at will.
    what : str
        What an error calls it.

    Returns
    -------
    ndarray
        (N, ...)

    Raises
    ------
    DataError
        For missing values, for lists of different lengths and for what are no numbers.
    """
    pyarrow = arrow("columns of Arrow")
    if isinstance(column, pyarrow.ChunkedArray):
        column = column.combine_chunks()
    shape = [len(column)]
    while True:
        if column.null_count:
            raise DataError(f"{what}: {column.null_count:,} values are missing")
        if pyarrow.types.is_fixed_size_list(column.type):
            shape.append(column.type.list_size)
        elif pyarrow.types.is_list(column.type) or pyarrow.types.is_large_list(column.type):
            lengths = np.unique(np.diff(np.asarray(column.offsets)))
            if len(lengths) > 1:
                raise DataError(f"{what}: lists of {lengths[0]} to {lengths[-1]}, expected one length")
            shape.append(int(lengths[0]) if len(lengths) else 0)
        else:
            break
        column = column.flatten()
    numbers: Array = column.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind not in "iufb":
        raise DataError(f"{what}: expected numbers, found {column.type}")
    return numbers.reshape(shape)
