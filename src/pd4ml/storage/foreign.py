"""Files that somebody else may have made: what goes wrong is one line, and none of them fills the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pd4ml.errors import DataError, Pd4mlError, StoreError, one_line
from pd4ml.storage.disk import refused, require_plain, size_text

__all__ = ["check_unpacked", "foreign"]

_SMALL_BYTES = 1 << 28
_MOST_RATIO = 100  # deflate packs events of the datasets here at most 17 times, sparse images included


@contextmanager
def foreign(path: Path, noun: str, n_bytes: int | None = None) -> Iterator[None]:
    """Read the plain file ``path`` in this block; what a library raises over it becomes a DataError.

    Nothing is listed, since libraries raise what they like over damaged files. ``noun`` is what it should be,
    ``n_bytes`` its size when it was opened: behind the end of a file that was cut since, HDF5 reads zeros.
    """
    try:
        size = require_plain(path).st_size
        yield
        if path.stat().st_size != (size if n_bytes is None else n_bytes):
            raise DataError(f"{path} was changed while it was read: read it again when it is whole")
    except (Pd4mlError, MemoryError):
        raise
    except PermissionError as error:
        raise StoreError(f"{path} cannot be read: {refused(error)}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        said = one_line(str(error), 200) or type(error).__name__
        raise DataError(f"{path} is damaged or no {noun}: {said}") from error


def check_unpacked(path: Path, n_bytes: int) -> None:
    """DataError where what is about to be read of a file takes far more memory than events in it could."""
    size = path.stat().st_size
    if n_bytes > max(_SMALL_BYTES, _MOST_RATIO * size):
        raise DataError(
            f"{path} has {size_text(size)} and promises {size_text(n_bytes)}, which would fill the memory: "
            "write what it holds with less compression, or in smaller parts"
        )
