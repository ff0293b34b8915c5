"""Ctrl-C at the command line while nothing is under way: one line and exit code 2, from the first import on.

Imports and parsing have nothing to tidy up. While a subcommand is at work (`cli/app.py`), Ctrl-C is a
KeyboardInterrupt, as everywhere else.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ["as_interrupts", "at_work", "end_at_once", "kept_from"]

_SOON = 0.05  # s


def end_at_once() -> None:
    """From now on Ctrl-C ends this process at once, unless somebody has decided otherwise, as `nohup` does."""
    if threading.current_thread() is threading.main_thread() and _is_pythons_own():
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def at_work() -> Iterator[None]:
    """Make Ctrl-C a KeyboardInterrupt in the block, where `end_at_once` has made it something else."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    told = sys.unraisablehook
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = lambda ignored: _again() if ignored.exc_type is KeyboardInterrupt else told(ignored)
    try:
        yield
    finally:
        sys.unraisablehook = told
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Make an error that came of a Ctrl-C in the block one: libraries make what stops them into theirs."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def kept_from() -> Iterator[None]:
    """Keep Ctrl-C from processes that are started in the block, for good, and from this one until its end."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # lets Ctrl-C through when it starts, so not in the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _again() -> None:
    """Interrupt once more: Python has lost it, as it loses all that is raised while an object is forgotten."""

    def soon() -> None:
        time.sleep(_SOON)
        _thread.interrupt_main()

    _thread.start_new_thread(soon, ())  # `threading` would wait until it runs


def _is_pythons_own() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(Exception):  # such as in the middle of printing
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, b"pd4ml: interrupted\n")
    os._exit(2)


def _is_command() -> bool:
    """Whether this process is `pd4ml` or `python -m pd4ml`, which Python has not begun to execute yet."""
    if "-m" in sys.orig_argv:  # a worker has its parent's sys.argv, and is another module
        return sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] == ["pd4ml"]
    return Path(sys.argv[0]).stem == "pd4ml" if sys.argv else False


if _is_command():
    end_at_once()
