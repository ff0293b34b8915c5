"""Working off the cells of a plan: one after another, in a pool of processes, on any executor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed, wait
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pd4ml.arguments import as_whole
from pd4ml.benchmark.plan import Cell
from pd4ml.benchmark.record import Record
from pd4ml.errors import Pd4mlError
from pd4ml.generation.pool import process_pool
from pd4ml.machine import CoreMeter, cores, free_cores, memory_bytes
from pd4ml.progress import under_way

__all__ = ["Done", "Share", "Workers", "check_workers", "finished", "one_line", "say", "share"]

Workers = int | Literal["auto"] | Executor
_WORKER_BYTES = 3 << 29  # of a process that trains: PyTorch, its compiled kernels, what a batch needs
_LOOK_SECONDS = 1.0  # so long that a short burst of others' work does not decide
_LOOK_AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Done:
    """What comes back from a cell; ``elsewhere`` says that another process is training it."""

    record: Record | None
    reason: str
    seconds: float
    elsewhere: bool = False


class Share(NamedTuple):
    """Trainings at a time, threads of each, and trainings at a time where more cores become free."""

    workers: int
    threads: int
    most: int


def check_workers(workers: Workers) -> None:
    """DataError for less than one worker, or for what is no number of them."""
    if not isinstance(workers, Executor) and workers != "auto":
        as_whole("workers", workers, 1)


def share(workers: int | Literal["auto"], n_cells: int) -> Share:
    """How ``n_cells`` share the machine; ``auto`` gives each a core that is free, if there are so many.

    Two trainings with a thread each get more done than one after another with two.
    """
    if workers != "auto":
        return Share(workers, max(1, cores() // workers), workers)
    memory = memory_bytes()
    most = max(1, min(cores(), n_cells if memory is None else memory // _WORKER_BYTES, n_cells))
    free = max(1, round(free_cores(_LOOK_SECONDS)))
    at_a_time = min(free, most)
    return Share(at_a_time, free // at_a_time, most)


def finished(
    cells: Sequence[Cell], work: Callable[[Cell], Done], on: Share | Executor
) -> Iterator[tuple[Cell, Done]]:
    """What comes of ``cells``, begun in this order, as they finish."""
    if isinstance(on, Executor):
        yield from _on_executor(cells, work, on)
    elif on.most == 1:
        for cell in cells:
            say(f"training {cell.name}")
            yield cell, work(cell)
    else:
        waiting = list(cells)
        while waiting:  # a worker that dies takes its pool with it
            yield from _in_pool(waiting, work, on)


def one_line(error: BaseException) -> str:
    """Why a training failed."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Pd4mlError) else f"{type(error).__name__}: {text}"[:500]


def say(text: str) -> None:
    """Print a line on standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def _on_executor(
    cells: Sequence[Cell], work: Callable[[Cell], Done], executor: Executor
) -> Iterator[tuple[Cell, Done]]:
    futures = {executor.submit(work, cell): cell for cell in cells}
    try:
        for future in as_completed(futures):
            yield futures[future], _result(future)
    finally:
        for future in futures:
            future.cancel()


def _in_pool(waiting: list[Cell], work: Callable[[Cell], Done], on: Share) -> Iterator[tuple[Cell, Done]]:
    """Take cells from ``waiting`` until there are none, or until the pool breaks."""
    running: dict[Future[Done], Cell] = {}
    at_a_time, meter = on.workers, CoreMeter()
    with process_pool(on.most, threads=on.threads, quiet=True) as pool, under_way() as show:
        broken = False
        while (waiting or running) and not broken:
            while waiting and len(running) < at_a_time and not broken:
                try:
                    running[pool.submit(work, waiting[0])] = waiting[0]
                except BrokenExecutor:
                    broken = True
                else:
                    say(f"training {waiting.pop(0).name}")
            show("training " + ", ".join(cell.name for cell in running.values()))
            look_again = _LOOK_AGAIN_SECONDS if at_a_time < on.most else None
            done, _ = wait(running, look_again, "FIRST_COMPLETED")
            at_a_time = max(at_a_time, min(on.most, len(running) + round(meter.free())))
            broken = broken or any(isinstance(future.exception(), BrokenExecutor) for future in done)
            for future in list(running) if broken else done:
                yield running.pop(future), _result(future)


def _result(future: Future[Done]) -> Done:
    try:
        return future.result()
    except BrokenExecutor:
        return Done(None, "a worker process died, perhaps for lack of memory", 0.0)
    except Exception as error:  # an executor's own: a cluster raises what it likes
        return Done(None, one_line(error), 0.0)
