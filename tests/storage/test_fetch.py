"""Published files in the user's folder: verified, fetched once, never lost, whoever else is at work there."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import pytest

from helpers import misbehaving_server as server_that
from helpers.misbehaving_server import Server
from helpers.published_file import BODY, MD5, OTHER, PAGE, SHA256, files_in, published, refusal
from pd4ml.card import PublishedFile
from pd4ml.errors import DataError, LockedError, Pd4mlError, StoreError
from pd4ml.storage import partial
from pd4ml.storage.fetch import fetch, place
from pd4ml.storage.hashing import file_hashes, sha256_of

pytestmark = pytest.mark.usefixtures("impatient")


def test_hashes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(BODY)
    done: list[float] = []
    assert file_hashes(path, SimpleNamespace(advance=done.append)) == {"md5": MD5, "sha256": SHA256}
    assert sum(done) == len(BODY)
    assert sha256_of(path) == SHA256


def test_fetch_and_then_no_network(server: Server, tmp_path: Path) -> None:
    file = published(server.on("/a", server_that.well(BODY)), md5=MD5.upper(), sha256=SHA256)
    path = fetch(file, tmp_path / "new" / "folder")
    assert path.read_bytes() == BODY
    assert fetch(file, tmp_path / "new" / "folder") == path
    assert len(server.requests) == 1
    assert re.fullmatch(r"pd4ml/\S+ \(\+https://\S+\)", server.requests[0][1]["User-Agent"])
    assert files_in(path.parent) == {"jets.npz", "jets.npz.json"}
    record = json.loads((path.parent / "jets.npz.json").read_text())
    assert record["url"] == file.mirrors[0]
    assert (record["md5"], record["sha256"], record["size"]) == (MD5, SHA256, len(BODY))


def test_offline(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = published(server.on("/a", server_that.well(BODY)))
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    assert "PD4ML_OFFLINE" in refusal(tmp_path, *file.mirrors)
    assert not server.requests
    monkeypatch.setenv("PD4ML_OFFLINE", "0")
    fetch(file, tmp_path)
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    assert fetch(file, tmp_path).exists()


def test_a_file_that_was_put_there_or_changed_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jets.npz"
    path.write_bytes(BODY)
    assert fetch(published(), tmp_path) == path
    with monkeypatch.context() as patch:
        patch.setattr("pd4ml.storage.fetch.file_hashes", lambda *_: pytest.fail("hashed a second time"))
        fetch(published(), tmp_path)
    path.touch()
    fetch(published(), tmp_path)
    path.write_bytes(OTHER)
    for md5 in (MD5, None):
        with pytest.raises(DataError, match=r"is not the published file: expected .* found .*; remove it"):
            fetch(published(md5=md5), tmp_path)


def test_a_kill_between_the_file_and_its_record(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    address = server.on("/a", server_that.in_turn(server_that.well(BODY), server_that.well(OTHER)))
    fetch(published(address, md5=None), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("pd4ml.storage.fetch._write_record", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(published(address, md5=None), tmp_path, force=True)
    assert fetch(published(address, md5=None), tmp_path).read_bytes() == OTHER


def test_links(server: Server, tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere.npz", tmp_path / "folder"
    elsewhere.write_bytes(BODY)
    folder.mkdir()
    (folder / "jets.npz").symlink_to(elsewhere)
    assert fetch(published(), folder).is_symlink()
    elsewhere.write_bytes(b"precious")
    fetch(published(server.on("/a", server_that.well(BODY))), folder, force=True)
    assert elsewhere.read_bytes() == b"precious"
    assert not (folder / "jets.npz").is_symlink()


@pytest.mark.parametrize("name", ["../jets.npz", "/jets.npz", "a/b.npz", "a\\b.npz", "..", "", "a/"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    file = PublishedFile(name, (), "npz", ())
    with pytest.raises(DataError, match="plain file name"):
        fetch(file, tmp_path)
    with pytest.raises(DataError, match="plain file name"):
        place(file, tmp_path / "x", tmp_path)


def test_folders_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    file = published(server.on("/a", server_that.well(BODY)))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot use .*file for jets.npz: "):
        fetch(file, tmp_path / "file")
    (tmp_path / "jets.npz").mkdir()
    with pytest.raises(StoreError, match="is a folder where the file"):
        fetch(file, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_serves_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "jets.npz").write_bytes(BODY)
    tmp_path.chmod(0o500)
    try:
        assert fetch(published(), tmp_path).exists()
        with pytest.raises(StoreError, match="Permission denied"):
            fetch(PublishedFile("other.npz", (), "npz", ()), tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_disk_without_room(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(StoreError, match=r"jets.npz needs .* kB more in .*, where 10 bytes are free"):
        fetch(published(server.on("/a", server_that.well(BODY))), tmp_path)


def test_a_disk_that_fills_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = server.on("/a", server_that.cut_off(BODY, 2))
    plain_open = Path.open

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() >= len(BODY) // 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    def filling(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return Full(path, "ab") if mode == "ab" else plain_open(path, mode, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", filling)
        with pytest.raises(StoreError, match=r"No space left on device: make room, .*; what has arrived is kept"):
            fetch(published(address), tmp_path)
    arrived = (tmp_path / "jets.npz.part").stat().st_size
    assert arrived >= len(BODY) // 2
    fetch(published(address), tmp_path)
    assert server.ranges()[-1] == f"bytes={arrived}-"


def test_a_lock_that_is_held(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = server.on("/a", server_that.well(BODY))
    with (
        filelock.FileLock(tmp_path / "jets.npz.lock"),
        pytest.raises(LockedError, match=r"is fetching jets\.npz after"),
    ):
        fetch(published(address), tmp_path)
    assert "another process is fetching jets.npz; waiting" in capsys.readouterr().err
    assert fetch(published(address), tmp_path).exists()


def child(address: str, folder: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from pd4ml.card import PublishedFile;"
        "from pd4ml.storage.fetch import fetch;"
        f"fetch(PublishedFile('jets.npz', ({address!r},), 'npz', (), md5={MD5!r}), Path(sys.argv[1]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder)])


def test_two_processes_fetch_once(server: Server, tmp_path: Path) -> None:
    def slowly(handler: server_that.Handler) -> None:
        time.sleep(0.5)
        server_that.well(BODY)(handler)

    address = server.on("/a", slowly)
    children = [child(address, tmp_path) for _ in range(2)]
    assert [process.wait(30) for process in children] == [0, 0]
    assert len(server.requests) == 1
    assert files_in(tmp_path) == {"jets.npz", "jets.npz.json"}


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_loses_nothing(server: Server, tmp_path: Path, kill: signal.Signals) -> None:
    half = len(BODY) // 2

    def stall(handler: server_that.Handler) -> None:
        handler.answer(200, len(BODY), ETag='"1"')
        handler.wfile.write(BODY[:half])
        handler.server.closing.wait(20)

    process = child(server.on("/a", stall), tmp_path)
    part = tmp_path / "jets.npz.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(kill)
    assert process.wait(20)
    arrived = part.stat().st_size
    assert 0 < arrived <= half
    fetch(published(server.on("/a", server_that.well(BODY))), tmp_path)
    assert server.ranges()[-1] == f"bytes={arrived}-"
    server.closing.set()


def test_a_file_that_arrived_whole_before_the_kill_needs_no_request(tmp_path: Path) -> None:
    address = "http://127.0.0.1:1/"
    part = partial.Partial(tmp_path / "jets.npz")
    part.begin(partial.Origin(address, None, len(BODY)))
    part.path.write_bytes(BODY)
    assert fetch(published(address), tmp_path).read_bytes() == BODY


def test_a_damaged_note_about_the_part_is_ignored(server: Server, tmp_path: Path) -> None:
    (tmp_path / "jets.npz.part").write_bytes(OTHER[:1000])
    (tmp_path / "jets.npz.part.json").write_text("[")
    (tmp_path / "jets.npz.json").write_text("[]")
    assert fetch(published(server.on("/a", server_that.well(BODY))), tmp_path).read_bytes() == BODY


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, folder = tmp_path / "my download (1).npz", tmp_path / "datasets"
    given.write_bytes(BODY)
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    path = place(published(), given, folder)
    assert path.samefile(given), "on one file system neither time nor space is needed"
    assert fetch(published(), folder) == path
    assert place(published(), path, folder) == path
    assert files_in(folder) == {"jets.npz", "jets.npz.json"}

    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    path.write_bytes(b"in the way")
    given.unlink()
    given.write_bytes(BODY)
    assert place(published(), given, folder).read_bytes() == BODY
    assert not path.samefile(given)
    assert fetch(published(), folder) == path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (OTHER, "expected md5"),
        (PAGE, "begins with '<!DOCTYPE html>'"),
        (BODY[:500], "truncated"),
        (None, "no file at"),
    ],
)
def test_place_refuses_another_file(tmp_path: Path, content: bytes | None, reason: str) -> None:
    given, folder = tmp_path / "given.npz", tmp_path / "datasets"
    if content is not None:
        given.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        place(published(), given, folder)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, Pd4mlError)
    assert not folder.exists()
