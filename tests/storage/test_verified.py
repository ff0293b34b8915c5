"""Files are hashed when they are first used for numbers, and again only when they have changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.toy import Toy
from pd4ml.errors import StoreError
from pd4ml.evaluation.truth import dataset_truth
from pd4ml.storage import verified
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.verified import VERIFIED_NAME
from pd4ml.training import load_recipe
from pd4ml.training.material import prepare


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed, in a process that knows none."""
    names: list[str] = []

    def counted(file: Path, bar: Any) -> str:
        names.append(file.name)
        return sha256_of(file, bar)

    monkeypatch.setattr(verified, "_known", {})
    monkeypatch.setattr(verified, "sha256_of", counted)
    return names


def test_each_file_once_and_again_when_it_changes(tmp_path: Path, hashed: list[str]) -> None:
    folder = Toy.generate(tmp_path, 100).folder
    events = Toy.open("train", tmp_path, source="generated")
    events.verify()
    assert sorted(hashed) == sorted(file.name for file in (folder / "train").iterdir())
    hashed.clear()
    verified._known.clear()  # another process
    events.verify()
    assert hashed == []
    (folder / "train" / "points.npy").touch()
    events.verify()
    assert hashed == ["points.npy"]
    copy = shutil.copytree(folder, tmp_path / "copy" / "Toy" / folder.name)
    hashed.clear()
    Toy.open("train", tmp_path / "copy", source="generated").verify()
    assert len(hashed) == len(list((copy / "train").iterdir()))  # a copy may have been damaged on its way


def test_where_nothing_can_be_kept_a_process_knows_it(
    tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(verified, "write_text", read_only)
    folder = Toy.generate(tmp_path, 100).folder
    events = Toy.open("train", tmp_path, source="generated")
    for _ in range(2):
        events.verify()
    assert len(hashed) == len(list((folder / "train").iterdir()))
    assert not (folder / VERIFIED_NAME).exists()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_flipped_bit_is_found_before_it_becomes_a_number(tmp_path: Path, split: str) -> None:
    folder = Toy.generate(tmp_path, 100).folder
    file = folder / split / "points.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    sample = Toy.at(tmp_path, source="generated")
    with pytest.raises(StoreError, match=r"points\.npy has another SHA-256"):
        if split == "train":
            prepare({"train": sample}, load_recipe("fcn"))
        else:
            dataset_truth(Toy, split, tmp_path, source="generated")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"train/points.npy": 3}'])
def test_a_damaged_note_is_no_proof(tmp_path: Path, hashed: list[str], content: str) -> None:
    folder = Toy.generate(tmp_path, 100).folder
    (folder / VERIFIED_NAME).write_text(content)
    Toy.open("train", tmp_path, source="generated").verify()
    assert "points.npy" in hashed
