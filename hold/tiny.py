"""A dataset of tiny events in any number, and what is measured with it in a process of its own.

``python -c "from hold.tiny import main; main()" NAME FOLDER NUMBER`` prints what `MEASURED` measures.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import psutil

from pd4ml.benchmark import find_records, load_run, read_record, train
from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.dataset import Dataset
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs, no_edges
from pd4ml.storage.store import Array
from pd4ml.training.recipe import load_recipe

__all__ = ["MEASURED", "Tiny", "TinyConfig", "growth", "main", "rss_mb", "simulate", "watched"]

_MB = 1e6


@dataclass(frozen=True)
class TinyConfig:
    """``shift`` separates the classes."""

    shift: float = 1.0


def simulate(n: int, seed: np.random.SeedSequence, config: TinyConfig, split: str) -> dict[str, Array]:
    """``n`` events of one number."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n, dtype=np.uint8)
    value = rng.normal(label * config.shift, 1, n).astype(np.float32)
    return {"value": value[:, None, None], "label": label}


class Tiny(Dataset):
    """Two classes of one point with one number."""

    card = Card(
        name="Tiny",
        version="1",
        title="numbers",
        task="classification",
        description="Made to be many.",
        inputs=(ArraySpec("value", (1, 1), "float32", "1", "one number"),),
        target=ArraySpec("label", (), "uint8", "1", "0 or 1"),
        classes=("zero", "one"),
        splits=MappingProxyType({"train": 98, "test": 2}),
        sources=(),
        variants=MappingProxyType({"default": Variant("as is")}),
        licence="MIT",
        citations=(Citation("Tiny", "@misc{Tiny}"),),
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Random numbers, in chunks of as many events as PD4ML_HOLD_CHUNK says."""
        return Simulator(simulate, TinyConfig, chunk_events=int(os.environ.get("PD4ML_HOLD_CHUNK", "1000000")))

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """A node for each event."""
        n = len(arrays["value"])
        return PackedGraphs(np.asarray(arrays["value"]).reshape(n, 1), no_edges(), np.arange(n + 1), 1)


def rss_mb() -> float:
    """What this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MB


def all_mb() -> float:
    """What this process and those it began hold."""
    me, found = psutil.Process(), 0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.memory_info().rss
    return found / _MB


@contextlib.contextmanager
def watched(measure: Callable[[], float] = rss_mb, seconds: float = 0.02) -> Iterator[list[float]]:
    """A list that fills with what is held in memory while the block runs."""
    found, over = [measure()], threading.Event()

    def look() -> None:
        while not over.wait(seconds):
            found.append(measure())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def growth(values: Sequence[float]) -> float:
    """How much more the last quarter is than the second one; the first is for what is loaded once."""
    quarter = len(values) // 4
    return float(np.median(values[-quarter:]) - np.median(values[quarter : 2 * quarter]))


# What is measured -------------------------------------------------------------------------------------------


def opened(path: Path, number: int) -> float:
    """Seconds of CPU that opening takes, with the first event."""
    start = time.process_time()
    events = Tiny.open("train", path, source="generated")
    assert len(events[0]) == len(Tiny.card.arrays)
    return time.process_time() - start


def random_batches(path: Path, number: int) -> float:
    """MB that ``number`` batches of random events add at most."""
    events = Tiny.open("train", path, source="generated")
    rng = np.random.default_rng(1)
    before, most = rss_mb(), 0.0
    for _ in range(number):
        events.take(rng.integers(0, len(events), 1024))
        most = max(most, rss_mb())
    return most - before


def shuffled_batches(path: Path, number: int) -> float:
    """Bytes of each event that ``number`` batches of a shuffled training add at most."""
    from pd4ml.tasks import task_of
    from pd4ml.training.data import EventBatches, EventOrder, batch_loader

    sample = Tiny.at(path, source="generated")
    graphs = sample.graphs("train")
    before, most = rss_mb(), 0.0
    order = EventOrder(np.arange(len(graphs)), 1024, seed=1)
    for _ in itertools.islice(batch_loader(EventBatches(graphs, task_of(Tiny.card)), order), number):
        most = max(most, rss_mb())
    return (most - before) * _MB / len(graphs)


def epochs(path: Path, number: int) -> float:
    """MB that so many epochs of a small network add, once all is loaded."""
    recipe = load_recipe("fcn_quick").override(
        max_epochs=number, patience=number, batch_size=128, hyperparameters={"width": 8, "depth": 1}
    )
    with watched() as values:
        train(Tiny, recipe, path=path, source="generated", runs_dir=path / "grown", threads=1)
    return growth(values)


def chunks(path: Path, number: int, workers: int = 1) -> float:
    """MB that so many chunks of a generation add, in all processes: the last of them over one after a third."""
    chunk, to = 100_000, path / f"chunks{workers}"
    os.environ["PD4ML_HOLD_CHUNK"] = str(chunk)
    journal = Tiny.folder(to, "generated").with_suffix(".partial") / "journal.jsonl"

    def look() -> float:
        done = journal.read_bytes().count(b"\n") if journal.exists() else 0  # a line for each chunk
        return all_mb() if number / 3 <= done < number else np.nan  # workers end with the last one

    with watched(look, seconds=0.002) as values:
        Tiny.generate(to, chunk * number, workers=workers)
    seen = [value for value in values if np.isfinite(value)]
    return float(np.median(seen[3 * len(seen) // 4 :]) - seen[0])


def chunks_two_workers(path: Path, number: int) -> float:
    """As `chunks`, with two workers."""
    return chunks(path, number, 2)


def predictions(path: Path, number: int) -> float:
    """MB that so many predictions of one process add."""
    (folder,) = [file.parent for file in (path / "grown").glob("*/record.json")]
    run, events, values = load_run(folder, threads=1), Tiny.open("test", path, source="generated"), []
    for _ in range(number):
        run.predict(events)
        values.append(rss_mb())
    return growth(values)


def reports(path: Path, number: int) -> float:
    """MB that so many reports of one process add."""
    from pd4ml.report.html import write_report

    records, values = [read_record(file) for file in find_records(path / "grown")], []
    for _ in range(number):
        write_report(records, path / "report.html", path)
        values.append(rss_mb())
    return growth(values)


MEASURED: dict[str, Callable[[Path, int], float]] = {
    f.__name__: f
    for f in (
        opened,
        random_batches,
        shuffled_batches,
        epochs,
        chunks,
        chunks_two_workers,
        predictions,
        reports,
    )
}


def main() -> None:
    """Measure what the command line names, and print the number."""
    name, path, number = sys.argv[1:]
    with contextlib.redirect_stdout(io.StringIO()):
        found = MEASURED[name](Path(path), int(number))
    print(json.dumps(found))
