"""What any library raises over a file is one line, and no file is waited for or fills the memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pd4ml.errors import DataError, Pd4mlError, StoreError, UnknownNameError, unknown_name
from pd4ml.storage.disk import open_plain, require_plain
from pd4ml.storage.foreign import check_unpacked, foreign
from pd4ml.storage.hashing import sha256_of


@pytest.mark.parametrize(
    "error", [KeyError("x"), AssertionError(), RecursionError("deep"), ImportError("lz4\nmissing")]
)
def test_what_a_library_raises_is_one_line(tmp_path: Path, error: Exception) -> None:
    file = tmp_path / "x.root"
    file.write_bytes(b"root")
    with (
        pytest.raises(DataError, match=r"x\.root is damaged or no root file: \S") as caught,
        foreign(file, "root file"),
    ):
        raise error
    assert str(caught.value).isprintable()


def test_what_means_something_else_is_not_called_damage(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"")
    with pytest.raises(MemoryError), foreign(file, "file"):
        raise MemoryError
    with pytest.raises(UnknownNameError), foreign(file, "file"):
        raise unknown_name("column", "x", [])
    with pytest.raises(StoreError, match="ask its owner"), foreign(file, "file"):
        raise PermissionError(13, "Permission denied")
    with pytest.raises(DataError, match="No such file"), foreign(tmp_path / "none", "file"):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_pipes_devices_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for file in (tmp_path / "pipe", tmp_path / "zero", tmp_path):
        for read in (open_plain, require_plain, sha256_of):
            with pytest.raises(OSError, match="it is no plain file"):
                read(file)
        with pytest.raises(DataError, match="it is no plain file"), foreign(file, "file"):
            raise AssertionError("it was opened")


def test_small_files_that_promise_much(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    file.write_bytes(bytes(10_000))
    check_unpacked(file, 1 << 28)
    with pytest.raises(DataError, match=r"x\.npz has 10.0 kB and promises 268 MB, which would fill the memory"):
        check_unpacked(file, (1 << 28) + 1)
    os.truncate(file, 4 << 20)
    check_unpacked(file, 400 << 20)


def test_messages_are_one_printable_line_whatever_they_quote() -> None:
    error = Pd4mlError("two\nlines, \x1b[31mred, half a \ud800 character")
    assert str(error) == "two lines, [31mred, half a character"
    assert len(str(unknown_name("column", "x" * 10**6, ["y"] * 10**5))) == 2000
    assert str(DataError("as it is,  with two blanks")) == "as it is,  with two blanks"
