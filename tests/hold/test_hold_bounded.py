"""What is tried in a child is stopped, and how it ended is told."""

from __future__ import annotations

import os
import pickle
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hold.bounded import bounded, canary

from pd4ml.errors import DataError


class UntidyError(DataError):
    def __str__(self) -> str:
        return str(self.args[0])


def refuse(text: str) -> Callable[[], None]:
    def do() -> None:
        raise UntidyError(text)

    return do


def test_what_ends_well(tmp_path: Path) -> None:
    ended = bounded(lambda: (tmp_path / "inside").write_text("1"), tmp_path)
    assert (ended.how, ended.said, ended.wrong) == ("returned", "1", "")
    ended = bounded(refuse("no events"), tmp_path)
    assert (ended.how, ended.said, ended.wrong) == ("refused", "no events", "")


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31m", "\ud800", "", "x" * 2001])
def test_a_message_is_one_printable_line(tmp_path: Path, text: str) -> None:
    assert bounded(refuse(text), tmp_path).how == "raised"


@pytest.mark.parametrize(
    ("how", "do"),
    [
        ("raised", lambda: os.environ["NO SUCH NAME"]),
        ("time", lambda: time.sleep(60)),
        ("memory", lambda: np.ones(80_000_000)),
        ("memory", lambda: np.ones(10**12)),
        ("crashed", lambda: os.abort()),
        ("escaped", lambda: Path("/proc/self/comm").write_text("x")),
        ("escaped", lambda: (Path.home() / "x").rename(Path.home() / "y")),
        ("escaped", lambda: socket.create_connection(("127.0.0.1", 9))),
        ("escaped", lambda: pickle.loads(canary())),
        ("raised", lambda: sys.exit(1)),
    ],
)
def test_what_ends_badly(tmp_path: Path, how: str, do: Callable[[], object]) -> None:
    ended = bounded(do, tmp_path, seconds=2 if how == "time" else 30)
    assert ended.how == how, ended
    assert ended.wrong


def test_a_command_may_exit_with_2(tmp_path: Path) -> None:
    def do() -> None:
        raise SystemExit(2)

    assert bounded(do, tmp_path).how == "refused"
