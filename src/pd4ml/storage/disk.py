"""What a disk refuses, in words that say what to do about it."""

from __future__ import annotations

import errno

__all__ = ["no_locks", "refused", "size_text"]

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


def size_text(n_bytes: float) -> str:
    """A number of bytes for the eye, such as ``1.9 GB``."""
    power = 0
    while n_bytes >= 999.5 and power < len(_UNITS) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.{int(power > 0 and n_bytes < 100)}f} {_UNITS[power]}"
