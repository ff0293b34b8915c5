"""Command lines that run in forks of a process that has imported everything: what a case costs is its own work."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hold.lines.faults import FAULT, Fault, install

__all__ = ["Ended", "Place", "adopt_orphans", "in_fork", "orphans", "run_line", "warm", "warm_up"]

PLUGIN = Path(__file__).with_name("events.py")
MOST_SECONDS = 240.0  # that a line may take before it counts as one that hangs
_SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Place:
    """Where a case lies: the folder of its line, a folder of temporary files, what was printed, a counter."""

    folder: Path

    @property
    def work(self) -> Path:
        """Where the line is run."""
        return self.folder / "work"

    @property
    def temporary(self) -> Path:
        """Its TMPDIR."""
        return self.folder / "temporary"

    @property
    def counter(self) -> Path:
        """In which its processes count changes."""
        return self.folder / "counter"

    def filled(self, fixture: Path | None) -> Place:
        """Empty, but for what the line needs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if fixture is None:
            self.work.mkdir(parents=True)
        else:
            shutil.copytree(fixture, self.work)
        self.temporary.mkdir()
        self.counter.write_bytes(b"")
        return self

    def fault(self, **changes: Any) -> Fault:
        """A fault at changes of this place."""
        return Fault((str(self.work), str(self.temporary)), str(self.counter), **changes)


@dataclass(frozen=True)
class Ended:
    """How a line ended: the code, below zero a signal's number; None where it hung."""

    code: int | None
    said: str

    @property
    def last_line(self) -> str:
        """Of what was said on standard error."""
        return self.said.strip().rpartition("\n")[2]

    @property
    def refused(self) -> bool:
        """Whether it ended with one line that says why."""
        return self.code == 2 and self.last_line.startswith("pd4ml: ") and "Traceback" not in self.said


def warm() -> None:
    """Import what lines need, once."""
    os.environ["PD4ML_PLUGINS"] = str(PLUGIN)
    import lightning.pytorch  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import torch
    import typer.main

    import pd4ml.cli
    import pd4ml.collaborate.together
    import pd4ml.report.html
    import pd4ml.training.network
    import pd4ml.training.trees  # noqa: F401

    torch.set_num_threads(1)
    typer.main.get_command = functools.cache(typer.main.get_command)


def adopt_orphans() -> None:
    """Become the parent of what lines leave running, so that it is seen, and leave Ctrl-C to them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def orphans(seconds: float = 15.0) -> bool:
    """Whether processes are left after ``seconds``; they are ended then."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return False
        if time.monotonic() > deadline:
            _end_children()
            return True
        time.sleep(0.01)


def _end_children() -> None:
    for children in Path("/proc/self/task").glob("*/children"):
        for number in children.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)


def in_fork(work: Callable[[], Any], file: Path) -> Any:
    """What ``work`` gives (plain JSON) in a process of its own; RuntimeError if that dies."""
    child = os.fork()
    if not child:
        try:
            file.write_text(json.dumps(work()))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a process of the harness ended with {os.waitstatus_to_exitcode(status)}")
    return json.loads(file.read_text())


def run_line(
    line: str,
    place: Place,
    fault: Fault | None = None,
    *,
    outside: tuple[str, float] | None = None,
    before: Callable[[], None] | None = None,
) -> Ended:
    """Run ``line`` (`generate Tiny ...`) in ``place``; ``outside`` is a signal that it gets after so many seconds.

    ``before`` is called in the process of the line.
    """
    said = place.folder / "said"
    said.write_bytes(b"")  # for who is killed before he says anything
    start = time.monotonic()
    child = os.fork()
    if not child:
        _be(line, place, fault, before)
    with contextlib.suppress(OSError):  # as the child does, whoever comes first
        os.setpgid(child, child)
    if outside is not None:
        name, seconds = outside
        while time.monotonic() - start < seconds and not _over(child):
            time.sleep(0.0005)
        if not _over(child):
            os.killpg(child, getattr(signal, name)) if name == "SIGINT" else os.kill(child, getattr(signal, name))
    while not _over(child):
        if time.monotonic() - start > MOST_SECONDS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(None, said.read_text(errors="replace"))
        time.sleep(0.001)
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"))


def _over(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def warm_up(line: str, place: Place) -> Any:
    """Run ``line`` in this very process, whose forks then need not import or compile again; gives its code.

    The process keeps to one core, which means one thread: forks of one that has used more hang where they want
    them.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    here, streams = Path.cwd(), [os.dup(1), os.dup(2)]
    code = _code(line, place, None, None)
    os.chdir(here)
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    return code


def _be(line: str, place: Place, fault: Fault | None, before: Callable[[], None] | None) -> NoReturn:
    """The life of a process that runs one line."""
    os.setpgid(0, 0)
    code = _code(line, place, fault, before)
    # What Python does at an end, without the harness's own frames.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _code(line: str, place: Place, fault: Fault | None, before: Callable[[], None] | None) -> Any:
    """What ``pd4ml LINE`` ends with."""
    code: Any = 99
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        out = os.open(place.folder / "said", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(place.work)
        os.environ["TMPDIR"] = tempfile.tempdir = str(place.temporary)
        os.environ.pop(FAULT, None)
        plugins = [str(PLUGIN)]
        if fault is not None:
            plugins.append(str(PLUGIN.with_name("faults.py")))
            install(fault)
        os.environ["PD4ML_PLUGINS"] = os.pathsep.join(plugins)
        sys.argv = ["pd4ml", *shlex.split(line)]
        if before is not None:
            before()
        from pd4ml import interrupts
        from pd4ml.cli import main

        signal.signal(signal.SIGINT, interrupts._end)  # as where `pd4ml` is imported by its own process
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code
