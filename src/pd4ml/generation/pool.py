"""A pool of local processes that never outlives its block, on success, on an error or on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from pd4ml.interrupts import kept_from
from pd4ml.plugins import load_plugins

__all__ = ["process_pool"]

_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Beyond, loky takes it for a leak and replaces the worker: libraries and a generator's tables, which are loaded
# with a task, pass its own 0.3 GB.
_LEAK = {"LOKY_MAX_MEMORY_LEAK_SIZE": "2e9"}


@contextmanager
def process_pool(workers: int, *, threads: int = 1, quiet: bool = False) -> Iterator[Executor]:
    """``workers`` processes with ``threads`` threads each; ``quiet`` ones print nothing on standard error."""
    # loky rather than the standard pool: a user's script needs no ``if __name__ == "__main__"``
    from loky import ProcessPoolExecutor

    with kept_from():
        pool = ProcessPoolExecutor(
            max_workers=workers,
            env={**dict.fromkeys(_THREADS, str(threads)), **_LEAK},
            initializer=_prepare_worker,
            initargs=(os.getpid(), quiet),
        )
        pool.submit(int)  # starts all of them
    try:
        yield pool
    finally:
        # On success nothing runs any more; on an error or Ctrl-C what still runs is thrown away.
        pool.shutdown(wait=True, kill_workers=True)


def _prepare_worker(parent: int, quiet: bool) -> None:
    """Leave Ctrl-C to the parent, know its plugins, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if quiet:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open as long as the process lives

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    load_plugins()
