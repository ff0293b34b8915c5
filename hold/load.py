"""Size: many events, many records, long runs. Times are CPU seconds of a process: machines are shared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hold.cases import Outcome, Row, Size, collect
from pd4ml.benchmark import read_record
from pd4ml.benchmark.record import RECORD_NAME, Record
from pd4ml.card import Measurement
from pd4ml.evaluation.predictions import Predictions
from pd4ml.machine import cores
from pd4ml.storage.hashing import sha256_of

__all__ = ["rows"]

_BASE = (
    "generate Airshower --events 400 --workers 1 --path d",
    "generate Spinodal --events 100 --workers 1 --path d",
    "train Airshower --recipe gbdt --path d --runs r",
    "train Airshower --recipe fcn_quick --path d --runs r --set max_epochs=2 --threads 1",
    "train Spinodal --recipe fcn_quick --path d --runs r --set max_epochs=2 --threads 1",
)
_MEASURE = "from hold.tiny import main; main()"
_IDLE = ("torch", "lightning", "sklearn", "numba", "h5py", "pyarrow", "matplotlib", "requests", "jsonschema")


@dataclass(frozen=True)
class Ran:
    """What a process took, CPU seconds and ``waited`` for, and printed."""

    code: int
    seconds: float
    waited: float
    printed: str


@dataclass(frozen=True)
class Numbers:
    """How many of each: long, or as short as tests are."""

    events: int = 50_000_000
    batches: int = 300
    entries: int = 2000
    runs: int = 100
    records: int = 500
    epochs: int = 200
    chunks: int = 200
    predictions: int = 200
    reports: int = 8


_SHORT = Numbers(200_000, 20, 20, 0, 20, 0, 40, 0, 0)


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """Opening, batches, tables, reports, growth."""
    n = Numbers() if size is Size.LONG else _SHORT
    yield from _starting(folder)
    yield from _events(folder, n)
    yield from _growing(folder, n)
    yield from _records(folder, n)


def ran(folder: Path, *argv: str) -> Ran:
    """Run a line of the command line, or Python with ``-c``, in a process of its own."""
    command = [sys.executable, *(argv if argv[0] == "-c" else ("-m", "pd4ml", *argv))]
    here = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": here}
    before = os.times()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    printed = done.stdout if done.returncode == 0 else done.stderr[-2000:]
    return Ran(done.returncode, seconds, after.elapsed - before.elapsed, printed)


def _timed(name: str, limit: float, folder: Path, *argv: str, waited: bool = False) -> Row:
    """CPU seconds that a line takes, or seconds ``waited``; one that fails is a case that did not hold."""
    one = ran(folder, *argv)
    if one.code:
        return collect(name, [Outcome(" ".join(argv), f"ended with {one.code}: {one.printed.strip()[-500:]}")])
    return Row.measured(name, round(one.waited if waited else one.seconds, 2), "s", limit)


def _measured(name: str, unit: str, limit: float, what: str, folder: Path, number: int) -> Row:
    """What `hold.tiny` measures."""
    one = ran(folder, "-c", _MEASURE, what, str(folder / "tiny"), str(number))
    if one.code:
        return collect(name, [Outcome(f"hold.tiny {what} {number}", one.printed.strip()[-500:])])
    return Row.measured(name, round(float(one.printed), 3), unit, limit)


def _starting(folder: Path) -> Iterable[Row]:
    yield _timed("pd4ml --help", 1.5, folder, "--help")
    yield _timed("import pd4ml", 1.0, folder, "-c", "import pd4ml")
    loaded = ran(folder, "-c", f"import pd4ml, sys; print([m for m in {_IDLE} if m in sys.modules])")
    wrong = "" if loaded.printed.strip() == "[]" else f"it loads {loaded.printed.strip()}"
    yield collect("import pd4ml loads nothing heavy", [Outcome("import pd4ml", wrong)])


def _events(folder: Path, n: Numbers) -> Iterable[Row]:
    made = ran(folder, "-c", f"from hold.tiny import Tiny; Tiny.generate('tiny', {n.events})")
    if made.code:
        raise RuntimeError(made.printed)
    many = f"{n.events:,} events"
    yield _measured(f"open {many}", "s", 1.0, "opened", folder, 1)
    yield _measured(f"{n.batches} random batches of {many}", "MB", 50.0, "random_batches", folder, n.batches)
    if n.epochs:
        name = f"{n.batches} shuffled batches of a training on {many}, for each event"
        yield _measured(name, "bytes", 24.0, "shuffled_batches", folder, n.batches)
    shutil.rmtree(folder / "tiny")


def _growing(folder: Path, n: Numbers) -> Iterable[Row]:
    ran(folder, "-c", "from hold.tiny import Tiny; Tiny.generate('tiny', 2000)")
    yield _measured(f"growth in {n.chunks} chunks", "MB", 8.0, "chunks", folder, n.chunks)
    if not n.epochs:
        return
    yield _measured(f"growth in {n.epochs} epochs", "MB", 8.0, "epochs", folder, n.epochs)
    name = f"growth in {n.chunks} chunks of two workers"
    yield _measured(name, "MB", 16.0, "chunks_two_workers", folder, n.chunks)
    yield _measured(f"growth in {n.predictions} predictions", "MB", 8.0, "predictions", folder, n.predictions)
    yield _measured(f"growth in {n.reports} reports", "MB", 16.0, "reports", folder, n.reports)


def _records(folder: Path, n: Numbers) -> Iterable[Row]:
    for text in _BASE if n.runs else (_BASE[0], _BASE[2]):
        one = ran(folder, *text.split())
        if one.code:
            raise RuntimeError(f"{text}: {one.printed}")
    runs = sorted((folder / "r").glob("*/"))
    copied(runs, folder / "some", n.records)
    yield _timed(f"results of {n.records} records", 3.0, folder, "results", "some")
    yield _timed(f"results --json of {n.records} records", 3.0, folder, "results", "some", "--json")
    add = ran(folder, "leaderboard", "add", str(runs[0]), "--to", "board", "--path", "d")
    if add.code:
        raise RuntimeError(add.printed)
    (entry,) = (file.parent for file in (folder / "board").glob("*/*/record.json"))
    copied([entry], entry.parent, n.entries - 1)
    yield _timed(f"leaderboard show of {n.entries} entries", 5.0, folder, "leaderboard", "show", "board")
    if n.runs:
        new = ["leaderboard", "add", str(runs[1]), "--to", "board", "--path", "d"]
        yield _timed(f"leaderboard add to {n.entries} entries", 8.0, folder, *new)
        copied(runs, folder / "hundred", n.runs)
        report = ["report", "hundred", "--path", "d", "--out", "report.html"]
        several = f"report of {n.runs} runs, waited for, {cores()} processes"
        yield _timed(several, 15.0, folder, *report, waited=True)
        size = (folder / "report.html").stat().st_size / 1e6 if (folder / "report.html").exists() else np.inf
        yield Row.measured(f"report of {n.runs} runs, its size", round(size, 1), "MB", 20.0)


def copied(runs: list[Path], to: Path, number: int) -> None:
    """``number`` runs as others could have left them: of other recipes and seeds, with other predictions."""
    for i in range(number):
        run, folder = runs[i % len(runs)], to / f"copy{i}"
        shutil.copytree(run, folder)
        old = read_record(run)
        rng = np.random.default_rng(i)
        predictions = Predictions.read(run / old.predictions["file"], old.dataset["task"])
        output = predictions.output * np.float32(1 + 0.01 * rng.normal())
        replace(predictions, output=output).write(folder / old.predictions["file"], compress=True)
        new = _other(old, i, rng, sha256_of(folder / old.predictions["file"]))
        new.write(folder / RECORD_NAME)


def _other(old: Record, i: int, rng: Any, sha256: str) -> Record:
    """A record of another training: ten seeds of each recipe."""
    metrics = {
        name: Measurement(found.value * (1 + 0.01 * rng.normal()), found.error, found.lower_limit)
        for name, found in old.metrics.items()
    }
    recipe = {**old.recipe, "name": f"{old.recipe['name']}_{i // 10}", "learning_rate": 1e-3 * (1 + i // 10)}
    predictions = {**old.predictions, "sha256": sha256}
    return replace(old, recipe=recipe, seed=i % 10, metrics=metrics, predictions=predictions, folder=None)
