"""One file from the first of its mirrors that delivers: resumed, retried with back-off, checked before it counts.

Servers are believed nothing: a page of HTML with status 200, a body that is cut off, a range that was not asked
for and a drip of bytes without end are all met by asking again or by going on to the next mirror.
"""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions

from pd4ml.card import PublishedFile
from pd4ml.errors import DataError, FetchError, StoreError, one_line
from pd4ml.progress import progress
from pd4ml.requirements import version
from pd4ml.storage import fetch_settings
from pd4ml.storage.disk import refused, size_text
from pd4ml.storage.formats import OPENING_BYTES, file_format
from pd4ml.storage.partial import Origin, Partial

__all__ = ["download"]

_BUFFER_BYTES = 1 << 20
_TRY_AGAIN_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_PROJECT_PAGE = "https://arxiv.org/abs/2107.00656"


class _TryAgainError(Exception):
    """A failure that may pass: ask the same mirror again, after ``wait`` seconds if the server said so."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _GiveUpError(Exception):
    """A failure that will last: go on to the next mirror."""


class _Session(requests.Session):
    """A session that leaves redirects to ``_get``; its base would read their bodies, however long."""

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """No further requests."""
        return iter(())


def download(file: PublishedFile, partial: Partial, verify: Callable[[Path], None]) -> str:
    """Bring ``file`` whole into ``partial`` and return the address it came from.

    ``verify`` raises DataError if what arrived is not the file. What has arrived when this is interrupted stays
    and is continued the next time. Raises FetchError, with one reason for each mirror, when none delivers, and
    StoreError when the bytes cannot be written.
    """
    reasons = []
    with _Session() as session:
        session.headers["User-Agent"] = f"pd4ml/{version()} (+{_PROJECT_PAGE})"
        # A compressed body would make lengths and ranges mean something else.
        session.headers["Accept-Encoding"] = "identity"
        for url in file.mirrors:
            try:
                _from_mirror(session, file, url, partial, verify)
            except _GiveUpError as reason:
                reasons.append(f"{_host(url)}: {reason}")
            else:
                return url
    message = f"could not fetch {file.name}; tried {'; '.join(reasons) or 'nothing: no address is known'}"
    raise FetchError(message)


def _from_mirror(
    session: requests.Session,
    file: PublishedFile,
    url: str,
    partial: Partial,
    verify: Callable[[Path], None],
) -> None:
    """Make all attempts at one mirror."""
    settings = fetch_settings.SETTINGS
    backoff = settings.backoff
    for left in reversed(range(settings.attempts)):
        try:
            resumed = _transfer(session, file, url, partial)
            return _checked(partial, verify, resumed)
        except _TryAgainError as reason:
            if not left:
                message = f"{reason} ({settings.attempts} attempts)"
                raise _GiveUpError(message) from reason
            wait = min(max(backoff, reason.wait), settings.longest_wait)
            print(f"{file.name}: {reason}; trying again in {wait:.0f} s", file=sys.stderr, flush=True)
            time.sleep(wait)
            backoff *= 2
    return None


def _checked(partial: Partial, verify: Callable[[Path], None], resumed: bool) -> None:
    """Verify what arrived; if it is not the file, it is thrown away."""
    try:
        verify(partial.path)
    except DataError as error:
        partial.discard()
        # The fault may be in the older bytes, so a resumed file gets its chance from zero.
        raise (_TryAgainError if resumed else _GiveUpError)(str(error)) from error


def _transfer(session: requests.Session, file: PublishedFile, url: str, partial: Partial) -> bool:
    """Bring what is missing in one request; tell whether older bytes are part of the result."""
    origin = partial.origin()
    known = bool(file.md5 or file.sha256)
    if origin is None or origin.url != url or not (origin.validator or known):
        origin = None
    offset = partial.size if origin else 0
    if origin and offset == origin.total:
        return True
    headers = {}
    if origin:
        headers["Range"] = f"bytes={offset}-"
        if origin.validator:
            headers["If-Range"] = origin.validator
    try:
        with _get(session, url, headers) as response:
            offset, total = _extent(response, origin, offset, partial)
            chunks = _chunks(response)
            opening = b"" if offset else _opening(chunks, file.layout)
            if total is not None:
                _check_space(file.name, partial.path.parent, total - offset)
            _receive(file.name, chunks, opening, Origin(url, _validator(response), total), partial, offset)
    except urllib3.exceptions.HTTPError as error:
        raise _TryAgainError(_network_reason(error)) from error
    except requests.RequestException as error:
        raise _after_request_error(error) from error
    if total is not None and partial.size != total:
        message = f"cut off after {partial.size:,} of {total:,} bytes"
        raise _TryAgainError(message)
    return offset > 0


def _get(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    """Request ``url`` and follow its redirects, never from https down to http, without reading their bodies."""
    settings = fetch_settings.SETTINGS
    for _ in range(settings.redirects + 1):
        if _scheme(url) not in ("http", "https"):
            message = f"not an http or https address: {one_line(url, 40)}"
            raise _GiveUpError(message)
        timeout = (settings.connect_timeout, settings.read_timeout)
        response = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)
        try:
            location = session.get_redirect_target(response)
            target = urljoin(url, location or "")
        except ValueError as error:
            response.close()
            message = "redirects to something that is no address"
            raise _GiveUpError(message) from error
        if location is None:
            return response
        response.close()
        if _scheme(url) == "https" and _scheme(target) == "http":
            message = "redirects from https to http"
            raise _GiveUpError(message)
        url = target
    message = "redirects without end"
    raise _GiveUpError(message)


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


def _extent(
    response: requests.Response, origin: Origin | None, offset: int, partial: Partial
) -> tuple[int, int | None]:
    """Where the body of ``response`` belongs: the offset of its first byte and the length of the whole file."""
    status = response.status_code
    if status in _TRY_AGAIN_STATUS:
        message = f"{status} {one_line(response.reason or '', 40)}"
        raise _TryAgainError(message, _retry_after(response))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        message = "sends a compressed body although asked not to"
        raise _GiveUpError(message)
    if status == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    if status == 206 and origin:
        given = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", "").strip())
        if given and int(given[1]) == offset and origin.total in (None, int(given[2])):
            return offset, int(given[2])
    if status in (206, 416) and origin:
        # What is here and what is there do not fit together: the next attempt starts from zero.
        partial.discard()
        message = "the rest does not fit what had arrived"
        raise _TryAgainError(message)
    message = f"{status} {one_line(response.reason or '', 40)}"
    raise _GiveUpError(message)


def _chunks(response: requests.Response) -> Iterator[bytes]:
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
                raise _GiveUpError(message)
            start, received = time.monotonic(), 0


def _opening(chunks: Iterator[bytes], layout: str) -> bytes:
    """The first bytes, checked before older ones are thrown away for them or gigabytes are waited for."""
    opening = b""
    for chunk in chunks:
        opening += chunk
        if len(opening) >= OPENING_BYTES:
            break
    try:
        file_format(layout).check_opening(opening)
    except DataError as error:
        raise _GiveUpError(str(error)) from error
    return opening


def _receive(
    name: str, chunks: Iterator[bytes], opening: bytes, origin: Origin, partial: Partial, offset: int
) -> None:
    """Write the body to its place."""
    try:
        if not offset:
            partial.begin(origin)
        with partial.path.open("ab") as out, progress(name, origin.total, "bytes") as bar:
            out.write(opening)
            bar.advance(offset + len(opening))
            for chunk in chunks:
                out.write(chunk)
                bar.advance(len(chunk))
    except OSError as error:
        message = f"cannot write {name} to {partial.path.parent}: {refused(error)}; what has arrived is kept"
        raise StoreError(message) from error


def _check_space(name: str, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"{name} needs {size_text(needed)} more in {folder}, where {size_text(free)} are free"
        raise StoreError(message)


def _validator(response: requests.Response) -> str | None:
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
    return (_GiveUpError if lasting else _TryAgainError)(_network_reason(error))


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
