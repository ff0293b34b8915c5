"""What people hand in, from NumPy, awkward or pandas, as arrays by name with the names of their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, one_line
from pd4ml.storage.casting import cast
from pd4ml.storage.ragged import entries, is_ragged, ragged
from pd4ml.storage.store import Array

__all__ = [
    "Input",
    "as_inputs",
    "inputs_of_columns",
    "is_numbers",
    "make_set",
    "plain_name",
    "role_of",
    "to_float32",
]

_EVENT = "event"
_ENTRIES = "entries"


@dataclass(frozen=True)
class Input:
    """An input array and what is known of it: ``role`` as in `ROLES`; ``columns`` may be empty.

    ``padding`` fills the places of a dense set behind an event's last entry.
    """

    name: str
    array: Array
    role: str
    columns: tuple[str, ...] = ()
    padding: float | None = None


def as_inputs(x: Any) -> list[Input]:
    """``x`` as input arrays.

    A table (N, K), or columns (N,) by name, are numbers of the event. An awkward array, lists in a column, or an
    array (N, P, F) are sets of entries; (N, H, W, C) is an image. A mapping may hold all of them by name, a
    sequence without names. DataError for anything else.
    """
    if _is_frame(x):
        return inputs_of_columns(_frame_columns(x))
    if is_ragged(x):
        return inputs_of_columns({f: x[f] for f in x.fields}) if x.fields else inputs_of_columns({_ENTRIES: x})
    if isinstance(x, Mapping):
        return inputs_of_columns(x)
    if isinstance(x, Sequence) and not isinstance(x, str) and len(x) and all(map(_is_array, x)):
        return inputs_of_columns({f"x{i}": array for i, array in enumerate(x)})
    array = np.asarray(x)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError(f"X must be arrays, a table or an awkward array, found {one_line(repr(x))}"[:200])
    return inputs_of_columns({"x": array})


def inputs_of_columns(columns: Mapping[str, Any]) -> list[Input]:
    """Arrays by name as inputs: numbers (N,) become one array, and ragged columns that lie alike one set."""
    found: list[Input] = []
    numbers: dict[str, Array] = {}
    sets: dict[str, dict[str, Any]] = {}
    for name, values in columns.items():
        if not isinstance(name, str):
            raise DataError(f"arrays have names, found {name!r}"[:200])
        if is_ragged(values) and not values.fields and values.ndim == 1:
            values = values.to_numpy()
        if not is_ragged(values):
            array = np.asarray(values)
            if array.dtype.kind not in "biuf":
                raise DataError(
                    f"{name}: expected numbers, found {array.dtype}; leave it out, or give it as y or extra"
                )
            if array.ndim == 1:
                numbers[name] = array
            else:
                found.append(Input(plain_name(name), to_float32(array, name), role_of(name, array)))
        elif values.fields:
            found.append(make_set(plain_name(name), {field: values[field] for field in values.fields}))
        else:
            _add(sets, name, values)
    if numbers:
        table = np.stack([to_float32(a, n) for n, a in numbers.items()], axis=1)
        taken = any(each.name == _EVENT for each in found)
        found.insert(0, Input("numbers" if taken else _EVENT, table, "event", tuple(numbers)))
    found += [make_set(_set_name(members, len(sets)), members) for members in sets.values()]
    _check(found)
    return found


def is_numbers(values: Any) -> bool:
    """Whether a column can be an input: numbers, or lists of them."""
    if not is_ragged(values):
        return np.asarray(values).dtype.kind in "biuf"
    try:
        return values.ndim in (2, 3) and not values.fields and entries(values)[0].dtype.kind in "biuf"
    except (ValueError, TypeError, AttributeError):
        return False


def role_of(name: str, array: Array) -> str:
    """What a dense array is, as far as its axes tell; DataError for too many."""
    roles = {1: "event", 2: "event", 3: "set", 4: "grid"}
    if array.ndim not in roles:
        raise DataError(f"{name}: arrays have up to four axes, found {array.shape}")
    return roles[array.ndim]


def to_float32(values: Array, name: str) -> Array:
    """Numbers as float32; DataError for whole numbers that it cannot hold, which are names rather than numbers."""
    array = np.asarray(values)
    if array.dtype.kind in "iu" and array.size and max(abs(int(array.min())), abs(int(array.max()))) > 2**24:
        raise DataError(
            f"{name}: whole numbers above 16,777,216 are no feature: leave {name} out, or give it as extra"
        )
    return cast(array.astype(np.float64) if array.dtype.kind in "iub" else array, np.float32, name)


def _add(sets: dict[str, dict[str, Any]], name: str, values: Any) -> None:
    """Put a ragged column to those whose events have as many entries."""
    if values.ndim == 1:
        raise DataError(f"{name}: expected numbers, found {values.type}")
    key = entries(_one_entry(name, values))[1].tobytes()
    sets.setdefault(key.hex() if len(key) < 64 else str(hash(key)), {})[name] = values


def _one_entry(name: str, values: Any) -> Any:
    """A ragged column; DataError for lists in lists and for missing values."""
    try:
        content, _ = entries(values)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{name}: expected numbers, any number of them an event, found {values.type}") from error
    if content.dtype.kind not in "biuf" or content.ndim > 2:
        raise DataError(f"{name}: expected numbers, any number of them an event, found {values.type}")
    return values


def make_set(name: str, members: Mapping[str, Any]) -> Input:
    """A set of entries from its columns."""
    parts, columns, offsets = [], [], None
    for column, values in members.items():
        content, own = entries(_one_entry(f"{name}.{column}", values))
        if offsets is not None and not np.array_equal(own, offsets):
            raise DataError(f"{name}: {column} has not as many entries in every event as {columns[0]}")
        offsets = own
        rows = to_float32(content, column).reshape(len(content), -1)
        parts.append(rows)
        columns += [column] if rows.shape[1] == 1 else [f"{column}_{i}" for i in range(rows.shape[1])]
    assert offsets is not None
    array: Array = ragged(np.concatenate(parts, axis=1), offsets)
    return Input(name, array, "set", tuple(columns) if len(columns) > 1 or columns[0] != name else ())


def _set_name(members: Mapping[str, Any], n_sets: int) -> str:
    """What the names of a set's columns have in common before an underscore, or the first of them."""
    names = list(members)
    if len(names) == 1:
        return plain_name(names[0])
    heads = {name.split("_")[0] for name in names}
    if len(heads) == 1 and all("_" in name for name in names):
        return plain_name(heads.pop())
    return _ENTRIES if n_sets == 1 else plain_name(f"{names[0]}_and_others")


