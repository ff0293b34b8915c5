from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import numpy as np
import pytest

from helpers import misbehaving_server as server_that
from helpers.misbehaving_server import Server
from pd4ml.card import PublishedFile
from pd4ml.errors import DataError, FetchError, LockedError, Pd4mlError, StoreError
from pd4ml.storage import fetch_settings, partial
from pd4ml.storage.fetch import fetch, place
from pd4ml.storage.fetch_settings import FetchSettings
from pd4ml.storage.hashing import file_hashes, sha256_of


def npz_bytes(n: int = 50_000, seed: int = 0) -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.random.default_rng(seed).integers(0, 255, n, dtype=np.uint8))
    return out.getvalue()


BODY, OTHER = npz_bytes(), npz_bytes(seed=1)
MD5, SHA256 = hashlib.md5(BODY).hexdigest(), hashlib.sha256(BODY).hexdigest()
PAGE = b"<!DOCTYPE html>\n<html><title>Sorry</title></html>\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with server_that.running() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PD4ML_OFFLINE", raising=False)
    settings = FetchSettings(
        read_timeout=0.3, attempts=3, backoff=0.01, longest_wait=0.05, slow_window=0.3, lock_timeout=0.2
    )
    monkeypatch.setattr(fetch_settings, "SETTINGS", settings)


def published(*mirrors: str, md5: str | None = MD5, sha256: str | None = None) -> PublishedFile:
    return PublishedFile("jets.npz", mirrors, "npz", ("train",), md5=md5, sha256=sha256)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"jets.npz.lock"}


def refusal(folder: Path, *mirrors: str, md5: str | None = MD5) -> str:
    """The message of the FetchError, which must be one line; nothing but a lock may stay behind."""
    with pytest.raises(FetchError) as caught:
        fetch(published(*mirrors, md5=md5), folder)
    message = str(caught.value)
    assert "\n" not in message
    assert not (folder / "jets.npz").exists()
    return message


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


