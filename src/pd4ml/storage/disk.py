"""What a disk refuses, in words that say what to do about it, and files that are waited for without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

__all__ = ["no_locks", "open_plain", "refused", "require_plain", "size_text"]

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def refused(error: OSError) -> str:
    """The system's reason, and what to do: of a full disk make room, of a forbidden place ask for permission."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{reason}: make room, or choose another path"
    if error.errno in _FORBIDDEN:
        return f"{reason}: choose another path, or ask its owner for permission"
    return f"{reason}: choose another path"


def no_locks(error: OSError) -> bool:
    """Whether a file system says that it has no locks, as some network file systems do."""
    return error.errno in _NO_LOCKS


def require_plain(file: Path) -> os.stat_result:
    """What the system says of a plain file; OSError for a pipe, a device or a folder: libraries wait for some."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(file))
    return found


def open_plain(file: Path) -> IO[bytes]:
    """A plain file, open to be read; OSError for anything else, which is not waited for either."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(file))
    return os.fdopen(descriptor, "rb")


def size_text(n_bytes: float) -> str:
    """A number of bytes for the eye, such as ``1.9 GB``."""
    power = 0
    while n_bytes >= 999.5 and power < len(_UNITS) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.{int(power > 0 and n_bytes < 100)}f} {_UNITS[power]}"
