"""A server that misbehaves as it is told, and a downloader that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers import misbehaving_server as server_that
from helpers.misbehaving_server import Server
from pd4ml.storage import fetch_settings
from pd4ml.storage.fetch_settings import FetchSettings


@pytest.fixture
def server() -> Iterator[Server]:
    with server_that.running() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PD4ML_OFFLINE", raising=False)
    settings = FetchSettings(
        read_timeout=0.3, attempts=3, backoff=0.01, longest_wait=0.05, slow_window=0.6, lock_timeout=0.2
    )
    monkeypatch.setattr(fetch_settings, "SETTINGS", settings)
