"""One writer at a time: a lock beside what is written. That of a killed process is free again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pd4ml.errors import LockedError, StoreError
from pd4ml.storage.disk import no_locks

__all__ = ["locked", "one_writer"]


@contextmanager
def one_writer(folder: Path, message: str, wait: float = 0.0) -> Iterator[None]:
    """Be the only process that writes ``folder``; LockedError (``message``) if another does after ``wait`` s."""
    with locked(folder.with_name(f".{folder.name}.lock"), message, wait):
        yield


@contextmanager
def locked(file: Path, message: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock ``file``; LockedError (``message``) if another process still does after ``wait`` seconds."""
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise LockedError(message) from None
    except NotImplementedError as error:  # what filelock makes of a missing flock
        raise StoreError(_without_locks(file, error)) from error
    except OSError as error:
        if not no_locks(error):
            raise
        raise StoreError(_without_locks(file, error.strerror)) from error
    try:
        yield
    finally:
        lock.release()


def _without_locks(file: Path, reason: object) -> str:
    return (
        f"the file system of {file.parent} has no file locks ({reason}), without which two processes could "
        "write the same files: choose a path on another one, such as a local disk"
    )
