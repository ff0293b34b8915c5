"""Files and folders that are written whole: a reader sees the old one or the new one, never a part of it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pd4ml.errors import StoreError

__all__ = ["new_folder", "write_atomically", "write_bytes", "write_text"]


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A binary stream whose bytes become the file ``path`` when the block ends well, and vanish when it does not.

    They are written beside it under a name that no other writer has, synced, and renamed: of several writers of
    one file the last one wins. A process that is killed leaves ``.<name>.<number>.partial`` behind, which nobody
    takes for anything.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.

    Yields
    ------
    IO[bytes]
        Where to write.

    Raises
    ------
    OSError
        What the disk refuses; ``path`` is as it was.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


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
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir()
        yield partial
        _refuse_what_is_there(path)
        if path.exists():
            path.rmdir()
        partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _refuse_what_is_there(path: Path) -> None:
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise StoreError(f"{path} is there already, and nothing is ever written over: remove it or name another")


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` as the whole file ``path``.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.
    content : bytes
        All that it is to hold.
    """
    with write_atomically(path) as stream:
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
