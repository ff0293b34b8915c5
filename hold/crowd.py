"""Many processes that begin at the same instant, as copies of one that is warm; and what they leave behind."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

__all__ = ["Ended", "Job", "at_once", "contents", "leftovers", "line", "start"]

Job = str | Callable[[], Any]  # a line of the command line, or a function of a module
_SECONDS = 300.0  # in which all must be over
_TIMES = {
    "created",
    "timing",
    "machine",
    "seconds",
    "versions",
    "mtime_ns",
}  # what may differ between equal results
_LEFT = re.compile(r"\.partial$|\.old$|\.copy$|\.part$|/plan\.json$|/journal\.jsonl$|\.making-|/pieces(/|$)")


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: a signal), and what it printed."""

    job: Job
    code: int
    printed: str

    @property
    def refused(self) -> bool:
        """Whether it ended as a user may expect of what cannot be done: one line of ours, and 2."""
        last = self.printed.strip().splitlines()[-1:]
        return self.code == 2 and "Traceback" not in self.printed and [t[:7] for t in last] == ["pd4ml: "]


def at_once(jobs: Sequence[Job], folder: Path, log: Path) -> list[Ended]:
    """Run all ``jobs`` in ``folder``, each in a process, from the same instant on."""
    log.mkdir(parents=True, exist_ok=True)
    barrier = _context().Barrier(len(jobs))
    processes = [start(job, folder, log / str(i), barrier) for i, job in enumerate(jobs)]
    end = time.monotonic() + _SECONDS
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
    return [
        Ended(job, process.exitcode or 0, (log / str(i)).read_text(errors="replace"))
        for i, (job, process) in enumerate(zip(jobs, processes, strict=True))
    ]


def start(job: Job, folder: Path, log: Path, barrier: Any = None) -> BaseProcess:
    """A process that does ``job`` in ``folder`` and prints to the file ``log``."""
    process = _context().Process(target=_work, args=(job, folder, log, barrier))
    process.start()
    return process


def line(argv: str) -> int:
    """Do a line of the command line here; its exit code."""
    from hold.warm import command

    return command(argv)


def contents(folder: Path) -> dict[str, str]:
    """Name and hash of each file, without times; locks and notes of what was verified are no contents."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.endswith(".lock") and file.name != ".verified.json":
            found[str(file.relative_to(folder))] = hashlib.sha256(_timeless(file)).hexdigest()
    return found


def leftovers(folder: Path) -> list[str]:
    """What only unfinished work may have."""
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if _LEFT.search(str(file))]


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hold.warm"])
    return context


def _work(job: Job, folder: Path, log: Path, barrier: Any) -> None:
    os.chdir(folder)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(os.dup(n), "wb"), line_buffering=True) for n in (1, 2))
    if barrier is not None:
        barrier.wait(60)
    code = line(job) if isinstance(job, str) else job()
    sys.stdout.flush()
    sys.exit(code)


def _timeless(file: Path) -> bytes:
    """The bytes of a file, without the times that records, histories and manifests keep."""
    content = file.read_bytes()
    with contextlib.suppress(ValueError):
        if file.suffix == ".json":
            return json.dumps(_without(json.loads(content)), sort_keys=True).encode()
    if file.name == "history.csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        return json.dumps([{k: v for k, v in row.items() if k not in _TIMES} for row in rows]).encode()
    return content


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in _TIMES}
    return [_without(v) for v in value] if isinstance(value, list) else value
