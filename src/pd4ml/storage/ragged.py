"""Arrays of which each event has any number of entries: awkward arrays, kept as entries and offsets.

In memory such an array is an ``awkward.Array`` of type N * var * shape; awkward is imported where there is one.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["checked_ragged", "concatenated", "entries", "is_ragged", "packed", "padded", "ragged"]


def is_ragged(array: object) -> TypeGuard[Any]:
    """Whether this is an awkward array; nothing is imported for it."""
    return type(array).__module__.partition(".")[0] == "awkward"


def ragged(content: NDArray[Any], offsets: NDArray[np.integer]) -> Any:
    """The awkward array of events that own the entries ``offsets[i]:offsets[i + 1]`` of ``content``; no copy.

    Parameters
    ----------
    content : NDArray
        (n, ...) all entries, event after event.
    offsets : NDArray[np.integer]
        (N + 1,) rising.

    Returns
    -------
    awkward.Array
        N * var * (...).
    """
    import awkward as ak
    from awkward.contents import ListOffsetArray, NumpyArray
    from awkward.index import Index64

    return ak.Array(ListOffsetArray(Index64(np.asarray(offsets, np.int64)), NumpyArray(np.asarray(content))))


def checked_ragged(content: NDArray[Any], offsets: NDArray[Any], name: str) -> Any:
    """As `ragged`, of arrays from outside; DataError unless the offsets rise from 0 to the number of entries."""
    right = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) and offsets[0] == 0
    if not right or (np.diff(offsets.astype(np.int64)) < 0).any() or offsets[-1] != len(content):
        raise DataError(f"{name}: offsets (N + 1,) must be whole numbers that rise from 0 to {len(content)}")
    return ragged(content, offsets)


def entries(array: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All entries of a ragged array and where each event's begin; copied only where they do not lie together.

    Parameters
    ----------
    array : awkward.Array
        N * var * (...), of numbers.

    Returns
    -------
    content : NDArray
        (n, ...) entries, event after event.
    offsets : NDArray[np.int64]
        (N + 1,), from 0.
    """
    import awkward as ak

    layout = ak.to_layout(array, allow_record=False).to_ListOffsetArray64(start_at_zero=True)
    offsets = np.asarray(layout.offsets.data)
    return np.asarray(ak.to_numpy(layout.content[: int(offsets[-1])], allow_missing=False)), offsets


def packed(array: Any) -> Any:
    """A copy of a ragged array that holds nothing but its own entries."""
    content, offsets = entries(array)
    return ragged(np.array(content), np.array(offsets))


def concatenated(arrays: list[Any]) -> Any:
    """Arrays of events, one behind the other, ragged or not."""
    if not is_ragged(arrays[0]):
        return np.concatenate(arrays)
    import awkward as ak

    return packed(ak.concatenate(arrays))


def padded(array: Any, most: int, fill: float = 0) -> NDArray[Any]:
    """A ragged array as a dense one.

    Parameters
    ----------
    array : awkward.Array
        N * var * (...).
    most : int
        Entries that are kept of an event: the first.
    fill : float
        What fills the places behind an event's last entry.

    Returns
    -------
    NDArray
        (N, most, ...).
    """
    content, offsets = entries(array)
    sizes = np.minimum(np.diff(offsets), most)
    dense = np.full((len(sizes), most, *content.shape[1:]), fill, content.dtype)
    there = np.arange(most) < sizes[:, None]
    dense[there] = content[(offsets[:-1, None] + np.arange(most))[there]]
    return dense
