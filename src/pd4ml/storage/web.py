"""Requests to servers that are believed nothing: attempts, redirects, limits, and reasons in a line."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions

from pd4ml.card import PublishedFile
from pd4ml.errors import FetchError, one_line
from pd4ml.requirements import version
from pd4ml.storage import fetch_settings

__all__ = ["GiveUpError", "TryAgainError", "body", "check_status", "first_of_mirrors", "request", "validator"]

_BUFFER_BYTES = 1 << 20
_TRY_AGAIN_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_PROJECT_PAGE = "https://arxiv.org/abs/2107.00656"

_Result = TypeVar("_Result")


class TryAgainError(Exception):
    """A failure that may pass: ask the same mirror again, after ``wait`` seconds if the server said so."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class GiveUpError(Exception):
    """A failure that will last: go on to the next mirror."""


class _Session(requests.Session):
    """A session that leaves redirects to ``get``; its base would read their bodies, however long."""

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """No further requests."""
        return iter(())


def first_of_mirrors(
    file: PublishedFile, action: Callable[[requests.Session, str], _Result]
) -> tuple[_Result, str]:
    """What ``action`` brings from the first mirror of ``file`` that delivers, and the address of that mirror.

    ``action`` raises TryAgainError for what may pass, and GiveUpError for what will last. Raises FetchError, with
    one reason for each mirror, when none delivers.
    """
    reasons = []
    with _Session() as session:
        session.headers["User-Agent"] = f"pd4ml/{version()} (+{_PROJECT_PAGE})"
        # A compressed body would make lengths and ranges mean something else.
        session.headers["Accept-Encoding"] = "identity"
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
    except urllib3.exceptions.HTTPError as error:
        raise TryAgainError(_network_reason(error)) from error
    except requests.RequestException as error:
        raise _after_request_error(error) from error


def check_status(response: requests.Response) -> None:
    """Refuse what may pass, and a compressed body."""
    if response.status_code in _TRY_AGAIN_STATUS:
        message = f"{response.status_code} {one_line(response.reason or '', 40)}"
        raise TryAgainError(message, _retry_after(response))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        message = "sends a compressed body although asked not to"
        raise GiveUpError(message)


def _get(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    """Request ``url`` and follow its redirects, never from https down to http, without reading their bodies."""
    settings = fetch_settings.SETTINGS
    for _ in range(settings.redirects + 1):
        if _scheme(url) not in ("http", "https"):
            message = f"not an http or https address: {one_line(url, 40)}"
            raise GiveUpError(message)
        timeout = (settings.connect_timeout, settings.read_timeout)
        response = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)
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
        if _scheme(url) == "https" and _scheme(target) == "http":
            message = "redirects from https to http"
            raise GiveUpError(message)
        url = target
    message = "redirects without end"
    raise GiveUpError(message)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _host(url: str) -> str:
    """The part of an address that an error shows: never a password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or one_line(url, 40)
    except ValueError:
        return one_line(url, 40)


def body(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces as they arrive, until its end or until the server is too slow."""
    settings, start, received = fetch_settings.SETTINGS, time.monotonic(), 0
    # read1 returns what is there; read and iter_content wait for a full buffer, however slowly it fills.
    while chunk := response.raw.read1(_BUFFER_BYTES, decode_content=False):
        yield chunk
        received += len(chunk)
        seconds = time.monotonic() - start
        if seconds >= settings.slow_window:
            if received < settings.slow_bytes_per_second * seconds:
                message = f"too slow: {received / seconds:,.0f} bytes per second"
                raise GiveUpError(message)
            start, received = time.monotonic(), 0


def validator(response: requests.Response) -> str | None:
    """What tells this version of the file from others: a strong ETag (RFC 9110, 13.1.5) or the date."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server asks to wait; 0 if it does not say."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
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
    return one_line(f"connection failed, {text or type(root).__name__}", 90)


def _root(error: BaseException) -> BaseException:
    """What the network libraries' nested errors began with."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
