"""Something hostile, tried in a forked child: bounded in time and memory, seen when it does what no reader may.

The child is killed when its time is over. Its memory is what it takes beyond the process that it was forked from.
No reader may write outside its folder, start a process, use the network or execute what a file holds (`canary`).
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pd4ml.errors import Pd4mlError

__all__ = ["Ended", "bounded", "canary"]

SECONDS, MEGABYTES = 10.0, 500.0
MOST_CHARACTERS = 2000  # of a message
_SPARE_BYTES = 4 << 30  # of addresses, most of which is never touched: libraries reserve some
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of https://docs.python.org/3/library/audit_events.html
_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink")


@dataclass(frozen=True)
class Ended:
    """How it ended: ``returned`` and ``refused`` (a Pd4mlError, or exit code 2, in one line) are well.

    Otherwise it ``raised`` something else, ``escaped``, took too much ``time`` or ``memory``, or ``crashed``.
    ``said`` is the text of what was returned or said, ``output`` what was printed (its end, if it is long).
    """

    how: str
    said: str
    output: str
    seconds: float
    megabytes: float

    @property
    def wrong(self) -> str:
        """Nothing, if it ended well; otherwise one line."""
        return "" if self.how in ("returned", "refused") else f"{self.how}: {self.said[:500]!r}"


def bounded(
    do: Callable[[], object], folder: Path, seconds: float = SECONDS, megabytes: float = MEGABYTES
) -> Ended:
    """Call ``do`` in a forked child that may write in ``folder`` only."""
    start = time.monotonic()
    receive, send = os.pipe()
    with tempfile.TemporaryFile() as output:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that sleep while we fork
            child = os.fork()
        if not child:
            os.close(receive)
            _child(do, folder, send, output.fileno())
        os.close(send)
        told = _told(receive, start + seconds)
        late = told is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # with all that it has started
        _, status, usage = os.wait4(child, 0)
        output.seek(max(0, output.seek(0, os.SEEK_END) - 10_000))
        printed = output.read().decode(errors="replace")
    how, said, before = told or ("crashed", f"signal {os.waitstatus_to_exitcode(status)} {printed[-400:]}", 0)
    used = max(0, usage.ru_maxrss - before) * 1024 / 1e6 if before else 0.0
    if late:
        how, said = "time", f"nothing after {seconds:g} s"
    elif how in ("returned", "refused", "raised") and used > megabytes:
        how, said = "memory", f"{used:.0f} MB, then {how}: {said}"
    return Ended(how, said, printed, time.monotonic() - start, used)


class _Canary:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def canary() -> bytes:
    """A pickle; whoever loads it starts a process, which is seen."""
    return pickle.dumps(_Canary())


def _told(receive: int, until: float) -> tuple[str, str, int] | None:
    """What the child says at its end: nothing in time is None, nothing at all an empty text."""
    content = b""
    with os.fdopen(receive, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            if not (part := pipe.read(1 << 16)):
                how, said, before = json.loads(content) if content else ("", "", 0)
                return (how or "crashed", said, before) if content else ("crashed", "", 0)
            content += part
    return None


def _child(do: Callable[[], object], folder: Path, send: int, output: int) -> NoReturn:
    """Do it, say how it ended, and be gone without any of the parent's own ends."""
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = sys.stderr = os.fdopen(os.dup(output), "w", encoding="utf-8", errors="backslashreplace")
        faulthandler.enable(sys.stderr)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        escapes: list[str] = []
        sys.addaudithook(_guard(folder.resolve(), escapes))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
        if pages:
            most = pages * resource.getpagesize() + _SPARE_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        how, said = _tried(do)
        if escapes:
            how, said = "escaped", "; ".join(escapes)
        sys.stdout.flush()
        content = json.dumps([how, said[: 10 * MOST_CHARACTERS], before]).encode()
        while content:
            content = content[os.write(send, content) :]
    finally:
        os._exit(0)


def _tried(do: Callable[[], object]) -> tuple[str, str]:
    try:
        return "returned", str(do())
    except Pd4mlError as error:
        said = str(error)
        if not said.isprintable() or not 0 < len(said) <= MOST_CHARACTERS:
            return "raised", f"a message of {len(said):,} characters, not in one printable line: {said!r}"
        return "refused", said
    except MemoryError as error:
        return "memory", _last_frame(error)
    except SystemExit as error:  # of the command line
        if error.code in (0, None):
            return "returned", ""
        return ("refused" if error.code == 2 else "raised"), f"exit code {error.code}"
    except BaseException as error:
        return "raised", _last_frame(error)


def _last_frame(error: BaseException) -> str:
    """Type and message of an error, and where it was raised, the package's own frame first."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/pd4ml/" in f.filename] or frames
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in (ours[-1], frames[-1]))
    return f"{type(error).__name__} at {places}: {str(error)[:300]}"


def _guard(folder: Path, escapes: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that notes and stops what no reader may do."""

    def outside(path: object, directory: object = None) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # an open file
        found = Path(os.fsdecode(path))
        if directory is None:
            found = found.resolve()
        else:  # a change of a name, not of what a link leads to
            beside = f"/proc/self/fd/{directory}" if isinstance(directory, int) and directory >= 0 else ""
            found = (Path(beside) / found).parent.resolve() / found.name
        return not found.is_relative_to(folder) and found != Path(os.devnull) and "__pycache__" not in found.parts

    def stop(what: str) -> NoReturn:
        escapes.append(what[:200])
        raise PermissionError(what[:200])

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            stop(f"{event} {args!r}")
        written = event in ("os.truncate", "os.chmod") or (event == "open" and args[2] and args[2] & _WRITES)
        if written and outside(args[0]):
            stop(f"writes {args[0]!r}")
        if event in _CHANGES and any(outside(path, args[-1]) for path in args[:2]):
            stop(f"{event} {args[:2]!r}")

    return look
