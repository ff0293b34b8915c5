"""The harness's servers, short: all held, and a package that follows any redirect is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hold.cases import Size
from hold.network import _World, patience, rows
from hold.servers.misbehaviour import Case, sends
from hold.servers.server import Server, answer, running

from pd4ml.storage import web

pytest.importorskip("pyarrow")


def test_downloads_hold(tmp_path: Path) -> None:
    for row in rows(tmp_path, Size.SHORT):
        assert row.held == row.cases > 0, row


def test_what_does_not_hold_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Server()) as server, patience():
        world = _World(tmp_path)
        assert "ended with 2" in world.tried(server, Case("it is said to arrive", sends(answer(404)), True)).wrong
        monkeypatch.setattr(web, "_check_address", lambda url, before: None)
        inside = [one.case for one in world.secrets(server) if one.wrong]
    assert any("from outside to 10.0.0.1" in case for case in inside)
    assert any("me:" in case for case in inside)
