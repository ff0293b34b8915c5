"""Requests to servers that are believed nothing: attempts, redirects, limits, and reasons in a line."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import ipaddress
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from pd4ml.card import PublishedFile
from pd4ml.errors import FetchError, one_line
from pd4ml.requirements import version
from pd4ml.storage import fetch_settings

__all__ = [
    "GiveUpError",
    "TryAgainError",
    "body",
    "check_status",
    "content_range",
    "first_of_mirrors",
    "length",
    "request",
    "validator",
]

_BUFFER_BYTES = 1 << 20
_TRY_AGAIN_STATUS = frozenset({408, 429, 500, 502, 503, 504})
# Libraries turn others (%31, full-width digits) into these: one host would be looked at, and another asked.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]*")
_PROJECT_PAGE = "https://arxiv.org/abs/2107.00656"

_Result = TypeVar("_Result")


class TryAgainError(Exception):
    """A failure that may pass: ask the same mirror again, after ``wait`` seconds if the server said so."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class GiveUpError(Exception):
    """A failure that will last: go on to the next mirror."""


class _Watch(threading.Thread):
    """Hangs up where fewer than ``least`` bytes of a body come in ``seconds``, whatever else is sent meanwhile.

    Time-outs of a socket begin anew with each byte, and headers, hints and trailers may have any number of them.
    """

    def __init__(self, connection: socket.socket, seconds: float, least: float) -> None:
        super().__init__(daemon=True)
        self.received = 0
        self.tired = ""  # how little came, once it is too little
        self._connection, self._seconds, self._least, self._over = connection, seconds, least, threading.Event()

    def run(self) -> None:
        """Look again and again, until the block is over."""
        before = 0
        while not self._over.wait(self._seconds):
            if (found := self.received - before) < self._least:
                self.tired = f"too slow: {found:,} bytes of the file in the last {self._seconds:g} s"
                with contextlib.suppress(OSError):  # the server was quicker
                    # Not the method of a TLS connection: reading would go on without TLS.
                    socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
                return
            before += found

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self._over.set()
        if self.tired and kind is not GeneratorExit:
            raise GiveUpError(self.tired)


class _Watched:
    """A connection of urllib3 whose header must be over in time, and whose socket is known afterwards."""

    def getresponse(self) -> Any:
        """The answer's header, and the rest as a stream."""
        connection: Any = self
        sock = getattr(connection.sock, "socket", connection.sock)  # of TLS within TLS, as through some proxies
        with _Watch(sock, fetch_settings.SETTINGS.slow_window, 1):
            response = super().getresponse()  # type: ignore[misc]
        response.watched_socket = sock
        return response


class _Adapter(HTTPAdapter):
    """Connections that are watched."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As Requests' own."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Watched):
            pool.ConnectionCls = type(kind.__name__, (_Watched, kind), {})
        return pool


class _Session(requests.Session):
    """A session that follows no redirect, which would read its body, and keeps and sends nothing secret."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"pd4ml/{version()} (+{_PROJECT_PAGE})"
        # A compressed body would make lengths and ranges mean something else.
        self.headers["Accept-Encoding"] = "identity"
        self.auth = _without_password  # else those of ~/.netrc are sent
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter())

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """No further requests."""
        return iter(())


def _without_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def first_of_mirrors(
    file: PublishedFile, action: Callable[[requests.Session, str], _Result]
) -> tuple[_Result, str]:
    """What ``action`` brings from the first mirror of ``file`` that delivers, and the address of that mirror.

    ``action`` raises TryAgainError for what may pass, and GiveUpError for what will last. Raises FetchError, with
    one reason for each mirror, when none delivers.
    """
    reasons = []
    with _Session() as session:
        for url in file.mirrors:
            try:
                return _attempts(file.name, session, url, action), url
            except GiveUpError as reason:
                reasons.append(f"{_host(url)}: {reason}")
    message = f"could not fetch {file.name}; tried {'; '.join(reasons) or 'nothing: no address is known'}"
    raise FetchError(message)


def _attempts(
    name: str, session: requests.Session, url: str, action: Callable[[requests.Session, str], _Result]
) -> _Result:
    """Make all attempts at one mirror."""
    settings = fetch_settings.SETTINGS
    backoff = settings.backoff
    for left in reversed(range(settings.attempts)):
        try:
            return action(session, url)
        except TryAgainError as reason:
            if not left:
                message = f"{reason} ({settings.attempts} attempts)"
                raise GiveUpError(message) from reason
            wait = min(max(backoff, reason.wait), settings.longest_wait)
            print(f"{name}: {reason}; trying again in {wait:.0f} s", file=sys.stderr, flush=True)
            time.sleep(wait)
            backoff *= 2
    raise GiveUpError("no attempt was made")


