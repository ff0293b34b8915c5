"""What a disk refuses is said in words that help: full, forbidden, without locks."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from numpy.lib import format as npy

from helpers.jets import small_card, write_npz
from helpers.published_file import published
from helpers.toy import Toy
from pd4ml import TopTagging
from pd4ml.errors import Pd4mlError, StoreError
from pd4ml.storage.disk import refused, size_text
from pd4ml.storage.fetch import fetch
from pd4ml.storage.store import Store


def refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room, or choose another path"),
        (errno.EDQUOT, "make room, or choose another path"),
        (errno.EACCES, "choose another path, or ask its owner for permission"),
        (errno.EROFS, "choose another path, or ask its owner for permission"),
        (errno.EIO, "choose another path"),
    ],
)
def test_advice_follows_from_the_reason(number: int, advice: str) -> None:
    assert refused(refusal(number)) == f"{os.strerror(number)}: {advice}"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
@pytest.mark.parametrize("what", ["generate", "fetch"])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, what: str
) -> None:
    monkeypatch.delenv("PD4ML_OFFLINE", raising=False)

    def flock(descriptor: int, how: int) -> None:
        raise refusal(number)

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StoreError, match=r"has no file locks .*: choose a path on another one") as error:
        Toy.generate(tmp_path, 200) if what == "generate" else fetch(published("http://localhost/x"), tmp_path)
    assert "make room" not in str(error.value)


def test_what_stays_free_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 16_780_000))
    with pytest.raises(StoreError) as error:
        Toy.generate(tmp_path, 200)
    expected = "has 16.8 MB free, the dataset needs 8.2 kB, and 16.8 MB are to stay free: choose another path"
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (16_777_216, "16.8 MB"),
        (123e6, "123 MB"),
        (999.96e6, "1.0 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_sizes_are_for_the_eye(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text


@pytest.mark.parametrize("name", ["manifest.json", "train/points.npy"])
def test_a_colleagues_dataset_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Root reads everything, so the system's answer is put in its place."""
    file = Toy.generate(tmp_path, 200).folder / name
    for function in ("open", "read_text"):
        real = getattr(Path, function)

        def guarded(self: Path, *args: Any, real: Any = real, **options: Any) -> Any:
            if self == file:
                raise PermissionError(errno.EACCES, "Permission denied", str(self))
            return real(self, *args, **options)

        monkeypatch.setattr(Path, function, guarded)
    opened = os.open
    monkeypatch.setattr("os.open", lambda path, *a: guarded(path) if path == file else opened(path, *a))
    mapped = npy.open_memmap
    monkeypatch.setattr(npy, "open_memmap", lambda path, **k: guarded(path) if path == file else mapped(path, **k))
    with pytest.raises(Pd4mlError, match=r"cannot be read: Permission denied: .*ask its owner") as error:
        Store(file.parents[len(Path(name).parts) - 1]).events("train")
    assert not {"damaged", "again", "delete"} & set(str(error.value).split())


@pytest.mark.parametrize("read", [0, 1], ids=["when it is checked", "when it is opened"])
def test_a_colleagues_file_is_not_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr(TopTagging, "card", small_card())
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    write_npz(file := tmp_path / "1_top_tagging_2M.npz")
    if read:
        TopTagging.download(tmp_path)  # notes that it was verified

    def forbidden(*args: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(zipfile, "ZipFile", forbidden)
    if not read:
        monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(StoreError, match=r"cannot be read: Permission denied: .*ask its owner") as error:
        TopTagging.load("train", tmp_path)
    assert "remove" not in str(error.value)


def test_a_missing_array_is_made_again(tmp_path: Path) -> None:
    store = Toy.generate(tmp_path, 200)
    (store.folder / "train/points.npy").unlink()
    with pytest.raises(StoreError, match=r"points.npy is missing: delete the folder and make it again"):
        store.events("train")
