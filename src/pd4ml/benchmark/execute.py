"""Running a plan: events first, then cell by cell; what is finished is skipped, a failure stops nothing else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pd4ml.arguments import as_path, as_whole
from pd4ml.benchmark.estimate import TimeLeft, expected_cost, time_left_text
from pd4ml.benchmark.plan import Cell, Plan
from pd4ml.benchmark.record import RECORD_NAME, Record, read_record
from pd4ml.benchmark.run import run_name, train
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, LockedError, Pd4mlError, StoreError
from pd4ml.generation.pool import process_pool
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.machine import cores
from pd4ml.storage.atomic import write_text
from pd4ml.storage.store import Store

__all__ = ["Failure", "Outcome", "State", "plan_states", "run_plan"]

_FAILURE = "failed.txt"
# Trainings in threads of one process would share PyTorch's random state.
_ONE_TRAINING = threading.Lock()


@dataclass(frozen=True)
class Failure:
    """A cell that could not be finished.

    Parameters
    ----------
    cell : Cell
        Which training.
    reason : str
        Why, in one line.
    """

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What came of a plan, in the plan's order.

    Parameters
    ----------
    records : tuple[Record, ...]
        Of the cells that are finished.
    failures : tuple[Failure, ...]
        The cells that are not.
    """

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class State:
    """How far a cell is.

    Parameters
    ----------
    cell : Cell
        Which training.
    state : str
        ``finished``, ``failed``, ``started`` or ``waiting``.
    folder : Path, optional
        Of its run; None where its events are not there.
    record : Record, optional
        If it is finished.
    reason : str
        Why it failed when it was last tried.
    """

    cell: Cell
    state: Literal["finished", "failed", "started", "waiting"]
    folder: Path | None = None
    record: Record | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Done:
    """What comes back from a cell."""

    record: Record | None
    reason: str
    seconds: float


def plan_states(plan: Plan, path: str | Path = "./datasets", runs_dir: str | Path = "./runs") -> list[State]:
    """How far each cell is; changes nothing. Without its events a cell waits, whatever there is of it.

    Parameters
    ----------
    plan : Plan
        From `load_plan`.
    path : str or Path
        The folder that holds the datasets.
    runs_dir : str or Path
        The folder that holds the runs.

    Returns
    -------
    list[State]
        In the order of the plan.

    Raises
    ------
    StoreError
        If the events that are there are not those of the plan.
    """
    path, runs_dir = as_path(path), as_path(runs_dir, "runs_dir")
    for dataset in plan.datasets:
        _check_events(plan, dataset, path)
    return [_state(cell, path, runs_dir) for cell in plan.cells]


def run_plan(
    plan: Plan,
    *,
    path: str | Path = "./datasets",
    runs_dir: str | Path = "./runs",
    workers: int | Executor = 1,
) -> Outcome:
    """Make or fetch the events of a plan, then train the cells that have no record.

    A cell that fails keeps its reason in its folder and is tried again by the next call; a call that was stopped
    goes on. Progress goes to standard error.

    Parameters
    ----------
    plan : Plan
        From `load_plan`.
    path : str or Path
        The folder that holds the datasets.
    runs_dir : str or Path
        The folder that holds the runs.
    workers : int or Executor
        Cells that are trained at a time: 1 in this process with all cores, several in processes that share the
        cores, or any ``concurrent.futures.Executor`` whose workers see both folders.

    Returns
    -------
    Outcome
        Records and failures; whatever a training raises is its own failure.

    Raises
    ------
    StoreError
        If the events that are there are not those of the plan.
    MissingExtraError
        If generators are not installed.
    DataError
        For less than one worker.
    """
    if not isinstance(workers, Executor):
        as_whole("workers", workers, 1)
    path, runs_dir = as_path(path), as_path(runs_dir, "runs_dir")
    reasons = _prepare(plan, path, workers)
    failures = {cell.name: reasons[cell.dataset.name] for cell in plan.cells if cell.dataset.name in reasons}
    states = [_state(cell, path, runs_dir) for cell in plan.cells if cell.name not in failures]
    records = {state.cell.name: state.record for state in states if state.record is not None}
    waiting = [state.cell for state in states if state.record is None]
    left = _time_left(states, path) if waiting else TimeLeft({})
    start, busy = time.monotonic(), 0.0
    _say(f"{len(plan.cells)} trainings, {len(records)} finished before")
    work = partial(_train, path=path, runs_dir=runs_dir)
    for cell, done in _finished(tuple(waiting), work, workers):
        busy += done.seconds
        if done.record is not None:
            records[cell.name] = done.record
            left.finished(cell, _seconds(done.record))
        else:
            failures[cell.name] = done.reason
        waiting.remove(cell)
        n_over = len(plan.cells) - len(waiting)
        how = f"failed: {done.reason}" if done.record is None else f"finished in {done.seconds:.0f} s"
        # How many an executor trains at a time is seen from how much was trained so far.
        at_a_time = workers if isinstance(workers, int) else max(1.0, busy / (time.monotonic() - start))
        about = time_left_text(left.seconds(waiting, at_a_time)) if waiting else ""
        _say(f"[{n_over}/{len(plan.cells)}] {cell.name} {how}" + (f"; {about}" if about else ""))
    return Outcome(
        tuple(records[cell.name] for cell in plan.cells if cell.name in records),
        tuple(Failure(cell, failures[cell.name]) for cell in plan.cells if cell.name in failures),
    )


