"""Every change of the disk is counted, and at one of them something happens: a kill, a signal, an error.

The layer needs no root and no tracer: Python's audit events tell of files that are opened to be written, renamed,
removed, and of folders; files that Python writes are opened as `_Counted`, which tells of every write; ``fsync``
is wrapped. What a library in C writes past Python is not seen (HDF5, which the package only reads). The layer
stays for good, so it belongs into a process that ends with the case. Its settings are a `Fault` in the
environment, which workers find when they load this file as a plugin.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["FAULT", "Fault", "count", "install"]

FAULT = "PD4ML_HOLD_FAULT"
_CREATING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_inside = threading.local()


@dataclass(frozen=True)
class Fault:
    """What happens at change number ``at`` below one of ``folders``; 0 never comes, and all are counted.

    ``what`` is a signal's name (the process sends it to itself before the change), ``torn`` (a kill, of a write
    in its middle), or the name of an errno, which the change raises, and all later ones if it ``lasts``.
    ``counter`` is a file in which all processes of the case count.
    """

    folders: tuple[str, ...]
    counter: str
    at: int = 0
    what: str = "SIGKILL"
    lasts: bool = False


def count(counter: Path) -> int:
    """How many changes there were."""
    return int.from_bytes(counter.read_bytes()[:8], "little")


def install(fault: Fault) -> None:
    """Watch this process, and those that it starts."""
    os.environ[FAULT] = json.dumps(asdict(fault))
    _Layer(fault).install()


class _Layer:
    def __init__(self, fault: Fault) -> None:
        self.fault, self.folders = fault, tuple(os.path.realpath(folder) + os.sep for folder in fault.folders)
        self.counter = os.open(fault.counter, os.O_RDWR | os.O_CREAT, 0o600)

    def install(self) -> None:
        layer, fsync, opened = self, os.fsync, io.open

        def counted_fsync(fd: Any) -> None:
            layer.change(_of_descriptor(fd if isinstance(fd, int) else fd.fileno()))
            fsync(fd)

        def counted_open(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
            if set(mode) & set("wxa+") and not isinstance(file, int) and layer.watches(_path(file)):
                return _open(layer, file, mode, buffering, *rest, **options)
            return opened(file, mode, buffering, *rest, **options)

        os.fsync = counted_fsync
        io.open = builtins.open = counted_open
        sys.addaudithook(self.hear)

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        """An audit event."""
        if event == "open":
            if isinstance(given[0], str | bytes | os.PathLike) and given[2] & _CREATING:
                self.change(_path(given[0]))
        elif event in ("os.remove", "os.rmdir", "os.mkdir"):
            self.change(_path(given[0], given[-1]))
        elif event in ("os.rename", "os.link", "os.symlink"):
            self.change(_path(given[1]))
        elif event == "os.truncate":
            self.change(_of_descriptor(given[0]) if isinstance(given[0], int) else _path(given[0]))

    def watches(self, path: str) -> bool:
        """Whether changes of ``path`` are counted; what Python and numba keep of compiled code is not."""
        return path.startswith(self.folders) and "__pycache__" not in path

    def change(self, path: str, *, write: bool = False) -> bool:
        """Count a change of ``path`` that is about to be; true for a write that is to be torn."""
        if getattr(_inside, "here", False) or not self.watches(path):
            return False
        _inside.here = True
        try:
            number, at, what = self._number(), self.fault.at, self.fault.what
        finally:
            _inside.here = False
        if number != at and not (self.fault.lasts and 0 < at <= number):
            return False
        if what == "torn" and write:
            return True
        if what.startswith("SIG") or what == "torn":
            os.kill(os.getpid(), getattr(signal, what, signal.SIGKILL))
            return False
        code = getattr(errno, what)
        raise OSError(code, os.strerror(code), path)

    def _number(self) -> int:
        fcntl.lockf(self.counter, fcntl.LOCK_EX)
        number = int.from_bytes(os.pread(self.counter, 8, 0), "little") + 1
        os.pwrite(self.counter, number.to_bytes(8, "little"), 0)
        fcntl.lockf(self.counter, fcntl.LOCK_UN)
        return number


class _Counted(io.FileIO):
    """A file whose writes are changes."""

    layer: _Layer
    path: str

    def write(self, data: Any) -> Any:
        """Write, or half of it."""
        if self.layer.change(self.path, write=True):
            view = memoryview(data).cast("B")
            super().write(view[: len(view) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(data)


def _open(
    layer: _Layer,
    file: Any,
    mode: str,
    buffering: int,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """As Python's own ``open``, for a file that is written."""
    raw = _Counted(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    raw.layer, raw.path = layer, _path(file)
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    buffered = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)


def _path(path: Any, folder: Any = -1) -> str:
    """The whole path of a file, of which nothing need be there; ``folder`` is a descriptor or below zero."""
    text = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0:
        text = os.path.join(_of_descriptor(folder), text)
    parent, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(parent), name)


def _of_descriptor(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


if FAULT in os.environ and __name__ == "faults" and io.open.__name__ != "counted_open":  # a worker loads a plugin
    install(Fault(**json.loads(os.environ[FAULT])))
