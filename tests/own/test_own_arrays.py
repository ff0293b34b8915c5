"""What people hand in becomes arrays with names, whatever library they use."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pandas as pd
import pytest

from pd4ml.errors import DataError
from pd4ml.own.arrays import Input, as_inputs
from pd4ml.storage.ragged import entries, is_ragged

RNG = np.random.default_rng(0)
PX = ak.unflatten(RNG.normal(0, 1, 10), [3, 0, 7])
PY = ak.unflatten(RNG.normal(0, 1, 10), [3, 0, 7])


def only(x: Any) -> Input:
    (found,) = as_inputs(x)
    return found


@pytest.mark.parametrize(
    ("shape", "role"), [((5,), "event"), ((5, 3), "event"), ((5, 4, 2), "set"), ((5, 6, 6, 1), "grid")]
)
def test_numpy_arrays_are_what_their_axes_say(shape: tuple[int, ...], role: str) -> None:
    found = only(RNG.normal(0, 1, shape))
    assert (found.role, str(found.array.dtype)) == (role, "float32")
    assert found.array.shape == (shape if len(shape) > 1 else (5, 1))


def test_numbers_by_name_become_one_table() -> None:
    found = only({"met": np.arange(4), "ht": np.arange(4) / 3, "good": np.array([True, False, True, True])})
    assert (found.name, found.columns) == ("event", ("met", "ht", "good"))
    np.testing.assert_array_equal(found.array[:, 2], [1, 0, 1, 1])


def test_records_and_ragged_columns_become_sets() -> None:
    by_record = only({"particles": ak.zip({"px": PX, "py": PY})})
    by_column = only(ak.Array({"part_px": PX, "part_py": PY}))
    assert (by_record.name, by_record.columns) == ("particles", ("px", "py"))
    assert (by_column.name, by_column.columns) == ("part", ("part_px", "part_py"))
    for found in (by_record, by_column):
        assert found.role == "set"
        content, offsets = entries(found.array)
        assert (content.shape, offsets.tolist()) == ((10, 2), [0, 3, 3, 10])
    assert only(PX).columns == ()
    names = [each.name for each in as_inputs({"px": PX, "energy": ak.unflatten(np.arange(4.0), [1, 3, 0])})]
    assert names == ["px", "energy"]


def test_tables_of_pandas() -> None:
    flat = pd.DataFrame({"met": [1.0, 2.0, 3.0], "pt": [[1.0, 2.0], [], [3.0]], "eta": [[0.0, 1.0], [], [2.0]]})
    event, particles = as_inputs(flat)
    assert (event.columns, particles.columns) == (("met",), ("pt", "eta"))
    assert entries(particles.array)[0].tolist() == [[1, 0], [2, 1], [3, 2]]
    nested = pd.DataFrame(
        {"pt": [1.0, 2.0, 3.0], "eta": [0.0, 1.0, 2.0]},
        index=pd.MultiIndex.from_tuples([(0, 0), (0, 1), (2, 0)], names=["entry", "subentry"]),
    )
    found = only(nested)
    assert entries(found.array)[1].tolist() == [0, 2, 3]


def test_lists_of_arrays_keep_their_order() -> None:
    assert [each.name for each in as_inputs([np.zeros((3, 2)), np.zeros((3, 4, 2))])] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ("text", "X must be arrays"),
        ({}, "X holds no arrays"),
        ({"a": np.array(["x", "y"])}, "a: expected numbers, found"),
        ({"a": np.zeros(3), "b": np.zeros((4, 2))}, "different numbers of events"),
        ({"run": np.array([1, 2**40])}, "leave run out, or give it as extra"),
        ({"a": np.zeros((1, 2, 3, 4, 5))}, "up to four axes"),
        ({"a": ak.Array([[[1, 2]], [[3]]])}, "a: expected numbers, any number of them"),
        ({"a": ak.Array([["x"], []])}, "a: expected numbers, any number of them"),
        ({"p": ak.Array([{"a": [1.0], "b": [1.0, 2.0]}])}, "p: b has not as many entries in every event as a"),
        ({3: np.zeros(3)}, "arrays have names"),
        ({"a": ak.Array([[1.0, None], [2.0]])}, "a: expected numbers, any number of them"),
        ({"a b": np.zeros((3, 2)), "a_b": np.zeros((3, 2))}, "two arrays would be called a_b"),
    ],
)
def test_anything_else_is_refused_in_one_line(x: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        as_inputs(x)
    assert "\n" not in str(caught.value)


def test_nothing_is_ragged_that_is_not() -> None:
    regular = ak.Array(np.zeros((3, 2)))
    assert not is_ragged(only({"a": ak.Array([1.0, 2.0])}).array)
    assert only({"a": ak.to_numpy(regular)}).role == "event"
