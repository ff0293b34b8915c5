"""Running a plan: events first, then cell by cell; what is finished is skipped, a failure stops nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from pd4ml.arguments import as_path
from pd4ml.benchmark.estimate import TimeLeft, expected_cost, time_left_text
from pd4ml.benchmark.plan import Cell, Plan
from pd4ml.benchmark.record import RECORD_NAME, Record, read_record
from pd4ml.benchmark.run import run_name, train_sample
from pd4ml.benchmark.work import Done, Workers, check_workers, finished, one_line, say, share
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, LockedError, StoreError
from pd4ml.generation.pool import process_pool
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.machine import cores
from pd4ml.progress import under_way
from pd4ml.storage.atomic import write_text
from pd4ml.storage.lock import WAIT_SECONDS
from pd4ml.storage.store import Store
from pd4ml.training.fitted import Options

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
    for dataset in plan.variants:
        _check_events(plan, dataset, path)
    return [_state(cell, path, runs_dir) for cell in plan.cells]


def run_plan(
    plan: Plan,
    *,
    path: str | Path = "./datasets",
    runs_dir: str | Path = "./runs",
    workers: Workers = 1,
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
    workers : int, "auto" or Executor
        Cells that are trained at a time: 1 in this process with all cores, several in processes that share the
        cores, ``auto`` as many as cores are free, or any ``concurrent.futures.Executor`` whose workers see both
        folders. The long ones begin first where there are several at a time.

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
    check_workers(workers)
    path, runs_dir = as_path(path), as_path(runs_dir, "runs_dir")
    reasons = _prepare(plan, path, workers)
    failures = {cell.name: reasons[cell.dataset.name] for cell in plan.cells if cell.dataset.name in reasons}
    states = [_state(cell, path, runs_dir) for cell in plan.cells if cell.name not in failures]
    records = {state.cell.name: state.record for state in states if state.record is not None}
    waiting = [state.cell for state in states if state.record is None]
    left = _time_left(states, path) if waiting else TimeLeft({})
    start, busy = time.monotonic(), 0.0
    say(f"{len(plan.cells)} trainings, {len(records)} finished before")
    work = partial(_train, path=path, runs_dir=runs_dir)
    on = workers if isinstance(workers, Executor) else share(workers, len(waiting))
    alone = not isinstance(on, Executor) and on.most == 1
    # The long ones first, so that no core idles at the end.
    cells = tuple(waiting if alone else sorted(waiting, key=lambda cell: -left.costs[cell.name]))
    elsewhere: list[Cell] = []
    for cell, done in chain(finished(cells, work, on), _after_others(elsewhere, work)):
        if done.elsewhere:
            elsewhere.append(cell)
            continue
        busy += done.seconds
        if done.record is not None:
            records[cell.name] = done.record
            left.finished(cell, _seconds(done.record))
        else:
            failures[cell.name] = done.reason
        waiting.remove(cell)
        n_over = len(plan.cells) - len(waiting)
        how = f"failed: {done.reason}" if done.record is None else f"finished in {done.seconds:.0f} s"
        # Where nobody said how many are trained at a time, it is seen from how much was trained so far.
        at_a_time = workers if isinstance(workers, int) else max(1.0, busy / (time.monotonic() - start))
        about = time_left_text(left.seconds(waiting, at_a_time)) if waiting else ""
        say(f"[{n_over}/{len(plan.cells)}] {cell.name} {how}" + (f"; {about}" if about else ""))
    return Outcome(
        tuple(records[cell.name] for cell in plan.cells if cell.name in records),
        tuple(Failure(cell, failures[cell.name]) for cell in plan.cells if cell.name in failures),
    )


# Events -----------------------------------------------------------------------------------------------------


def _prepare(plan: Plan, path: Path, workers: Workers) -> dict[str, str]:
    """Make or fetch what is missing; why it did not work, by dataset.

    What can be known to be wrong before anything takes time is raised.
    """
    missing = [d for d, v in plan.variants.items() if not d.folder(path, plan.source_of(d), v).exists()]
    for dataset in plan.variants:
        _check_events(plan, dataset, path)
        if dataset in missing and plan.source_of(dataset) == "generated":
            dataset.simulator().require()
    if plan.source == "generated" and not isinstance(workers, Executor) and 1 < cores() <= len(missing):
        found = _made_side_by_side(plan, missing, path)
    else:
        on = workers if isinstance(workers, Executor) else cores()
        found = ((d, _get_events(d, path, plan.events.get(d.name), plan.variants[d], on)) for d in missing)
    reasons = {dataset.name: reason for dataset, reason in found if reason}
    for name, reason in reasons.items():
        say(f"{name} has no events: {reason}")
    return reasons


def _get_events(
    dataset: type[Dataset], path: Path, n_events: int | None, variant: str, workers: int | Executor
) -> str:
    """Make ``n_events`` of a dataset, or fetch published ones if it is None; why it did not work, or nothing."""
    try:
        if n_events is None:
            dataset.open("train", path)
        else:
            dataset.generate(path, n_events, workers=workers, variant=variant)
    except Exception as error:  # of a simulator, of a network: the other datasets go on
        return one_line(error)
    return ""


def _made_side_by_side(
    plan: Plan, missing: Sequence[type[Dataset]], path: Path
) -> Iterator[tuple[type[Dataset], str]]:
    """Make each dataset on one core: its kernels are compiled once then, not in each of its workers."""
    say(f"generating {', '.join(dataset.name for dataset in missing)}")
    with process_pool(cores(), quiet=True) as pool, under_way() as show:
        running = {pool.submit(_get_events, d, path, plan.events[d.name], plan.variants[d], 1): d for d in missing}
        for future in as_completed(list(running)):
            dataset = running.pop(future)
            try:
                reason = future.result()
            except BrokenExecutor:
                reason = "a worker process died, perhaps for lack of memory"
            if not reason:
                say(f"generated {plan.events[dataset.name]:,} events of {dataset.name}")
            show("generating " + ", ".join(d.name for d in running.values()))
            yield dataset, reason


def _check_events(plan: Plan, dataset: type[Dataset], path: Path) -> None:
    """Raise StoreError if there are generated events that are not the plan's."""
    variant = plan.variants[dataset]
    source = plan.source_of(dataset)
    if source != "generated" or not dataset.folder(path, source, variant).exists():
        return
    store = Store(dataset.folder(path, source, variant))
    found = sum(store.manifest.n_events(split) for split in store.manifest.arrays)
    if found != plan.events[dataset.name]:
        raise StoreError(
            f"{store.folder} holds {found:,} events, plan {plan.name} is for {plan.events[dataset.name]:,}: "
            "choose another folder with --path, or move it away"
        )
    try:
        dataset.generate(path, found, variant=variant)  # says what else is not as planned
    except StoreError as error:
        of = "" if variant == "default" else f"--variant {variant} "
        line = f"pd4ml generate {dataset.name} {of}--events {found} --path {path} --force"
        raise StoreError(f"{error}; `{line}` replaces it") from error


