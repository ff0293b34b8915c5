"""Sizes and growth, short; and that the part says so where something takes too long or fails."""

from __future__ import annotations

from pathlib import Path

from hold.cases import Size
from hold.tiny import growth

from hold import load


def test_sizes(tmp_path: Path) -> None:
    for row in load.rows(tmp_path, Size.SHORT):
        assert row.held == row.cases, row


def test_what_fails_or_takes_too_long_did_not_hold(tmp_path: Path) -> None:
    failed = load._timed("results", 10.0, tmp_path, "results", "nowhere")
    assert failed.held == 0
    assert "ended with 2: pd4ml: " in failed.failed[0]
    assert load._timed("help", 1e-3, tmp_path, "--help").held == 0


def test_growth_leaves_out_what_is_loaded_once() -> None:
    assert growth([0, 50, 100, 100, 100, 100, 100, 100]) == 0
    assert growth([100, 110, 120, 130, 140, 150, 160, 170]) == 40
