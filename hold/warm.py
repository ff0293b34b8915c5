"""What a process knows that has worked before; others begin as copies of it (a fork server imports this)."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from unittest import mock

from pd4ml import cli

__all__ = ["command"]

_WORK = (
    "generate Airshower --events 20 --workers 1 --path d",
    "train Airshower --recipe gbdt --path d --runs r",
    "train Airshower --recipe fcn_quick --path d --runs r --set max_epochs=1 --threads 1",
)


def command(line: str) -> int:
    """The exit code of a line of the command line, in this process."""
    with mock.patch.object(sys, "argv", ["pd4ml", *line.split()]):
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _warm() -> None:
    nowhere = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        for line in _WORK:
            command(line)


_warm()
