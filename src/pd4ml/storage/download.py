"""One file from the first of its mirrors that delivers: resumed, retried with back-off, checked before it counts.

Servers are believed nothing: a page of HTML with status 200, a body that is cut off, a range that was not asked
for and a drip of bytes without end are all met by asking again or by going on to the next mirror.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from pd4ml.card import PublishedFile
from pd4ml.errors import DataError, StoreError, one_line
from pd4ml.progress import progress
from pd4ml.storage import fetch_settings
from pd4ml.storage.disk import refused, size_text
from pd4ml.storage.formats import OPENING_BYTES, file_format
from pd4ml.storage.partial import Origin, Partial
from pd4ml.storage.web import (
    GiveUpError,
    TryAgainError,
    body,
    check_status,
    content_range,
    first_of_mirrors,
    length,
    request,
    validator,
)

__all__ = ["download"]


def download(file: PublishedFile, partial: Partial, verify: Callable[[Path], None]) -> str:
    """Bring ``file`` whole into ``partial`` and return the address it came from.

    ``verify`` raises DataError if what arrived is not the file. What has arrived when this is interrupted stays
    and is continued the next time. Raises FetchError, with one reason for each mirror, when none delivers, and
    StoreError when the bytes cannot be written.
    """

    def bring(session: requests.Session, url: str) -> None:
        _checked(partial, verify, resumed=_transfer(session, file, url, partial))

    return first_of_mirrors(file, bring)[1]


def _checked(partial: Partial, verify: Callable[[Path], None], resumed: bool) -> None:
    """Verify what arrived; if it is not the file, it is thrown away."""
    try:
        verify(partial.path)
    except DataError as error:
        partial.discard()
        # The fault may be in the older bytes, so a resumed file gets its chance from zero.
        raise (TryAgainError if resumed else GiveUpError)(str(error)) from error


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
    with request(session, url, headers) as response:
        offset, total = _extent(response, origin, offset, partial)
        most = fetch_settings.SETTINGS.most_bytes
        if (total or 0) > most:
            raise GiveUpError(f"promises {size_text(total or 0)}, and no file has more than {size_text(most)}")
        chunks = body(response, (most if total is None else total) - offset)
        opening = b"" if offset else _opening(chunks, file.layout)
        if total is not None:
            _check_space(file.name, partial.path.parent, total - offset)
        try:
            _receive(file.name, chunks, opening, Origin(url, validator(response), total), partial, offset)
        except GiveUpError:
            if total is None:  # what has no end is not gone on with
                partial.discard()
            raise
    if total is not None and partial.size != total:
        message = f"cut off after {partial.size:,} of {total:,} bytes"
        raise TryAgainError(message)
    return offset > 0


def _extent(
    response: requests.Response, origin: Origin | None, offset: int, partial: Partial
) -> tuple[int, int | None]:
    """Where the body of ``response`` belongs: the offset of its first byte and the length of the whole file."""
    check_status(response)
    status = response.status_code
    if status == 200:
        return 0, length(response.headers.get("Content-Length"))
    if status == 206 and origin and (given := content_range(response)):
        start, total = given
        if start == offset <= total and origin.total in (None, total):
            return offset, total
    if status in (206, 416) and origin:
        # What is here and what is there do not fit together: the next attempt starts from zero.
        partial.discard()
        message = "the rest does not fit what had arrived"
        raise TryAgainError(message)
    message = f"{status} {one_line(response.reason or '', 40)}"
    raise GiveUpError(message)


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
        raise GiveUpError(str(error)) from error
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
