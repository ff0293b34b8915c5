"""Rows of the harness count what held, and say what did not."""

from __future__ import annotations

from hold.__main__ import tried
from hold.cases import MOST_FAILURES, Outcome, Row, Size, collect


def test_a_row_counts_and_keeps_the_first_failures() -> None:
    row = collect("reads", [Outcome(str(k), "too slow" if k % 2 else "") for k in range(100)])
    assert (row.cases, row.held) == (100, 50)
    assert row.failed[0] == "1: too slow"
    assert len(row.failed) == MOST_FAILURES


def test_a_number_beyond_its_limit_did_not_hold() -> None:
    assert Row.measured("opens", 0.5, "s", 1).held == 1
    row = Row.measured("opens", 2, "s", 1)
    assert row.held == 0
    assert "2 s where 1 s" in row.failed[0]


def test_a_part_that_cannot_run_fell_short() -> None:
    rows, _ = tried("no_such_part", Size.SHORT)
    assert [(row.cases, row.held) for row in rows] == [(1, 0)]
    assert "ModuleNotFoundError" in rows[0].failed[0]
