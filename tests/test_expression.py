"""Expressions over columns: what NumPy gives, and nothing that Python could be made to do."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest

from pd4ml.errors import DataError, Pd4mlError, UnknownNameError
from pd4ml.expression import Expression

RNG = np.random.default_rng(0)
PT, ETA, LABEL = RNG.exponential(400, 50), RNG.normal(0, 2, 50), RNG.integers(0, 4, 50)
HITS = ak.unflatten(RNG.normal(0, 1, 60), [0, 3, 7, 50])
COLUMNS: dict[str, Any] = {"pt": PT, "eta": ETA, "label": LABEL, "jet pt": PT, "hits": HITS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pt > 500 and abs(eta) < 2", (PT > 500) & (np.abs(ETA) < 2)),
        ("not (pt > 500 or eta < 0)", ~((PT > 500) | (ETA < 0))),
        ("100 < pt <= 500", (PT > 100) & (PT <= 500)),
        ("(pt > 100) & ~(eta > 1) | (label == 2)", ((PT > 100) & ~(ETA > 1)) | (LABEL == 2)),
        ("label in (1, 3)", np.isin(LABEL, (1, 3))),
        ("label not in [1, 3]", ~np.isin(LABEL, (1, 3))),
        ("sqrt(pt**2 + 3) - -eta % 2", np.sqrt(PT**2 + 3) - (-ETA) % 2),
        ("`jet pt` / 1e3", PT / 1e3),
        ("arctan2(pt, eta) // 1", np.arctan2(PT, ETA) // 1),
        ("pt**0.5", np.sqrt(PT)),
    ],
)
def test_it_is_what_numpy_gives(text: str, expected: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(Expression(text)(COLUMNS), expected)


def test_entries_of_ragged_columns() -> None:
    np.testing.assert_array_equal(Expression("count(hits)")(COLUMNS), [0, 3, 7, 50])
    np.testing.assert_allclose(Expression("sum(abs(hits))")(COLUMNS), ak.sum(np.abs(HITS), axis=1))
    np.testing.assert_array_equal(
        Expression("count(hits) > 0 and largest(hits) > 1").mask(COLUMNS, 4),
        [False, *(ak.max(HITS[1:], axis=1) > 1)],
    )
    assert Expression("hits * 2")(COLUMNS).to_list() == (HITS * 2).to_list()
    with pytest.raises(DataError, match="one number an event"):
        Expression("sum(pt)")(COLUMNS)


def test_columns_are_named() -> None:
    expression = Expression("sqrt(pt) > 3 and `jet pt` < pt")
    assert set(expression.columns) == {"pt", "jet pt"}
    with pytest.raises(UnknownNameError, match="did you mean 'pt'"):
        Expression("ptt > 3")(COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "pt.__class__",
        "(lambda: 1)()",
        "[x for x in pt]",
        "pt[0]",
        "f'{pt}'",
        "pt if eta else 1",
        "(pt := 3)",
        "pt >",
        "",
        " ",
        "pt; eta",
        "`pt > 3",
        "eval('1')",
        "sqrt(x=pt)",
        "10**10**10",
        "pt**eta",
        "2**(pt)",
        "'a' * 10",
        "pt + 'a'",
        "(1, 2)",
        "pt in 3",
        "pt and (eta, 1)",
        "((((" * 100,
        "-" * 3000 + "pt",
        "+".join(["pt"] * 400),
        "'" + "x" * 200 + "'",
        "b'a'",
        "1j * pt",
        "1 / 0 > pt",
        "pt + " + "9" * 400,
        "eta & hits[0]",
        "sqrt(pt, eta)",
        "minimum(pt)",
        "1 / 0 < pt",
        "pt % 0 // (0 % 0)",
        "9" * 99 + " * " + "9" * 99 + " * " + "9" * 99 + " * " + "9" * 99 + " + 0.5",
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Pd4mlError) as caught:
        Expression(text)(COLUMNS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["pt", "pt + 1", "hits > 0", "3 > 2"])
def test_a_selection_is_yes_or_no_for_each_event(text: str) -> None:
    with pytest.raises(DataError, match="yes or no for each event"):
        Expression(text).mask(COLUMNS, 50)


def test_no_column_is_written_to() -> None:
    columns = {"pt": np.arange(3.0), "eta": np.ones(3)}
    with pytest.raises(DataError, match="sqrt takes 1 of them"):
        Expression("sqrt(pt, eta)")(columns)
    assert (columns["eta"] == 1).all()


def test_large_constants_stay_small() -> None:
    assert Expression("10**16 > pt")(COLUMNS).all()
    with pytest.raises(DataError):
        Expression("9" * 5000)
