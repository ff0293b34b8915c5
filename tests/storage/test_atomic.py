"""A file that is written whole is there whole or not at all, whoever else reads and writes it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from helpers.toy import Toy, ToyConfig, simulate
from pd4ml.storage.atomic import new_folder, scratch_folder, write_atomically, write_bytes, write_text
from pd4ml.storage.writer import StoreWriter


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_text(path, "old: 10 µm\n")
    with write_atomically(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text(encoding="utf-8") == "old: 10 µm\n"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["record.json"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_bytes(path, b"old")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as stream:
        stream.write(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "record.json", "")
    assert (tmp_path / "record.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("nested", [True, False])
def test_two_writers_of_one_file_do_not_meet(nested: bool, tmp_path: Path) -> None:
    """Neither where both are in the middle of it, nor where many run at once while another reads."""
    path = tmp_path / "record.json"
    contents = [bytes([65 + i]) * 300_000 for i in range(4)]
    if nested:
        with write_atomically(path) as first, write_atomically(path) as second:
            first.write(contents[0])
            second.write(contents[1])
        assert path.read_bytes() == contents[0]  # whose block ended last
        return
    write_bytes(path, contents[0])
    seen: list[bytes] = []

    def write(content: bytes) -> None:
        for _ in range(10):
            write_bytes(path, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.append(path.read_bytes())
    assert seen
    assert set(seen) <= set(contents)
    assert os.listdir(tmp_path) == ["record.json"]


KILLED = """
import os, pathlib, signal, sys
from pd4ml.storage.atomic import write_atomically
with write_atomically(pathlib.Path(sys.argv[1])) as stream:
    stream.write(bytes(10**6))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_file_and_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_text(path, "old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode < 0
    assert path.read_text() == "old"
    assert not list(tmp_path.glob("*.json*.json"))
    write_text(path, "new")
    assert path.read_text() == "new"


def test_the_next_writer_removes_what_a_kill_left_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "other.json")], check=False)
    assert len(list(tmp_path.glob(".record.json.*.partial"))) == 1
    with write_atomically(path) as first:  # somebody is at work
        first.write(b"first")
        write_text(path, "second")
    assert path.read_text() == "first"
    assert [name.partition(".json")[0] for name in sorted(os.listdir(tmp_path))] == [".other", "record"]


def test_a_folder_that_a_kill_left_goes_too(tmp_path: Path) -> None:
    left = tmp_path / ".out.0123abcd.partial"
    (left / "data").mkdir(parents=True)
    (left / "data" / "file").write_text("half")
    with new_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("whole")
    assert os.listdir(tmp_path) == ["out"]


def test_a_scratch_folder_vanishes_and_so_does_one_that_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / ".check.0123abcd.partial" / "data").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), scratch_folder(tmp_path / "check") as folder:
        (folder / "file").write_text("half")
        assert os.listdir(tmp_path) == [folder.name]
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)


def test_a_secret_is_for_its_owner_from_the_first_byte_on(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "key", 0o600) as stream:
        stream.write(b"secret")
        (partial,) = tmp_path.iterdir()
        assert partial.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_store_holds_nothing_that_a_kill_left(tmp_path: Path) -> None:
    """A conversion or generation that is killed in the middle of writing the manifest, and goes on."""
    events = simulate(3, np.random.SeedSequence(0), ToyConfig(), "train")

    def writer() -> StoreWriter:
        return StoreWriter(tmp_path / "toy", Toy.card, {"train": 3}, {"seed": 0})

    with writer() as killed:
        killed.write("train", 0, 0, events)
    run = [sys.executable, "-c", KILLED, str(killed.partial / "manifest.json")]
    subprocess.run(run, check=False)
    assert list(killed.partial.glob(".manifest.json.*.partial"))
    with writer() as resumed:
        assert resumed.done == {("train", 0)}
        resumed.finish("generated", "default", {})
    assert sorted(os.listdir(tmp_path / "toy")) == ["manifest.json", "train"]
