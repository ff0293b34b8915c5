"""Lightning's manners while it trains: no hints on the screen, signals as everywhere else."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch.utilities.exceptions import SIGTERMException

__all__ = ["interruptible", "quiet_lightning"]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's hints and notes off the screen; its errors are raised all the same."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            # The folder of a resumed training is not empty, which is what is wanted.
            warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt and SIGTERM an exit with 143.

    Lightning turns the first into an exit and then ignores the signal, and the second into an exit with 0, with
    which a batch system believes that the training is finished.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise stop.__context__ from None
        if isinstance(stop, SIGTERMException):
            print(
                "pd4ml: terminated; finished epochs are kept and the same call goes on from there", file=sys.stderr
            )
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
