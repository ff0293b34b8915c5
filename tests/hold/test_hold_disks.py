"""A short form of the harness of disks and clocks."""

from __future__ import annotations

from pathlib import Path

from hold.cases import Size
from hold.disks import ERRORS, rows


def test_what_disks_and_clocks_do_holds(tmp_path: Path) -> None:
    found = rows(tmp_path, Size.SHORT)
    assert {row.name for row in found} >= {*ERRORS, "a clock that jumps by a year"}
    assert not [failed for row in found for failed in row.failed]
