"""What SECURITY.md promises is tried by tests that are there, and each promise by some."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROMISES = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "SECURITY.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| promised", "| ---"))
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: str(promise[0])[:40])
def test_each_promise_is_tried(promise: list[str]) -> None:
    _, shown = promise
    tried = re.findall(r"`((?:tests|hold)/\w[\w/]*\.py)(?:::(\w+))?`", shown)
    assert len(tried) == shown.count("`") / 2 > 0
    for file, name in tried:
        assert f"def {name}(" in (ROOT / file).read_text() if name else (ROOT / file).exists(), (file, name)


def test_there_are_promises() -> None:
    assert len(PROMISES) > 12
