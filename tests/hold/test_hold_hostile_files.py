"""Hostile and damaged files, at the short size; and a reader that is not careful is found out."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hold.cases import Size
from hold.files.valid import READERS, Reader
from hold.hostile_files import again, rows, tried


def test_hostile_files_are_read_or_refused(tmp_path: Path) -> None:
    for row in rows(tmp_path, Size.SHORT):
        assert row.held == row.cases > 0, row


def test_readers_that_are_not_careful_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = READERS["predictions in NPY"]
    careless = Reader("careless", good.file, good.make, lambda file: np.load(file).sum(), checked=True)
    monkeypatch.setitem(READERS, "careless", careless)
    wrong = [again("careless", number, tmp_path).wrong for number in range(12)]
    assert any("accepted as" in text for text in wrong)
    assert any("raised: " in text for text in wrong)
    assert not any(again(good.name, number, tmp_path).wrong for number in range(12))


def test_a_pickle_that_is_loaded_is_seen(tmp_path: Path) -> None:
    from hold.bounded import canary

    (tmp_path / "case").mkdir()
    file = tmp_path / "case" / "x.pkl"
    file.write_bytes(canary())
    reader = Reader("a pickle", "x.pkl", lambda file: None, lambda file: pickle.loads(file.read_bytes()))
    assert tried(reader, file, file.parent).startswith('escaped: "os.system')
