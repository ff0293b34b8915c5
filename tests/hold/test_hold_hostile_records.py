"""Records, models, recipes, plans and arguments of others are used, or refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hold.cases import Size
from hold.records import readers

from hold import hostile_records


def test_nothing_gets_through(tmp_path: Path) -> None:
    failed = [f"{row.name}: {text}" for row in hostile_records.rows(tmp_path, Size.SHORT) for text in row.failed]
    assert not failed, "\n".join(failed)


def test_a_reader_that_falls_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(folder: Path) -> None:
        raise KeyError(folder.name)

    broken = readers.Spoiled("kit/kit.json", falls, readers.DOCUMENTS["kits"].made)
    monkeypatch.setattr(hostile_records, "DOCUMENTS", {"kits": broken})
    assert "KeyError" in hostile_records.again(tmp_path, "kits", "port=0")
