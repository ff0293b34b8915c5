"""The harness's collaboration, short: all held, and a server that believes a site is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cryptography")
pytest.importorskip("torch")

from hold.cases import Size

from hold import sites
from pd4ml.collaborate.wire import hub
from pd4ml.collaborate.wire.messages import Message


def test_collaborations_hold(tmp_path: Path) -> None:
    for row in sites.rows(tmp_path, Size.SHORT):
        assert row.held == row.cases > 0, row


def test_what_does_not_hold_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(content: bytes) -> Message:
        return Message({"have": int(content)})

    world = sites._World(tmp_path)
    monkeypatch.setattr(hub, "unpack", trusting)
    found = sites._heard(world, "anything", "vote", lambda reply: reply)
    assert found.wrong.startswith("ValueError")