@contextlib.contextmanager
def request(session: requests.Session, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer to one request, redirects followed; what fails on the way is one of the two errors above."""
    try:
        with _get(session, url, headers) as response:
            yield response
    except urllib3.exceptions.LocationValueError as error:
        raise GiveUpError(_network_reason(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise TryAgainError(_network_reason(error)) from error
    except requests.RequestException as error:
        raise _after_request_error(error) from error


def check_status(response: requests.Response) -> None:
    """Refuse what may pass, and a compressed body."""
    if response.status_code in _TRY_AGAIN_STATUS:
        message = f"{response.status_code} {one_line(response.reason or '', 40)}"
        raise TryAgainError(message, _retry_after(response))
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        message = "sends a compressed body although asked not to"
        raise GiveUpError(message)


def _get(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    """Request ``url`` and follow its redirects, without reading their bodies."""
    settings, before = fetch_settings.SETTINGS, ""
    for _ in range(settings.redirects + 1):
        _check_address(url, before)
        timeout = (settings.connect_timeout, settings.read_timeout)
        try:
            response = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)
        except requests.RequestException:
            raise
        except OSError as error:  # a file of certificates that is not there
            raise GiveUpError(_without_secret(str(error))) from error
        try:
            location = session.get_redirect_target(response)
            target = urljoin(url, location or "")
        except ValueError as error:
            response.close()
            message = "redirects to something that is no address"
            raise GiveUpError(message) from error
        if location is None:
            return response
        response.close()
        url, before = target, url
    message = "redirects without end"
    raise GiveUpError(message)


def _check_address(url: str, before: str) -> None:
    """Refuse what nothing is published at; ``before`` is the address that led here, if one did."""
    try:
        parts, last = urlsplit(url), urlsplit(before)
    except ValueError as error:
        raise GiveUpError("no address") from error
    if parts.scheme not in ("http", "https"):
        raise GiveUpError("not an http or https address")
    if "@" in parts.netloc:
        raise GiveUpError("an address with a name or password, and what is published needs none")
    if not _PLAIN_HOST.fullmatch(parts.netloc):
        raise GiveUpError("no address")
    if (last.scheme, parts.scheme) == ("https", "http"):
        raise GiveUpError("redirects from https to http")
    if before and parts.hostname != last.hostname and _is_inside(parts.hostname) and not _is_inside(last.hostname):
        raise GiveUpError("redirects to an address of a private network")


def _is_inside(host: str | None) -> bool:
    """Whether a name leads to this machine or its network; a proxy may know names that are none here."""
    try:
        found = {str(answer[4][0]) for answer in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return not all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in found)


def _host(url: str) -> str:
    """The part of an address that an error shows: never a password."""
    with contextlib.suppress(ValueError):
        url = urlsplit(url).netloc or url
    return one_line(url.rpartition("@")[2], 40)


def _without_secret(text: str) -> str:
    """A line in which addresses have no passwords, for those of proxies, too."""
    return one_line(re.sub(r"\S*@", "", text), 90)


def body(response: requests.Response, most: int) -> Iterator[bytes]:
    """The body in pieces as they arrive, ``most`` bytes at most, until its end or until the server is too slow."""
    settings = fetch_settings.SETTINGS
    least = settings.slow_bytes_per_second * settings.slow_window
    stream: Any = response.raw
    with _Watch(stream.watched_socket, settings.slow_window, least) as watch:
        # read1 returns what is there; read and iter_content wait for a full buffer, however slowly it fills.
        while (chunk := stream.read1(_BUFFER_BYTES, decode_content=False)) and not watch.tired:
            watch.received += len(chunk)
            if watch.received > most:
                message = f"sends more than {most:,} bytes, which is all that there should be"
                raise GiveUpError(message)
            yield chunk


def length(text: str | None) -> int | None:
    """A number of bytes out of a header; None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def content_range(response: requests.Response) -> tuple[int, int] | None:
    """The first byte of the part that a response is, and the bytes of the whole file; None if it does not say."""
    given = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/([0-9]+)", response.headers.get("Content-Range", "").strip())
    first, total = (length(given[1]), length(given[2])) if given else (None, None)
    return None if first is None or total is None else (first, total)


def validator(response: requests.Response) -> str | None:
    """What tells this version of the file from others: a strong ETag (RFC 9110, 13.1.5) or the date."""
    etag = response.headers.get("ETag")
    found = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    return found if found and re.fullmatch(r"[ -~]{1,200}", found) else None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server asks to wait; 0 if it does not say."""
    text = response.headers.get("Retry-After", "").strip()
    if (seconds := length(text)) is not None:
        return float(seconds)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def _after_request_error(error: requests.RequestException) -> Exception:
    """Whether a failed request is worth another attempt."""
    lasting = not isinstance(error, (requests.ConnectionError, requests.Timeout)) or isinstance(
        error, requests.exceptions.SSLError
    )
    lasting |= isinstance(_root(error), socket.gaierror)  # no such name, or no network: seconds change neither
    return (GiveUpError if lasting else TryAgainError)(_network_reason(error))


def _network_reason(error: Exception) -> str:
    """A short reason out of the nested errors of the network libraries."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {fetch_settings.SETTINGS.connect_timeout:g} s"
    if isinstance(error, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)):
        return f"silent for {fetch_settings.SETTINGS.read_timeout:g} s"
    root = _root(error)
    if isinstance(root, http.client.IncompleteRead):
        return "cut off before its end"
    text = root.strerror if isinstance(root, OSError) and root.strerror else str(root)
    return _without_secret(f"connection failed, {text or type(root).__name__}")


def _root(error: BaseException) -> BaseException:
    """What the network libraries' nested errors began with."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
