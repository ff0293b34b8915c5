"""Many processes at once, short; and that the part says so where one of them does what it must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hold.cases import Size
from hold.crowd import Ended, at_once, leftovers

from hold import many


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many")


def test_one_writes_and_the_others_wait_or_read(folder: Path) -> None:
    for row in many.rows(folder, Size.SHORT):
        assert row.held == row.cases, row


def test_what_others_do_otherwise_is_reported(folder: Path) -> None:
    texts = [f"generate Airshower --events 20 --workers 1 --path new --seed {seed}" for seed in (1, 2)]
    row = many.tried(many.Scenario("generate others", texts), folder / "base", folder, 2, 1)
    assert row.held == 0
    assert "ended with 2: " in row.failed[0]


def test_what_is_left_behind_is_found(tmp_path: Path) -> None:
    (tmp_path / ".record.json.0123abcd.partial").touch()
    assert leftovers(tmp_path) == [".record.json.0123abcd.partial"]
    (one,) = at_once(["no_such_command"], tmp_path, tmp_path / "log")
    assert one.code == 2
    assert not Ended("x", 2, "Traceback (most recent call last)\npd4ml: y").refused
    assert Ended("x", 2, "pd4ml: y").refused