def test_mirrors_are_tried_in_order_and_force_fetches_again(server: Server, tmp_path: Path) -> None:
    bad, good = server.on("/bad", server_that.status(404)), server.on("/good", server_that.well(BODY))
    path = fetch(published(bad, good), tmp_path)
    assert fetch(published(bad, good), tmp_path, force=True).read_bytes() == BODY
    assert [p for p, _ in server.requests] == ["/bad", "/good"] * 2
    with pytest.raises(FetchError):
        fetch(published(bad), tmp_path, force=True)
    assert path.read_bytes() == BODY, "the old file stays when a new one cannot be had"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (server_that.status(404), "404 Not Found"),
        (server_that.status(403), "403 Forbidden"),
        (server_that.whole(PAGE, len(PAGE)), "begins with '<!DOCTYPE html>'"),
        (server_that.whole(b'{"error": "gone"}', None), 'begins with \'{"error": "gone"}\''),
        (server_that.whole(b"", 0), "found nothing at all"),
        (server_that.well(OTHER), f"expected md5 {MD5}, found"),
        (server_that.whole(BODY[:-100], None), "damaged or truncated"),
        (server_that.whole(BODY, 5_000), "damaged or truncated"),
        (server_that.whole(BODY, len(BODY) + 7), r"cut off before its end|the rest does not fit"),
        (server_that.cut_off(BODY, 20), r"cut off before its end \(3 attempts\)"),
        (server_that.status(429, Retry_After="86400"), r"429 Too Many Requests \(3 attempts\)"),
        (server_that.status(503, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT"), r"503 Service Unavailable \(3"),
        (server_that.status(500, Retry_After="soon"), r"500 Internal Server Error \(3 attempts\)"),
        (server_that.drip(BODY, 0.02), "too slow"),
        (server_that.silence, r"silent for 0.3 s \(3 attempts\)"),
        (server_that.status(302, Location="/here"), "redirects without end"),
        (server_that.status(302, Location="ftp://127.0.0.1/x"), "not an http or https address"),
        (server_that.status(302, Location="http://[nowhere"), "redirects to something that is no address"),
        (server_that.babble, "connection failed"),
        (server_that.whole(BODY, len(BODY), Content_Encoding="gzip"), "compressed body"),
        (server_that.whole(BODY, len(BODY), code=206, Content_Range="bytes 0-1/2"), "206 Partial Content"),
    ],
)
def test_what_is_refused_and_why(
    server: Server, tmp_path: Path, behaviour: server_that.Behaviour, reason: str
) -> None:
    address = server.on("/here", behaviour)
    message = refusal(tmp_path, address)
    assert re.search(reason, message), message
    assert message.startswith(f"could not fetch jets.npz; tried 127.0.0.1:{server.server_port}: ")
    # The next mirror delivers all the same.
    assert fetch(published(address, server.on("/good", server_that.well(BODY))), tmp_path).read_bytes() == BODY


def test_a_file_without_known_hash_is_still_checked(server: Server, tmp_path: Path) -> None:
    assert "<!DOCTYPE" in refusal(tmp_path, server.on("/a", server_that.whole(PAGE, None)), md5=None)
    assert "truncated" in refusal(tmp_path, server.on("/a", server_that.whole(BODY[:9000], None)), md5=None)
    colours = server.on("/a", server_that.whole(b"\x1b[31mred\x07\r\nline " + b"x" * 500, None))
    message = refusal(tmp_path, colours, md5=None)
    assert "begins with '[31mred'" in message
    assert message.isprintable()
    assert fetch(published(server.on("/a", server_that.well(BODY)), md5=None), tmp_path).read_bytes() == BODY


def test_hdf5_is_checked(server: Server, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "made.h5", "w") as file:
        file["x"] = np.arange(10_000)
    body = (tmp_path / "made.h5").read_bytes()

    def h5(behaviour: server_that.Behaviour) -> PublishedFile:
        return PublishedFile("jets.h5", (server.on("/h5", behaviour),), "pandas_table", ("train",))

    with pytest.raises(FetchError, match="expected an HDF5 file, found other binary data"):
        fetch(h5(server_that.well(BODY)), tmp_path)
    with pytest.raises(FetchError, match=r"damaged or truncated one .*truncated file"):
        fetch(h5(server_that.whole(body[:-3000], None)), tmp_path)
    assert fetch(h5(server_that.well(body)), tmp_path).read_bytes() == body


def test_a_cut_off_file_is_resumed(server: Server, tmp_path: Path) -> None:
    fetch(published(server.on("/a", server_that.cut_off(BODY, 3))), tmp_path)
    third = -(-len(BODY) // 3)
    assert server.ranges() == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert server.requests[1][1]["If-Range"] == '"1"'


def test_the_next_run_resumes_and_another_mirror_does_not_destroy_what_is_there(
    server: Server, tmp_path: Path
) -> None:
    cut, page = server.on("/cut", server_that.cut_off(BODY, 20)), server.on("/page", server_that.whole(PAGE, None))
    refusal(tmp_path, cut, page)
    arrived = (tmp_path / "jets.npz.part").stat().st_size
    assert arrived > 1000
    server.on("/cut", server_that.well(BODY))
    assert fetch(published(page, cut), tmp_path).read_bytes() == BODY
    assert server.ranges()[-2:] == [None, f"bytes={arrived}-"]


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', None])
def test_a_server_that_ignores_ranges_starts_again(server: Server, tmp_path: Path, etag: str | None) -> None:
    whole = server_that.whole(BODY, len(BODY))
    address = server.on("/a", server_that.in_turn(server_that.cut_off(BODY, 2, etag=etag), whole))
    assert fetch(published(address), tmp_path).read_bytes() == BODY
    half = -(-len(BODY) // 2)
    assert server.ranges() == [None, f"bytes={half}-"]
    assert ("If-Range" in server.requests[1][1]) == (etag == '"1"')


def test_without_hash_and_validator_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    first, then = server_that.cut_off(OTHER, 2, etag=None), server_that.well(BODY, etag=None)
    address = server.on("/a", server_that.in_turn(first, then))
    assert fetch(published(address, md5=None), tmp_path).read_bytes() == BODY
    assert server.ranges() == [None, None]


@pytest.mark.parametrize(
    "then",
    [
        server_that.whole(BODY[100:], None, code=206, Content_Range=f"bytes 100-{len(BODY) - 1}/{len(BODY)}"),
        server_that.whole(BODY[100:], None, code=206, Content_Range="nonsense"),
        server_that.status(416),
        server_that.well(BODY, etag='"2"'),
    ],
)
def test_a_rest_that_does_not_fit_starts_again(
    server: Server, tmp_path: Path, then: server_that.Behaviour
) -> None:
    address = server.on("/a", server_that.in_turn(server_that.cut_off(OTHER, 2), then, server_that.well(BODY)))
    assert fetch(published(address), tmp_path).read_bytes() == BODY
    assert server.ranges()[0] is None
    assert server.ranges()[1]


def test_a_rest_of_another_length_starts_again(server: Server, tmp_path: Path) -> None:
    # Without a hash nothing else would tell: the directory at the end of the mixture is whole.
    longer = server_that.cut_off(npz_bytes(60_000), 2)
    address = server.on("/a", server_that.in_turn(longer, server_that.well(BODY)))
    assert fetch(published(address, md5=None), tmp_path).read_bytes() == BODY


def test_a_wrong_hash_after_a_resume_gets_a_second_chance(server: Server, tmp_path: Path) -> None:
    address = server.on("/a", server_that.in_turn(server_that.cut_off(OTHER, 2), server_that.well(BODY)))
    assert fetch(published(address), tmp_path).read_bytes() == BODY
    assert len(server.requests) == 3


def test_a_busy_server_is_asked_again_after_the_time_it_wants(server: Server, tmp_path: Path) -> None:
    busy = server_that.status(429, Retry_After="3600")
    start = time.monotonic()
    fetch(published(server.on("/a", server_that.in_turn(busy, busy, server_that.well(BODY)))), tmp_path)
    assert 0.1 <= time.monotonic() - start < 5


@pytest.mark.parametrize(
    "moved", [server_that.status(302, Location="there"), server_that.drip(PAGE, 0.02, code=301, Location="/there")]
)
def test_redirects(server: Server, tmp_path: Path, moved: server_that.Behaviour) -> None:
    server.on("/there", server_that.well(BODY))
    assert fetch(published(server.on("/a", moved)), tmp_path).read_bytes() == BODY


def test_https_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def moved(session: requests.Session, url: str, **_: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 302
        response.headers["Location"] = "http://127.0.0.1/"
        response.raw = io.BytesIO()
        return response

    monkeypatch.setattr(requests.Session, "get", moved)
    assert "redirects from https to http" in refusal(tmp_path, "https://127.0.0.1/")


def test_addresses_that_do_not_work(tmp_path: Path) -> None:
    secret = "http://me:secret@no-such-host.invalid/"
    message = refusal(tmp_path, "file:///etc/passwd", "http://127.0.0.1:1/", secret, "http://[", "http://")
    assert "not an http or https address" in message
    assert "127.0.0.1:1: connection failed, Connection refused (3 attempts)" in message
    assert "no-such-host.invalid: " in message
    assert "secret" not in message
    assert "no address is known" in refusal(tmp_path)


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
    with pytest.raises(StoreError, match=r"jets.npz needs .* MB more in .*, where 0 MB are free"):
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
        with pytest.raises(StoreError, match="No space left on device; what has arrived is kept"):
            fetch(published(address), tmp_path)
    arrived = (tmp_path / "jets.npz.part").stat().st_size
    assert arrived >= len(BODY) // 2
    fetch(published(address), tmp_path)
    assert server.ranges()[-1] == f"bytes={arrived}-"


def test_a_lock_that_is_held(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = server.on("/a", server_that.well(BODY))
    with filelock.FileLock(tmp_path / "jets.npz.lock"), pytest.raises(LockedError, match="still holds"):
        fetch(published(address), tmp_path)
    assert "another process is fetching it; waiting" in capsys.readouterr().err
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
