"""What long work shows: nothing that moves where nobody looks, plain ASCII on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from pd4ml.progress import under_way


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_what_is_under_way_is_shown_on_a_terminal(
    stream: io.StringIO, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with under_way() as show:
        show("training a, b")
        print("a finished", file=sys.stderr)
    text = stream.getvalue()
    assert ("training a, b" in text) == shown
    assert "a finished" in text
    assert text.isascii()