def plain_name(text: str) -> str:
    """A name that a file can have."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)[:60] or "x"


def _check(found: list[Input]) -> None:
    if not found:
        raise DataError("X holds no arrays")
    names = [each.name for each in found]
    if double := {name for name in names if names.count(name) > 1}:
        raise DataError(f"two arrays would be called {double.pop()}: rename one")
    sizes = {each.name: len(each.array) for each in found}
    if len(set(sizes.values())) > 1:
        raise DataError(f"arrays have different numbers of events: {sizes}")


def _is_array(value: object) -> bool:
    return is_ragged(value) or isinstance(value, np.ndarray)


def _is_frame(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns")


def _frame_columns(frame: Any) -> dict[str, Any]:
    """A DataFrame by column: one row an event, or one an entry where rows have two names (event, entry)."""
    if frame.index.nlevels == 2:
        first = frame.index.get_level_values(0).to_numpy()
        starts = (
            np.flatnonzero(np.concatenate([[True], first[1:] != first[:-1]])) if len(first) else np.zeros(0, int)
        )
        if len(np.unique(first)) != len(starts):
            raise DataError("rows of an event must follow one another: sort the table by its index")
        offsets = np.concatenate([starts, [len(first)]]).astype(np.int64)
        return {str(name): ragged(frame[name].to_numpy(), offsets) for name in frame.columns}
    if frame.index.nlevels != 1:
        raise DataError(
            f"a table has an index of one level, or of event and entry, found {frame.index.nlevels} levels"
        )
    return {str(name): _series(str(name), frame[name]) for name in frame.columns}


def _series(name: str, series: Any) -> Any:
    """A column of numbers, or of lists of them."""
    values = series.to_numpy()
    if values.dtype != object:
        return values
    try:
        parts: list[NDArray[Any]] = [np.asarray(value) for value in values]
        sizes = np.array([len(part) for part in parts])
        return ragged(np.concatenate(parts), np.concatenate([[0], np.cumsum(sizes)]))
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers or lists of them, found {one_line(repr(values[0]))}") from error
