"""Servers that misbehave: downloads end in the right file or in one line, with nothing else written; then go on.

Each case is `pd4ml download` of a dataset whose only mirror is a server on this machine, with patience of a part
of a second. To see one again: ``python -m hold network``, whose cases have the same bytes each time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import numpy as np
from typer.testing import CliRunner

from hold.cases import Outcome, Row, Size, collect
from hold.servers import misbehaviour
from hold.servers.misbehaviour import SECRET, Case, well
from hold.servers.server import Server, answer, certificate, running
from pd4ml import Spinodal, TopTagging
from pd4ml.card import PublishedFile, PublishedSource
from pd4ml.cli import app
from pd4ml.storage import fetch_settings
from pd4ml.storage.fetch_settings import FetchSettings

__all__ = ["patience", "rows"]

_PATIENCE = FetchSettings(
    connect_timeout=2.0,
    read_timeout=1.0,
    attempts=3,
    backoff=0.01,
    longest_wait=0.05,
    slow_window=2.0,
    most_bytes=1_000_000,
)
_MOST_SECONDS = 60.0  # of one case on a busy machine; patience is what bounds it
_MOST_MEGABYTES = 64.0  # beyond what the process had before
_INSIDE = "127.0.0.1 localhost [::1] 2130706433 0x7f.1 10.0.0.1 169.254.169.254 [fe80::1] %31%30.0.0.1"
_NO_HOSTS = "\u202e1.0.0.721 127.0.0.1\\@x . a..b %31 1.2.3 [::1 [v1.x] -"
_PROXIES = {f"{kind}_proxy" for kind in ("http", "https", "all", "no")}


class _OverdueError(BaseException):
    """A case takes too long."""


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """Downloads of whole files, then of parts of one."""
    world = _World(folder)
    with running(Server()) as server, patience():  # what is imported then is no memory of a hostile answer
        for parquet in (False, True):
            world.tried(server, Case("good", well(world.parquet if parquet else world.npz), True), parquet=parquet)
    with _memory() as megabytes, patience():
        yield from world.downloads(size)
        yield from world.parts(size)
    yield Row.measured("memory of all downloads together", megabytes(), "MB", _MOST_MEGABYTES)


@contextmanager
def patience() -> Iterator[None]:
    """Of a part of a second, while a block runs."""
    with mock.patch.object(fetch_settings, "SETTINGS", _PATIENCE):
        yield


def _some(cases: Iterable[Case], size: Size) -> list[Case]:
    """All, or every tenth."""
    found = list(cases)
    return found if size is Size.LONG else found[::10]


class _World:
    """Datasets whose mirrors are on this machine, and what to expect of a download."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0
        self.npz, self.parquet = _npz(), _parquet()

    def downloads(self, size: Size) -> Iterator[Row]:
        """A whole file, with a known hash."""
        body = self.npz
        kinds = {
            "redirects": misbehaviour.redirects(),
            "bodies and lengths": misbehaviour.bodies(body),
            "refusals and waits": misbehaviour.statuses(),
            "headers": misbehaviour.heads(body),
            "files that arrive in pieces": misbehaviour.pieces(body),
            "headers with a few changed bytes": misbehaviour.mutated(body, range(150)),
        }
        with running(Server()) as server:
            for name, cases in kinds.items():
                yield collect(f"downloads: {name}", [self.tried(server, case) for case in _some(cases, size)])
            yield collect("downloads: secrets and proxies", list(self.secrets(server)))
        yield collect("downloads: hosts", list(self.hosts()))
        yield collect("downloads: TLS", list(self.tls()))

    def parts(self, size: Size) -> Iterator[Row]:
        """The first events of a Parquet file."""
        with running(Server()) as server:
            cases = _some(misbehaviour.parts(self.parquet), size)
            yield collect("parts of a Parquet file", [self.tried(server, case, parquet=True) for case in cases])

    def tried(self, server: Server, case: Case, *, parquet: bool = False) -> Outcome:
        """Fetch from ``server``; and again, once it is good."""
        address = server.on("/file", case.behaviour)
        good = well(self.parquet if parquet else self.npz)
        return self.judged(case.name, address, case.whole, parquet=parquet, then=lambda: server.on("/file", good))

    def judged(
        self,
        name: str,
        address: str,
        whole: bool | None,
        *,
        parquet: bool = False,
        then: Callable[[], object] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Outcome:
        """Whether a download from ``address`` ended as it should, and after ``then`` well."""
        self.number += 1
        place = self.folder / f"case{self.number}"
        place.mkdir()
        found = self.once(place, address, parquet, environment)
        wrong = found.complaint(whole, place)
        if then is not None and not wrong:
            then()
            again = self.once(place, address, parquet, {})
            wrong = again.complaint(True, place) and f"then, with a good server: {again.complaint(True, place)}"
        return Outcome(f"python -m hold network, {name}", wrong)

    def once(self, place: Path, address: str, parquet: bool, environment: Mapping[str, str]) -> _Ended:
        """Run the command, but for no longer than is promised."""
        dataset, card = (TopTagging, _hub(address)) if parquet else (Spinodal, _card(address, self.npz))
        words = ["download", card.name, "--path", str(place / "datasets"), *(["--events", "4"] if parquet else [])]
        clean = {
            name: value for name, value in os.environ.items() if name.lower() not in _PROXIES | {"pd4ml_offline"}
        }
        start = time.monotonic()
        with (
            mock.patch.object(dataset, "card", card),
            mock.patch.dict(os.environ, {**clean, **environment}, clear=True),
            _no_longer(_MOST_SECONDS),
        ):
            try:
                done = CliRunner().invoke(app, words)
            except _OverdueError:
                return _Ended(-1, "", _MOST_SECONDS, None, parquet, self.npz)
        return _Ended(done.exit_code, done.output, time.monotonic() - start, done.exception, parquet, self.npz)

    def secrets(self, server: Server) -> Iterator[Outcome]:
        """Addresses and proxies with passwords, a .netrc, redirects into private networks."""
        port = server.port
        server.on("/file", well(self.npz))
        for address in (
            f"http://me:{SECRET}@127.0.0.1:{port}/file",
            f"ftp://me:{SECRET}@127.0.0.1:{port}/file",
            f"me:{SECRET}@127.0.0.1:{port}/file",
            f"http://me:{SECRET}@[/file",
            f"http://me:{SECRET}@127.0.0.1:x/file",
            f"http://{SECRET}@nowhere.invalid/file",
            f"//me:{SECRET}@127.0.0.1:{port}/file",
            f"http://127.0.0.1:{port}:{SECRET}@[::1/file",
        ):
            yield self.judged(address, address, False)
        plain, netrc = f"http://127.0.0.1:{port}/file", self.folder / "netrc"
        netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        server.asked.clear()
        yield self.judged("a .netrc", plain, True, environment={"NETRC": str(netrc)})
        told = [asked for asked in server.asked if "authorization" in asked.headers]
        yield Outcome("a .netrc is sent to nobody", "a password was sent" if told else "")
        through = {"http_proxy": f"http://me:{SECRET}@127.0.0.1:{port}"}
        away = "http://published.example/file"
        yield self.judged("a proxy", away, True, environment=through)
        server.on("/file", lambda asked: [answer(407, Proxy_Authenticate="Basic")])
        yield self.judged("a proxy that refuses", away, False, environment=through)
        server.on("/file", well(self.npz))
        for proxy in (
            f"http://me:{SECRET}@127.0.0.1:1",
            f"http://me:{SECRET}@[",
            f"gopher://me:{SECRET}@127.0.0.1",
            "::::",
            f"http://me:{SECRET}@127.0.0.1:x",
        ):
            yield self.judged(f"the proxy {proxy}", away, False, environment={"http_proxy": proxy})
        for name in _INSIDE.split():
            inside = [answer(302, Location=f"http://{name}:{port}/inside")]
            server.on("/file", lambda asked, inside=inside: inside)  # type: ignore[misc]
            server.on("/inside", well(self.npz))
            yield self.judged(f"from outside to {name}", away, False, environment=through)

    def hosts(self) -> Iterator[Outcome]:
        """Names that are none, and an address of IPv6."""
        for host in ("127.0.0.1\n", "127.0.0.1\t", "\x00", "exa mple", "", *_NO_HOSTS.split()):
            yield self.judged(f"the host {host!r}", f"http://{host}:1/file", False)
        with suppress(OSError), running(_SixServer()) as server:  # there may be no IPv6
            yield self.judged("an address of IPv6", server.on("/file", well(self.npz), "[::1]"), True)

    def tls(self) -> Iterator[Outcome]:
        """Certificates that are not to be trusted, and ways down from https."""
        good, trusted = certificate(self.folder / "good", "127.0.0.1")
        old, trusted_old = certificate(self.folder / "old", "127.0.0.1", days=-1)
        other, trusted_other = certificate(self.folder / "other", "example.org")
        body = well(self.npz)
        with running(Server(good)) as server, running(Server()) as plain:
            address, below = server.on("/file", body), plain.on("/file", body)
            yield self.judged(
                "a certificate that is trusted", address, True, environment={"REQUESTS_CA_BUNDLE": str(trusted)}
            )
            yield self.judged("one that it signed itself", address, False)
            yield self.judged("https where http is", below.replace("http:", "https:"), False)
            yield self.judged("http where https is", address.replace("https:", "http:"), False)
            yield self.judged(
                "a bundle that is not there", address, False, environment={"REQUESTS_CA_BUNDLE": "/no/such/file"}
            )
            empty = self.folder / "empty.pem"
            empty.write_text("")
            yield self.judged(
                "a bundle that is empty", address, False, environment={"REQUESTS_CA_BUNDLE": str(empty)}
            )
            server.on("/down", lambda asked: [answer(302, Location=below)])
            down = address.replace("/file", "/down")
            yield self.judged(
                "from https down to http", down, False, environment={"REQUESTS_CA_BUNDLE": str(trusted)}
            )
            plain.on("/up", lambda asked: [answer(302, Location=address)])
            yield self.judged(
                "from http up to https",
                below.replace("/file", "/up"),
                True,
                environment={"REQUESTS_CA_BUNDLE": str(trusted)},
            )
        for name, context, file in (
            ("that has expired", old, trusted_old),
            ("of another name", other, trusted_other),
        ):
            with running(Server(context)) as server:
                yield self.judged(
                    f"one {name}", server.on("/file", body), False, environment={"REQUESTS_CA_BUNDLE": str(file)}
                )


class _SixServer(Server):
    address_family = socket.AF_INET6

    def __init__(self) -> None:
        super().__init__(host="::1")


@dataclasses.dataclass(frozen=True)
class _Ended:
    """How a command ended: -1 if it did not."""

    code: int
    output: str
    seconds: float
    exception: BaseException | None
    parquet: bool
    body: bytes

    def complaint(self, whole: bool | None, place: Path) -> str:
        """What was wrong, empty if nothing was."""
        lines = self.output.strip().splitlines()
        last = lines[-1] if lines else ""
        if self.code < 0:
            return f"it had not ended after {self.seconds:g} s"
        if self.code not in (0, 2) or (self.code == 2 and not last.startswith("pd4ml: ")):
            return f"ended with {self.code} and {self.exception!r}: {last[:300]}"
        if whole is not None and whole != (self.code == 0):
            return f"ended with {self.code}: {last[:300]}"
        if SECRET in self.output or not all(line.isprintable() and len(line) < 2100 for line in lines):
            return f"printed what it should not: {self.output[-300:]!r}"
        return self._left(place)

    def _left(self, place: Path) -> str:
        """What lies where nothing should."""
        files = [path for path in place.rglob("*") if path.is_file()]
        odd = [str(f.relative_to(place)) for f in files if not re.search(r"\.(npz|lock|json|npy|part)$", f.name)]
        if odd or {path.name for path in place.iterdir()} - {"datasets"}:
            return f"left {', '.join(odd) or 'files outside its folder'}"
        for file in files:
            content = file.read_bytes()
            if SECRET.encode() in content:
                return f"wrote a password into {file.name}"
            if file.stat().st_size > 2_000_000:
                return f"wrote {file.stat().st_size:,} bytes into {file.name}"
            if file.name == "held.npz" and (self.code or content != self.body):
                return "gave something else the name of the file"
        if not self.code and not self.parquet and not any(file.name == "held.npz" for file in files):
            return "says that it is there, and it is not"
        return ""


@contextmanager
def _no_longer(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _OverdueError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory() -> Iterator[Callable[[], float]]:
    """How much more memory than at the start this process had at most, in MB."""

    def peak(name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(found[1]) / 1000 if found else 0.0

    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    start = peak("VmRSS")
    yield lambda: max(0.0, peak("VmHWM") - start)


_EVENTS = {"train": 8, "test": 4}


def _npz() -> bytes:
    """A file as Spinodal's, in small."""
    arrays: dict[str, Any] = {}
    rng, stream = np.random.default_rng(1), io.BytesIO()
    for split, n in _EVENTS.items():
        arrays[f"X_{split}_0"] = rng.random((n, 20, 20), np.float32)
        arrays[f"y_{split}"] = np.arange(n) % 2
    np.savez(stream, **arrays)
    return stream.getvalue()


def _card(address: str, body: bytes) -> Any:
    file = PublishedFile("held.npz", (address,), "npz", tuple(_EVENTS), sha256=hashlib.sha256(body).hexdigest())
    source = PublishedSource("held", (file,))
    return dataclasses.replace(Spinodal.card, splits=MappingProxyType(_EVENTS), sources=(source,))


def _parquet() -> bytes:
    """A file of jets, in row groups of four."""
    import pyarrow
    from pyarrow import parquet

    rng, stream = np.random.default_rng(1), io.BytesIO()
    momenta = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rng.random(20 * 800, np.float32)), 4)
    columns = {"constituents": pyarrow.FixedSizeListArray.from_arrays(momenta, 200)}
    table = pyarrow.table(columns | {"ttv": np.zeros(20, np.uint8), "label": np.arange(20, dtype=np.uint8) % 2})
    parquet.write_table(table, stream, row_group_size=4)
    return stream.getvalue()


def _hub(address: str) -> Any:
    columns = TopTagging.card.sources[2].files[0].columns
    files = tuple(
        PublishedFile(f"held_{split}.parquet", (address,), "parquet_table", (split,), columns=columns)
        for split in ("train", "test")
    )
    splits = MappingProxyType({"train": 20, "test": 20})
    return dataclasses.replace(TopTagging.card, splits=splits, sources=(PublishedSource("held", files),))
