"""Batches from the memory-mapped store: events are read and become graphs when their batch is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pd4ml.errors import DataError
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.models.batch import GraphBatch

__all__ = ["EventBatches", "EventOrder", "TrainingBatch", "TrainingData", "batch_loader"]


@dataclass(frozen=True)
class TrainingBatch:
    """Graphs and target (B,) float32 of the events ``index`` (B,) of their split."""

    graphs: GraphBatch
    target: Tensor
    index: NDArray[np.int64]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TrainingBatch:
        """The same batch on ``device``."""
        graphs = self.graphs.to(device, non_blocking=non_blocking)
        return TrainingBatch(graphs, self.target.to(device, non_blocking=non_blocking), self.index)

    def __len__(self) -> int:
        return len(self.index)


class EventOrder(Sampler[NDArray[np.int64]]):
    """The events ``start`` to ``stop`` in batches; shuffled if there is a ``seed``, anew for every epoch."""

    def __init__(self, start: int, stop: int, batch_size: int, seed: int | None = None) -> None:
        self.start, self.stop, self.batch_size, self.seed = start, stop, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffling of ``epoch``; Lightning calls this, also when it resumes."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-(self.stop - self.start) // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        index = np.arange(self.start, self.stop)
        if self.seed is not None:
            np.random.default_rng([self.seed, self.epoch]).shuffle(index)
        # Sorted within a batch, the store is read in the order of the file.
        return (np.sort(index[i : i + self.batch_size]) for i in range(0, len(index), self.batch_size))


class EventBatches(Dataset[TrainingBatch]):
    """Maps the events ``index`` of a split to their batch."""

    def __init__(self, graphs: LazyGraphs) -> None:
        self.graphs = graphs

    def __getitem__(self, index: NDArray[np.int64]) -> TrainingBatch:
        target = np.asarray(self.graphs.events.y[index], np.float32).reshape(len(index))
        return TrainingBatch(GraphBatch.from_packed(self.graphs[index]), torch.from_numpy(target), index)


def batch_loader(batches: EventBatches, order: EventOrder) -> DataLoader[TrainingBatch]:
    """A loader of ``batches`` in ``order``; it works in this process, since graphs take little time."""
    return DataLoader(batches, batch_size=None, sampler=order)


class TrainingData(LightningDataModule):
    """Train and validation batches: validation is the last ``validation_fraction`` of the first ``n_events``."""

    def __init__(
        self,
        graphs: LazyGraphs,
        *,
        batch_size: int,
        validation_fraction: float,
        seed: int,
        n_events: int | None = None,
    ) -> None:
        super().__init__()
        n_events = len(graphs) if n_events is None else n_events
        if not 2 <= n_events <= len(graphs):
            raise DataError(f"asked to train on {n_events:,} events; the train split has {len(graphs):,}")
        self.n_valid = min(max(round(validation_fraction * n_events), 1), n_events - 1)
        self.n_train = n_events - self.n_valid
        self.batches = EventBatches(graphs)
        self.train_order = EventOrder(0, self.n_train, batch_size, seed)
        self.valid_order = EventOrder(self.n_train, n_events, batch_size)

    def train_dataloader(self) -> DataLoader[TrainingBatch]:
        """Shuffled batches of the training part."""
        return batch_loader(self.batches, self.train_order)

    def val_dataloader(self) -> DataLoader[TrainingBatch]:
        """Batches of the validation part, in order."""
        return batch_loader(self.batches, self.valid_order)

    def target_statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the target of the training part."""
        y = np.asarray(self.batches.graphs.events.y[: self.n_train], np.float64)
        return float(y.mean()), float(y.std()) or 1.0
