"""What servers can do wrong, and how a file arrives whole all the same."""

from __future__ import annotations

import io
import re
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import misbehaving_server as server_that
from helpers.misbehaving_server import Server
from helpers.published_file import BODY, MD5, OTHER, PAGE, npz_bytes, published, refusal
from pd4ml.card import PublishedFile
from pd4ml.errors import FetchError
from pd4ml.storage.fetch import fetch

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_name_that_cannot_be_resolved_is_not_tried_again(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline it is called temporary; seconds do not help. A connection that is refused is another matter."""
    real = socket.getaddrinfo
    for number in (socket.EAI_AGAIN, socket.EAI_NONAME):

        def resolve(host: str, *more: Any, number: int = number, **options: Any) -> Any:
            if host == "mirror.invalid":
                raise socket.gaierror(number, "no such name")
            return real(host, *more, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        good = server.on("/good", server_that.well(BODY))
        assert fetch(published("http://mirror.invalid/x", good), tmp_path / str(number)).read_bytes() == BODY
        message = refusal(tmp_path / "alone", "http://mirror.invalid/x")
        assert message.endswith("tried mirror.invalid: connection failed, no such name")
    assert "trying again" not in capsys.readouterr().err


def test_a_refused_connection_is_tried_again(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "(3 attempts)" in refusal(tmp_path, f"http://127.0.0.1:{port}/x")


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
