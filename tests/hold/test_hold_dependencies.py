"""Bounds, pins and licences of dependencies agree, and what would not is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hold.cases import Size
from packaging.requirements import Requirement

from hold import dependencies


def test_dependencies_hold(tmp_path: Path) -> None:
    found = {row.name: row for row in dependencies.rows(tmp_path, Size.SHORT)}
    # What is installed where tests run need not be what is pinned.
    found.pop("what is pinned is what is installed")
    for row in found.values():
        assert row.held == row.cases > 0, row


def test_what_does_not_hold_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dependencies._bounded("x", Requirement("numpy<3")).wrong
    assert "is not pinned" in dependencies._pinned(Requirement("numpy>=2"), {}).wrong
    assert "outside" in dependencies._pinned(Requirement("numpy>=2"), {"numpy": "1.9"}).wrong
    extras = {"": [Requirement("numpy>=2")], "generate": [Requirement("numpy>=2")]}
    monkeypatch.setattr(dependencies, "licence_of", lambda name: "GNU GPL v2 or later")
    wrong = [one.wrong for extra in extras for one in dependencies._licences(extra, extras)]
    assert wrong == ["is GNU GPL v2 or later", ""]
