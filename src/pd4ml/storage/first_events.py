"""The first events of a Parquet file on a server: its footer and the row groups that hold them, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from pd4ml.card import PublishedFile
from pd4ml.errors import DataError
from pd4ml.progress import progress
from pd4ml.storage import fetch_settings
from pd4ml.storage.atomic import write_atomically
from pd4ml.storage.export.columns import arrow
from pd4ml.storage.formats.parquet_table import parquet_file
from pd4ml.storage.web import (
    GiveUpError,
    TryAgainError,
    body,
    check_status,
    content_range,
    first_of_mirrors,
    request,
    validator,
)

__all__ = ["fetch_first_events"]

_MAGIC = b"PAR1"
_TAIL_BYTES = 1 << 16  # of the end, where a small footer lies whole
_MOST_FOOTER = 1 << 28


def fetch_first_events(file: PublishedFile, n_events: int, target: Path) -> dict[str, object]:
    """Bring the first events of a published Parquet file as a small file of the same columns.

    Parameters
    ----------
    file : PublishedFile
        Its mirrors must send parts of files (HTTP ranges).
    n_events : int
        As many, or all that there are.
    target : Path
        The new file.

    Returns
    -------
    dict[str, object]
        Where they come from: address, version, bytes and rows of the whole file, and the bytes that were fetched.

    Raises
    ------
    FetchError
        With one reason for each mirror.
    """
    arrow("reading Parquet")
    scratch = target.with_name(target.name + ".groups")

    def bring(session: requests.Session, url: str) -> dict[str, object]:
        remote = _Remote(session, url, scratch)
        return {**_first_rows(remote, n_events, target), "bytes_fetched": remote.fetched}

    try:
        facts, url = first_of_mirrors(file, bring)
    finally:
        scratch.unlink(missing_ok=True)
    return {"url": url, **facts}


@dataclass
class _Remote:
    """A file on a server; what is fetched of it lies at its own place in ``scratch``, whose rest is a hole."""

    session: requests.Session
    url: str
    scratch: Path
    total: int = 0
    version: str | None = None
    fetched: int = 0

    def bring(self, start: int, stop: int) -> bytes:
        """Fetch the bytes ``start`` to ``stop`` into their place; returns the last eight."""
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        with (
            request(self.session, self.url, headers) as response,
            self.scratch.open("r+b" if self.scratch.exists() else "w+b") as out,
        ):
            self._check(response, start)
            out.truncate(self.total)
            out.seek(start)
            for chunk in body(response, stop - start):
                out.write(chunk)
                self.fetched += len(chunk)
            if out.tell() != stop:
                raise TryAgainError("cut off before its end")
            out.seek(-8, 1)
            return out.read(8)

    def _check(self, response: requests.Response, start: int) -> None:
        """Refuse anything but the part that was asked for, of the file that the other parts are of."""
        check_status(response)
        if response.status_code == 200:
            raise GiveUpError("sends files only whole: download all of it, or take another source")
        given = content_range(response)
        if response.status_code != 206 or not given or given[0] != start:
            raise GiveUpError(f"{response.status_code} in place of a part of the file")
        found = given[1], validator(response)
        if not 12 <= found[0] <= fetch_settings.SETTINGS.most_bytes:
            raise GiveUpError(f"a file of {found[0]:,} bytes is no Parquet file")
        if self.total and found != (self.total, self.version):
            raise TryAgainError("has changed the file in the meantime")
        self.total, self.version = found


def _first_rows(remote: _Remote, n_events: int, target: Path) -> dict[str, object]:
    """Fetch footer and row groups, and write the rows as a file of their own."""
    remote.scratch.unlink(missing_ok=True)  # of an attempt that failed
    remote.bring(0, 8)
    tail = max(0, remote.total - _TAIL_BYTES)
    end = remote.bring(tail, remote.total)
    footer = remote.total - 8 - int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or footer < 0 or remote.total - footer > _MOST_FOOTER:
        raise GiveUpError("expected a Parquet file, found something that does not end like one")
    if footer < tail:
        remote.bring(footer, tail)
    try:
        with parquet_file(remote.scratch) as file:
            metadata = file.metadata
        groups = _groups(metadata, n_events)
        extents = [_extent(metadata.row_group(group)) for group in groups]
        if sum(stop - start for start, stop in extents) > remote.total:
            raise GiveUpError("its footer names more bytes than the file has")
        with progress(f"fetching {target.name}", len(groups)) as bar:
            for start, stop in extents:
                remote.bring(start, stop)
                bar.advance()
        with parquet_file(remote.scratch) as file:
            rows = _copy(file, groups, n_events, target)
    except DataError as error:
        raise GiveUpError(str(error)) from error
    facts = {"rows": rows, "rows_of_whole": metadata.num_rows, "bytes_of_whole": remote.total}
    return {**facts, "version_of_whole": remote.version}


def _groups(metadata: Any, n_events: int) -> list[int]:
    """The row groups that hold the first events."""
    groups: list[int] = []
    rows = 0
    while rows < n_events and len(groups) < metadata.num_row_groups:
        rows += metadata.row_group(len(groups)).num_rows
        groups.append(len(groups))
    return groups


def _extent(group: Any) -> tuple[int, int]:
    """Where a row group begins and ends in its file; DataError where it cannot lie so."""
    columns = [group.column(i) for i in range(group.num_columns)]
    starts = [c.dictionary_page_offset or c.data_page_offset for c in columns]
    start, stop = min(starts), max(s + c.total_compressed_size for s, c in zip(starts, columns, strict=True))
    if not len(_MAGIC) <= start < stop:
        raise DataError(f"its footer has a row group from byte {start} to {stop}")
    return start, stop


def _copy(file: Any, groups: list[int], n_events: int, target: Path) -> int:
    """Write the first rows, a row group at a time; returns how many there are."""
    pyarrow, left = arrow("reading Parquet"), n_events
    with (
        write_atomically(target) as stream,
        pyarrow.parquet.ParquetWriter(stream, file.schema_arrow, compression="zstd") as writer,
    ):
        for group in groups:
            table = file.read_row_group(group).slice(0, left)
            writer.write_table(table)
            left -= len(table)
    return n_events - left
