"""What servers that lie once did: numbers, lengths, secrets, time, and networks they send others to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import misbehaving_server as server_that
from helpers.misbehaving_server import Behaviour, Handler, Server
from helpers.published_file import BODY, published, refusal
from pd4ml.storage import fetch_settings
from pd4ml.storage.fetch import fetch
from pd4ml.storage.partial import Origin, Partial

pytestmark = pytest.mark.usefixtures("impatient")
NINES = "9" * 5000


def raw(*pieces: bytes, again: bytes = b"", pause: float = 0.0) -> Behaviour:
    """Send these, and one more again and again."""

    def behave(handler: Handler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        while again and not handler.server.closing.wait(pause):
            handler.wfile.write(again)

    return behave


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("wait", [NINES, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_time_to_wait_that_is_none(server: Server, tmp_path: Path, wait: str) -> None:
    assert "(3 attempts)" in refusal(tmp_path, server.on("/a", server_that.status(429, Retry_After=wait)))


def test_numbers_of_many_digits(server: Server, tmp_path: Path) -> None:
    lies = server_that.whole(BODY[9:], None, code=206, Content_Range=f"bytes 9-{NINES}/{NINES}")
    address = server.on("/a", server_that.in_turn(server_that.cut_off(BODY, 2), lies, server_that.well(BODY)))
    assert fetch(published(address), tmp_path).read_bytes() == BODY
    assert "10.0 TB, and no file has more" in refusal(
        tmp_path / "b", server.on("/b", server_that.whole(BODY, 10**13))
    )


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(b"HTTP/1.1 200 OK\r\nX: ", again=b"x", pause=0.01),
        raw(again=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.001),
        raw(HEAD + b"\r\n" + CHUNK + b"0\r\n", again=b"X: x\r\n", pause=0.001),
    ],
    ids=["a header", "hints", "trailers"],
)
def test_what_has_no_end_is_not_waited_for(server: Server, tmp_path: Path, behaviour: Behaviour) -> None:
    assert "too slow: " in refusal(tmp_path, server.on("/a", behaviour))


def test_no_more_is_written_than_there_should_be(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = raw(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + CHUNK, again=b"400\r\n" + bytes(1024) + b"\r\n")
    address = server.on("/a", flood)
    assert f"sends more than {len(BODY):,} bytes" in refusal(tmp_path, address)
    assert (tmp_path / "jets.npz.part").stat().st_size <= len(BODY)
    monkeypatch.setattr(fetch_settings, "SETTINGS", replace(fetch_settings.SETTINGS, most_bytes=10 * len(BODY)))
    address = server.on("/b", raw(HEAD + b"\r\n" + CHUNK, again=b"400\r\n" + bytes(1024) + b"\r\n"))
    assert f"sends more than {10 * len(BODY):,} bytes" in refusal(tmp_path / "b", address)
    assert not (tmp_path / "b" / "jets.npz.part").exists()


def test_a_part_that_is_longer_than_the_file_is_forgotten(server: Server, tmp_path: Path) -> None:
    address, part = server.on("/a", server_that.well(BODY)), Partial(tmp_path / "jets.npz")
    for total in (len(BODY) - 5, "many"):
        part.begin(Origin(address, '"1"', total))  # type: ignore[arg-type]
        part.path.write_bytes(BODY[:-2])
        assert part.origin() is None
        assert fetch(published(address), tmp_path, force=True).read_bytes() == BODY


@pytest.mark.parametrize("address", ["{}", "ftp://me:pass-word@h/", "me:pass-word@h/x", "http://me:pass-word@[/x"])
def test_passwords_are_neither_sent_nor_shown(server: Server, tmp_path: Path, address: str) -> None:
    there = server.on("/a", server_that.well(BODY)).replace("//", "//me:pass-word@")
    assert "pass-word" not in refusal(tmp_path, address.format(there))
    assert not server.requests


def test_secrets_of_this_machine_stay_here(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = server.on("/a", server_that.in_turn(server_that.status(302, Location="/a", Set_Cookie="a=1")))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password pass-word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    refusal(tmp_path, address)
    assert not {"Authorization", "Cookie"} & {name for _, headers in server.requests for name in headers}
    monkeypatch.setenv("http_proxy", "http://me:pass-word@[")
    monkeypatch.setenv("no_proxy", "")
    assert "pass-word" not in refusal(tmp_path, "http://published.example/") + capsys.readouterr().err


@pytest.mark.parametrize("name", ["10.0.0.1", "localhost", "2130706433", "[::1]", "169.254.169.254"])
def test_nobody_is_sent_into_a_private_network(
    server: Server, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("http://published.example/a", server_that.status(302, Location=f"http://{name}/x"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    assert "redirects to an address of a private network" in refusal(tmp_path, "http://published.example/a")
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["%31%30.0.0.1", "\uff11\uff10.0.0.1", "a\\b", "a b", "[fe80::1%25eth0]"])
def test_hosts_that_libraries_would_read_otherwise(server: Server, tmp_path: Path, host: str) -> None:
    assert "no address" in refusal(tmp_path, f"http://{host}/x")


def test_certificates_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
    assert "/no/such/bundle" in refusal(tmp_path, "https://127.0.0.1:1/")


def test_what_a_server_calls_a_version_is_short(server: Server, tmp_path: Path) -> None:
    for etag in ('"' + "x" * 60_000 + '"', '"\x01"'):
        address = server.on(
            "/a", server_that.in_turn(server_that.cut_off(BODY, 2, etag), server_that.well(BODY, etag))
        )
        fetch(published(address), tmp_path, force=True)
        assert "If-Range" not in server.requests[-1][1]
    assert json.loads((tmp_path / "jets.npz.json").read_text())["url"] == address
