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
from pd4ml.training.split import split_sizes

__all__ = [
    "EventBatches",
    "EventOrder",
    "Share",
    "SharedOrder",
    "TrainingBatch",
    "TrainingData",
    "batch_loader",
    "rank_and_processes",
]


@dataclass(frozen=True)
class TrainingBatch:
    """Graphs and target (B,) float32 of the events ``index`` (B,) of their split.

    ``weight`` is what the batch's mean loss counts where several processes share a batch: the mean over them of
    weight times loss is the mean loss of the whole batch.
    """

    graphs: GraphBatch
    target: Tensor
    index: NDArray[np.int64]
    weight: float = 1.0

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TrainingBatch:
        """The same batch on ``device``."""
        graphs = self.graphs.to(device, non_blocking=non_blocking)
        target = self.target.to(device, non_blocking=non_blocking)
        return TrainingBatch(graphs, target, self.index, self.weight)

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Share:
    """The events of a batch that are this process's, and what their mean loss counts; see `TrainingBatch`."""

    index: NDArray[np.int64]
    weight: float


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


class SharedOrder(Sampler[Share]):
    """The share that this process has of every batch of ``order``; all of it where there is one process only."""

    def __init__(self, order: EventOrder) -> None:
        self.order = order

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffling of ``epoch``."""
        self.order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Share]:
        rank, n_ranks = rank_and_processes()
        for index in self.order:
            mine = index[rank::n_ranks]
            # All take part in every step: a process for which nothing is left takes an event that counts nothing.
            yield Share(mine if len(mine) else index[:1], n_ranks * len(mine) / len(index))


def rank_and_processes() -> tuple[int, int]:
    """The number of this process among those that train together, and how many they are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class EventBatches(Dataset[TrainingBatch]):
    """Maps a share of the events of a split to its batch."""

    def __init__(self, graphs: LazyGraphs) -> None:
        self.graphs = graphs

    def __getitem__(self, share: Share) -> TrainingBatch:
        index, weight = share.index, share.weight
        target = np.asarray(self.graphs.events.y[index], np.float32).reshape(len(index))
        return TrainingBatch(GraphBatch.from_packed(self.graphs[index]), torch.from_numpy(target), index, weight)


def batch_loader(batches: EventBatches, order: EventOrder) -> DataLoader[TrainingBatch]:
    """A loader of ``batches`` in ``order``; it works in this process, since graphs take little time."""
    return DataLoader(batches, batch_size=None, sampler=SharedOrder(order))


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
        self.n_train, self.n_valid = split_sizes(len(graphs), n_events, validation_fraction)
        self.batches = EventBatches(graphs)
        self.train_order = EventOrder(0, self.n_train, batch_size, seed)
        self.valid_order = EventOrder(self.n_train, self.n_train + self.n_valid, batch_size)

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

    def class_weight(self) -> float:
        """Events of class 0 over those of class 1 in the training part; DataError if a class has none."""
        ones = int(np.count_nonzero(self.batches.graphs.events.y[: self.n_train]))
        if ones in (0, self.n_train):
            raise DataError("balance_classes needs events of both classes in the training part, found one only")
        return (self.n_train - ones) / ones