# Events -----------------------------------------------------------------------------------------------------


def _prepare(plan: Plan, path: Path, workers: int | Executor) -> dict[str, str]:
    """Make or fetch what is missing; why it did not work, by dataset.

    What can be known to be wrong before anything takes time is raised.
    """
    missing = [dataset for dataset in plan.datasets if not dataset.folder(path, plan.source).exists()]
    for dataset in plan.datasets:
        _check_events(plan, dataset, path)
        if dataset in missing and plan.source == "generated":
            dataset.simulator().require()
    reasons = {}
    for dataset in missing:
        try:
            if plan.source == "generated":
                on = workers if isinstance(workers, Executor) else cores()
                dataset.generate(path, plan.events[dataset.name], workers=on)
            else:
                dataset.open("train", path)
        except Exception as error:  # of a simulator, of a network: the other datasets go on
            reasons[dataset.name] = _one_line(error)
            _say(f"{dataset.name} has no events: {reasons[dataset.name]}")
    return reasons


def _check_events(plan: Plan, dataset: type[Dataset], path: Path) -> None:
    """Raise StoreError if there are generated events that are not the plan's."""
    if plan.source == "published" or not dataset.folder(path, plan.source).exists():
        return
    store = Store(dataset.folder(path, plan.source))
    found = sum(store.manifest.n_events(split) for split in store.manifest.arrays)
    if found != plan.events[dataset.name]:
        raise StoreError(
            f"{store.folder} holds {found:,} events, plan {plan.name} is for {plan.events[dataset.name]:,}: "
            "choose another folder with --path, or move it away"
        )
    try:
        dataset.generate(path, found)  # says what else is not as planned
    except StoreError as error:
        line = f"pd4ml generate {dataset.name} --events {found} --path {path} --force"
        raise StoreError(f"{error}; `{line}` replaces it") from error


# Cells ------------------------------------------------------------------------------------------------------


def _state(cell: Cell, path: Path, runs_dir: Path) -> State:
    if not cell.dataset.folder(path, cell.source).exists():
        return State(cell, "waiting")
    manifest = cell.dataset.open("train", path, source=cell.source).manifest
    folder = runs_dir / run_name(manifest, cell.recipe, cell.seed, None)
    if (folder / RECORD_NAME).exists():
        try:
            return State(cell, "finished", folder, read_record(folder))
        except DataError as error:
            return State(cell, "failed", folder, reason=_one_line(error))
    if (folder / _FAILURE).exists():
        return State(cell, "failed", folder, reason=(folder / _FAILURE).read_text(encoding="utf-8").strip())
    return State(cell, "started" if folder.exists() else "waiting", folder)


