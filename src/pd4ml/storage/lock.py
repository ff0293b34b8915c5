"""One writer at a time: a lock beside what is written. That of a killed process is free again."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pd4ml.errors import LockedError, StoreError
from pd4ml.storage.disk import no_locks

__all__ = ["WAIT_SECONDS", "locked", "one_writer"]

WAIT_SECONDS = 24 * 3600.0  # for another process that makes the same


@contextmanager
def one_writer(folder: Path, busy: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Be the only process that writes ``folder``; as `locked`."""
    with locked(folder.with_name(f".{folder.name}.lock"), busy, wait):
        yield


@contextmanager
def locked(file: Path, busy: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock ``file``; where another process does, say that it is ``busy`` and wait for it.

    What it made is there afterwards. LockedError if it still holds the lock after ``wait`` seconds.
    """
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        try:
            _acquire(lock)
        except Timeout:
            if wait:
                print(f"{busy}; waiting", file=sys.stderr, flush=True)
            lock.acquire(timeout=wait)
    except Timeout:
        after = f" after {wait:g} s" if wait else ""
        raise LockedError(f"{busy}{after}: try again when it is over, or choose another place") from None
    except NotImplementedError as error:  # what filelock made of a missing flock
        raise StoreError(_without_locks(file, error)) from error
    except OSError as error:
        if not no_locks(error):
            raise
        raise StoreError(_without_locks(file, error.strerror)) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: Any) -> None:
    """Take the kernel's lock: filelock's stand-in, a file that is there, would outlive a killed process."""
    from filelock import SoftFileLock

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        lock.acquire(timeout=0)
    if isinstance(lock, SoftFileLock):
        lock.release()
        raise NotImplementedError("it does not know flock")


def _without_locks(file: Path, reason: object) -> str:
    return (
        f"the file system of {file.parent} has no file locks ({reason}), without which two processes could "
        "write the same files: choose a path on another one, such as a local disk"
    )
