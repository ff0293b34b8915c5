"""How patient a download is; apart from the downloader, which imports the network libraries."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SETTINGS", "FetchSettings"]


@dataclass(frozen=True)
class FetchSettings:
    """Times are in seconds, attempts are counted for each mirror."""

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 5
    backoff: float = 1.0  # before the second attempt; doubled before each further one
    longest_wait: float = 60.0  # also for a server that asks for more with Retry-After
    # A server that sends less than this of the file for so long is given up; silence, which may pass, ends before.
    slow_window: float = 120.0
    slow_bytes_per_second: float = 2000.0
    redirects: int = 10
    most_bytes: int = 10**11  # of one file, whatever a server promises
    lock_timeout: float = 6 * 3600.0  # for another process that fetches the same file


SETTINGS = FetchSettings()
