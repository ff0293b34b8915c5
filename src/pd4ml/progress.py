"""Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "progress", "under_way"]

# Elsewhere than on a terminal a line is printed at most this often.
_SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """What the code that does the work sees."""

    def advance(self, amount: float = 1.0) -> None:
        """Say that ``amount`` more is done."""


class _Lines:
    """Plain lines; none for what is over before the first line is due."""

    def __init__(self, description: str, total: float | None, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done, self.last = 0.0, time.monotonic()

    def advance(self, amount: float = 1.0) -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = now
            of = f" of {self.total:,.0f}" if self.total else ""
            print(f"{self.description}: {self.done:,.0f}{of} {self.unit}", file=sys.stderr, flush=True)


@contextmanager
def progress(description: str, total: float | None, unit: str = "events") -> Iterator[Progress]:
    """Show the progress of a piece of work of ``total`` ``unit`` (None: unknown) while the block runs."""
    if not sys.stderr.isatty():
        yield _Lines(description, total, unit)
        return
    from rich import progress as bars
    from rich.console import Console

    columns: list[bars.ProgressColumn] = [bars.TextColumn("{task.description}"), bars.BarColumn()]
    if unit == "bytes":
        columns += [bars.DownloadColumn(), bars.TransferSpeedColumn()]
    else:
        columns += [bars.MofNCompleteColumn(), bars.TextColumn(unit)]
    columns.append(bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total)

        class _Bar:
            def advance(self, amount: float = 1.0) -> None:
                bar.advance(task, amount)

        yield _Bar()


@contextmanager
def under_way() -> Iterator[Callable[[str], None]]:
    """Show what the block says is being done, in a line that moves; on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("", spinner="line") as status:  # of ASCII
        yield status.update
