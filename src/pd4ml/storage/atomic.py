"""Files that are written whole: a reader sees the old file or the new one, never a part of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["write_atomically", "write_bytes", "write_text"]


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
