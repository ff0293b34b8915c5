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
    slow_window: float = 60.0  # a server that sends less than slow_bytes_per_second for so long is given up
    slow_bytes_per_second: float = 2000.0
    redirects: int = 10
    lock_timeout: float = 6 * 3600.0  # for another process that fetches the same file


SETTINGS = FetchSettings()
