"""One writer at a time: a lock beside what is written. That of a killed process is free again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pd4ml.errors import LockedError

__all__ = ["one_writer"]


@contextmanager
def one_writer(folder: Path, message: str, wait: float = 0.0) -> Iterator[None]:
    """Be the only process that writes ``folder``; LockedError (``message``) if another does after ``wait`` s."""
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise LockedError(message) from None
    try:
        yield
    finally:
        lock.release()
