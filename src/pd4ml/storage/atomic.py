"""Files and folders that are written whole: a reader sees the old one or the new one, never a part of it.

They are written beside it under a name that no other writer has, and renamed: of several writers of one file the
last one wins. A process that is killed leaves ``.<name>.<number>.partial`` behind, which nobody takes for anything
and the next writer of that name removes. Its lock, which went with the process, says that it is nobody's.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pd4ml.errors import StoreError

__all__ = ["new_folder", "scratch_folder", "write_atomically", "write_bytes", "write_text"]


@contextmanager
def write_atomically(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A binary stream whose bytes become the file ``path`` when the block ends well, and vanish when it does not.

    They are on the disk before the file has its name.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.
    mode : int
        Who may read and write it, less what the umask takes away.

    Yields
    ------
    IO[bytes]
        Where to write.

    Raises
    ------
    OSError
        What the disk refuses; ``path`` is as it was.
    """
    with _partial(path, lambda partial: partial.touch(mode, exist_ok=False)) as partial:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` that gets its name when the block ends well, and vanishes when it does not.

    Parameters
    ----------
    path : Path
        What it is to be called; nothing may be there but an empty folder.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    StoreError
        When something is there.
    """
    _refuse_what_is_there(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _partial(path, Path.mkdir) as partial:
        yield partial
        _refuse_what_is_there(path)
        if path.exists():
            path.rmdir()
        partial.replace(path)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path``, for this process alone, that vanishes when the block ends.

    Parameters
    ----------
    path : Path
        Says where it is and what it is called after; what a kill has left of one is removed by the next.

    Yields
    ------
    Path
        Where to write.
    """
    with _partial(path, lambda partial: partial.mkdir(0o700)) as partial:
        try:
            yield partial
        finally:
            _remove(partial)


@contextmanager
def _partial(path: Path, make: Callable[[Path], object]) -> Iterator[Path]:
    """What ``make`` makes beside ``path``, locked until the block ends, and removed if that is not well."""
    for left in _others(path):
        with _held(left) as ours:
            if ours:
                _remove(left)
    while True:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        make(partial)
        with _held(partial) as ours:
            if ours is False or not partial.exists():  # taken for one that was left, before it was locked
                continue
            try:
                yield partial
            except BaseException:
                _remove(partial)
                raise
            return


def _others(path: Path) -> list[Path]:
    """What other writers of ``path`` have beside it, and what some have left."""
    found = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.partial")
    with suppress(OSError), os.scandir(path.parent) as entries:
        return [Path(entry.path) for entry in entries if found.fullmatch(entry.name)]
    return []


@contextmanager
def _held(partial: Path) -> Iterator[bool | None]:
    """Lock a file or folder; false if another process has it, None if nobody can say."""
    try:
        import fcntl

        descriptor = os.open(partial, os.O_RDONLY)
    except (ImportError, OSError):  # Windows, where what is open cannot be renamed; or it has gone
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours: bool | None = True
        except BlockingIOError:
            ours = False
        except OSError:  # no locks here
            ours = None
        yield ours
    finally:
        os.close(descriptor)


def _remove(partial: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    with suppress(OSError):
        partial.unlink()


def _refuse_what_is_there(path: Path) -> None:
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise StoreError(f"{path} is there already, and nothing is ever written over: remove it or name another")


def write_bytes(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write ``content`` as the whole file ``path``.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.
    content : bytes
        All that it is to hold.
    mode : int
        As for `write_atomically`.
    """
    with write_atomically(path, mode) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as the whole file ``path``, in UTF-8.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.
    text : str
        All that it is to hold.
    """
    write_bytes(path, text.encode())