# Cells ------------------------------------------------------------------------------------------------------


def _state(cell: Cell, path: Path, runs_dir: Path) -> State:
    if not cell.dataset.folder(path, cell.source, cell.variant).exists():
        return State(cell, "waiting")
    manifest = cell.sample(path).manifest
    folder = runs_dir / run_name(manifest, cell.recipe, cell.seed, cell.n_train)
    if (folder / RECORD_NAME).exists():
        try:
            return State(cell, "finished", folder, read_record(folder))
        except DataError as error:
            return State(cell, "failed", folder, reason=one_line(error))
    if (folder / _FAILURE).exists():
        return State(cell, "failed", folder, reason=(folder / _FAILURE).read_text(encoding="utf-8").strip())
    return State(cell, "started" if folder.exists() else "waiting", folder)


def _train(cell: Cell, *, path: Path, runs_dir: Path, wait: float = 0) -> Done:
    """Train one cell, in whatever process this is; another process that trains it is waited for so long."""
    with _ONE_TRAINING:
        start = time.monotonic()
        try:
            options = Options(cell.seed, cell.n_train)
            record = train_sample(
                cell.sample(path), cell.recipe, runs_dir=runs_dir, options=options, wait=wait
            ).record
        except LockedError as error:  # another process's run: its folder is left alone
            return Done(None, one_line(error), time.monotonic() - start, elsewhere=not wait)
        except Exception as error:  # whatever a model or a full disk raises: the other cells go on
            reason = one_line(error)
            _note(_state(cell, path, runs_dir).folder, reason)
            return Done(None, reason, time.monotonic() - start)
        if record.folder is not None:
            (record.folder / _FAILURE).unlink(missing_ok=True)
        return Done(record, "", time.monotonic() - start)


def _after_others(cells: Sequence[Cell], work: Callable[..., Done]) -> Iterator[tuple[Cell, Done]]:
    """What other processes make of ``cells``; one whose process ends without a record is trained here."""
    for cell in cells:
        yield cell, work(cell, wait=WAIT_SECONDS)


def _note(folder: Path | None, reason: str) -> None:
    """Keep in the folder of a run why it failed."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / _FAILURE, reason + "\n")
    except OSError as error:  # such as a full disk: the reason is told all the same
        say(f"{folder / _FAILURE}: {error.strerror}")


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
                    graphs[cell.dataset] = cell.sample(path).graphs("train")
                by_pair[pair] = expected_cost(cell, graphs[cell.dataset])
            except Exception:  # such as a model that cannot be built: the cell will say so itself
                by_pair[pair] = 1.0
        part = 1.0
        if cell.n_train is not None and cell.dataset in graphs:
            part = min(1.0, cell.n_train / len(graphs[cell.dataset]))
        costs[cell.name] = by_pair[pair] * part
    left = TimeLeft(costs)
    for state in states:
        if state.record is not None:
            left.finished(state.cell, _seconds(state.record))
    return left


def _seconds(record: Record) -> float:
    """What the training took, without what is loaded or compiled once before the first."""
    return record.timing["train_seconds"] + record.timing["predict_seconds"]