def _train(cell: Cell, *, path: Path, runs_dir: Path) -> _Done:
    """Train one cell, in whatever process this is."""
    with _ONE_TRAINING:
        start = time.monotonic()
        try:
            record = train(
                cell.dataset, cell.recipe, path=path, source=cell.source, seed=cell.seed, runs_dir=runs_dir
            )
        except LockedError as error:  # another process's run: its folder is left alone
            return _Done(None, _one_line(error), time.monotonic() - start)
        except Exception as error:  # whatever a model or a full disk raises: the other cells go on
            reason = _one_line(error)
            _note(_state(cell, path, runs_dir).folder, reason)
            return _Done(None, reason, time.monotonic() - start)
        if record.folder is not None:
            (record.folder / _FAILURE).unlink(missing_ok=True)
        return _Done(record, "", time.monotonic() - start)


def _note(folder: Path | None, reason: str) -> None:
    """Keep in the folder of a run why it failed."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / _FAILURE, reason + "\n")
    except OSError as error:  # such as a full disk: the reason is told all the same
        _say(f"{folder / _FAILURE}: {error.strerror}")


def _finished(
    cells: Sequence[Cell], work: partial[_Done], workers: int | Executor
) -> Iterator[tuple[Cell, _Done]]:
    """What comes of the cells, as they finish."""
    if isinstance(workers, Executor):
        futures = {workers.submit(work, cell): cell for cell in cells}
        try:
            for future in as_completed(futures):
                yield futures[future], _result(future)
        finally:
            for future in futures:
                future.cancel()
    elif workers == 1:
        for cell in cells:
            _say(f"training {cell.name}")
            yield cell, work(cell)
    else:
        waiting = list(cells)
        while waiting:  # a worker that dies takes its pool with it
            yield from _finished_in_pool(waiting, work, workers)


def _finished_in_pool(waiting: list[Cell], work: partial[_Done], workers: int) -> Iterator[tuple[Cell, _Done]]:
    """Take cells from ``waiting`` until there are none, or until the pool breaks."""
    running: dict[Future[_Done], Cell] = {}
    with process_pool(workers, threads=max(1, cores() // workers), quiet=True) as pool:
        broken = False
        while (waiting or running) and not broken:
            while waiting and len(running) < workers and not broken:
                try:
                    running[pool.submit(work, waiting[0])] = waiting[0]
                except BrokenExecutor:
                    broken = True
                else:
                    _say(f"training {waiting.pop(0).name}")
            done, _ = wait(running, return_when="FIRST_COMPLETED")
            broken = broken or any(isinstance(future.exception(), BrokenExecutor) for future in done)
            for future in list(running) if broken else done:
                yield running.pop(future), _result(future)


def _result(future: Future[_Done]) -> _Done:
    try:
        return future.result()
    except BrokenExecutor:
        return _Done(None, "a worker process died, perhaps for lack of memory", 0.0)
    except Exception as error:  # an executor's own: a cluster raises what it likes
        return _Done(None, _one_line(error), 0.0)


def _time_left(states: Sequence[State], path: Path) -> TimeLeft:
    """Knows the costs of all cells, and the seconds of those that are finished."""
    costs: dict[str, float] = {}
    by_pair: dict[tuple[str, str], float] = {}
    graphs: dict[type[Dataset], LazyGraphs] = {}
    for cell in (state.cell for state in states):
        pair = (cell.dataset.name, cell.recipe.name)
        if pair not in by_pair:
            try:
                if cell.dataset not in graphs:
                    graphs[cell.dataset] = cell.dataset.graphs("train", path, source=cell.source)
                by_pair[pair] = expected_cost(cell, graphs[cell.dataset])
            except Exception:  # such as a model that cannot be built: the cell will say so itself
                by_pair[pair] = 1.0
        costs[cell.name] = by_pair[pair]
    left = TimeLeft(costs)
    for state in states:
        if state.record is not None:
            left.finished(state.cell, _seconds(state.record))
    return left


def _seconds(record: Record) -> float:
    """What the training took, without what is loaded or compiled once before the first."""
    return record.timing["train_seconds"] + record.timing["predict_seconds"]


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, Pd4mlError) else f"{type(error).__name__}: {text}"[:500]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
