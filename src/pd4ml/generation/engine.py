"""Running a simulator: chunks with seeds of their own, on any executor, into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_whole
from pd4ml.errors import DataError
from pd4ml.generation.draws import Draw
from pd4ml.generation.pieces import simulate_chunk
from pd4ml.generation.pool import process_pool
from pd4ml.generation.simulator import Simulator
from pd4ml.progress import progress
from pd4ml.storage.writer import StoreWriter

__all__ = ["Chunk", "plan_chunks", "run_chunks"]

Arrays = Mapping[str, NDArray[np.generic]]

# Chunks that each worker may be given ahead: what is done and not yet written stands in memory.
_IN_FLIGHT = 3


@dataclass(frozen=True)
class Chunk:
    """Some consecutive events of a split, made from one seed."""

    split: str
    number: int
    start: int
    n_events: int
    seed: np.random.SeedSequence


def plan_chunks(splits: Mapping[str, int], seed: int, chunk_events: int) -> list[Chunk]:
    """Cut ``splits`` into chunks. A chunk's seed depends on ``seed``, its split and its number only."""
    chunks = []
    for (split, n_events), split_seed in zip(
        splits.items(), np.random.SeedSequence(seed).spawn(len(splits)), strict=True
    ):
        starts = range(0, n_events, chunk_events)
        for number, (start, chunk_seed) in enumerate(zip(starts, split_seed.spawn(len(starts)), strict=True)):
            chunks.append(Chunk(split, number, start, min(chunk_events, n_events - start), chunk_seed))
    return chunks


def run_chunks(
    simulator: Simulator,
    config: Any,
    chunks: list[Chunk],
    writer: StoreWriter,
    workers: int | Executor,
    draws: tuple[Draw, ...] = (),
) -> None:
    """Simulate the chunks that ``writer`` does not have yet and write them as they come.

    ``workers`` is a number of local processes (1: in this one) or any ``concurrent.futures.Executor``, for
    example ``distributed.Client.get_executor()``. The events do not depend on it.
    """
    missing = [chunk for chunk in chunks if (chunk.split, chunk.number) not in writer.done]
    total = sum(chunk.n_events for chunk in chunks)
    name = writer.card.name
    with progress(f"generating {name}", total) as bar:
        bar.advance(total - sum(chunk.n_events for chunk in missing))
        shared = tuple(spec.name for spec in writer.card.arrays if not spec.per_event)
        work = partial(_simulate, simulator, config, draws, shared)
        for chunk, arrays in _simulated(work, missing, workers):
            n_events = len(arrays[writer.card.target.name])
            if n_events != chunk.n_events:
                raise DataError(f"the simulator of {name} gave {n_events} events, asked for {chunk.n_events}")
            writer.write(chunk.split, chunk.number, chunk.start, arrays)
            bar.advance(chunk.n_events)


def _simulated(
    work: Callable[[Chunk], Arrays], chunks: list[Chunk], workers: int | Executor
) -> Iterator[tuple[Chunk, Arrays]]:
    if not isinstance(workers, Executor):
        workers = as_whole("workers", workers, 1)
        if workers == 1 or len(chunks) <= 1:
            for chunk in chunks:
                yield chunk, work(chunk)
            return
    with _executor(workers, len(chunks)) as executor:
        # The large ones first, so that no worker idles at the end.
        order = iter(sorted(chunks, key=lambda chunk: -chunk.n_events))
        in_flight = _IN_FLIGHT * (workers if isinstance(workers, int) else getattr(workers, "_max_workers", 16))
        futures: dict[Future[Arrays], Chunk] = {executor.submit(work, c): c for c in islice(order, in_flight)}
        try:
            while futures:
                done = wait(futures, return_when=FIRST_COMPLETED).done
                while done:
                    future = done.pop()  # the result is freed once it is written
                    yield futures.pop(future), future.result()
                    futures |= {executor.submit(work, c): c for c in islice(order, 1)}
        finally:
            if executor is workers:  # the caller's own; a pool of ours is ended as a whole
                for future in futures:
                    future.cancel()


def _simulate(
    simulator: Simulator, config: Any, draws: tuple[Draw, ...], shared: tuple[str, ...], chunk: Chunk
) -> Arrays:
    return simulate_chunk(simulator, chunk.n_events, chunk.seed, config, chunk.split, draws, shared)


@contextmanager
def _executor(workers: int | Executor, n_chunks: int) -> Iterator[Executor]:
    """The caller's executor as it is, or a pool of processes of our own."""
    if isinstance(workers, Executor):
        yield workers
        return
    with process_pool(min(workers, n_chunks)) as pool:
        yield pool
