"""Batches from the memory-mapped store: events are read and become graphs when their batch is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.models.batch import GraphBatch
from pd4ml.tasks import Task
from pd4ml.training.material import Material, Role
from pd4ml.training.objectives import Objective, Supervised

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
    """Graphs and target of the events ``index`` (B,) of their split, the target as the task's loss takes it.

    ``weight`` is what the batch's mean loss counts where several processes share a batch: the mean over them of
    weight times loss is the mean loss of the whole batch. ``event_weight`` is (B,), or (sum P,) where each node
    has a target, with mean 1 over the training part. ``arrays`` are those that the recipe's method asks for.
    """

    graphs: GraphBatch
    target: Tensor
    index: NDArray[np.int64]
    weight: float = 1.0
    event_weight: Tensor | None = None
    arrays: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TrainingBatch:
        """The same batch on ``device``."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        return TrainingBatch(
            self.graphs.to(device, non_blocking=non_blocking),
            moved(self.target),
            self.index,
            self.weight,
            None if self.event_weight is None else moved(self.event_weight),
            {name: moved(array) for name, array in self.arrays.items()},
        )

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Share:
    """The events of a batch that are this process's, and what their mean loss counts; see `TrainingBatch`."""

    index: NDArray[np.int64]
    weight: float


class EventOrder(Sampler[NDArray[np.int64]]):
    """The events at ``places`` (n,) in batches; shuffled if there is a ``seed``, anew for every epoch."""

    def __init__(self, places: NDArray[np.int64], batch_size: int, seed: int | None = None) -> None:
        self.places, self.batch_size, self.seed = places, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffling of ``epoch``; Lightning calls this, also when it resumes."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.places) // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        index = self.places.copy()
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
    """Maps a share of the events of a split to its batch.

    ``weight`` names the array of event weights, which are divided by ``mean_weight``; ``arrays`` names those that
    batches carry along, ``columns`` (N,) are what they carry besides. It may be sent to the workers of a loader.
    """

    def __init__(
        self,
        graphs: LazyGraphs,
        task: Task,
        weight: str = "",
        mean_weight: float = 1.0,
        arrays: tuple[str, ...] = (),
        columns: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
    ) -> None:
        self.graphs, self.task, self.arrays, self.columns = graphs, task, arrays, columns
        self.weight, self.mean_weight = weight, mean_weight

    def __getitem__(self, share: Share) -> TrainingBatch:
        index, weight, events = share.index, share.weight, self.graphs.events
        packed = self.graphs[index]
        arrays = {name: _tensor(events[name][index]) for name in self.arrays}
        arrays |= {name: _tensor(values[index]) for name, values in self.columns.items()}
        event_weight = _tensor(events[self.weight][index] / self.mean_weight) if self.weight else None
        if event_weight is not None and self.task.per_node:
            event_weight = event_weight.repeat_interleave(torch.from_numpy(packed.sizes))
        target = self.task.to_tensor(np.asarray(events.y[index]))
        return TrainingBatch(GraphBatch.from_packed(packed), target, index, weight, event_weight, arrays)


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def batch_loader(batches: EventBatches, order: EventOrder) -> DataLoader[TrainingBatch]:
    """A loader of ``batches`` in ``order``; it works in this process, since graphs take little time."""
    return DataLoader(batches, batch_size=None, sampler=SharedOrder(order))


class TrainingData:
    """Train and validation batches of ``material``; graphs have edges only if the model needs them."""

    def __init__(
        self,
        material: Material,
        *,
        batch_size: int,
        seed: int,
        method: Objective | None = None,
        edges: bool = True,
    ) -> None:
        method = Supervised() if method is None else method
        common = (material.task, material.weight, material.mean_weight, method.arrays(material.card))

        def batches(role: Role, columns: Mapping[str, NDArray[np.float32]]) -> EventBatches:
            graphs = material.graphs(role)
            return EventBatches(graphs if edges else graphs.without_edges(), *common, columns)

        train_columns, valid_columns = material.columns(method)
        self.batches = batches(material.train, train_columns)
        self.valid_batches = batches(material.valid, valid_columns)
        self.train_order = EventOrder(material.train.index, batch_size, seed)
        self.valid_order = EventOrder(material.valid.index, batch_size)

    def train_dataloader(self) -> DataLoader[TrainingBatch]:
        """Shuffled batches of the training part."""
        return batch_loader(self.batches, self.train_order)

    def val_dataloader(self) -> DataLoader[TrainingBatch]:
        """Batches of the validation part, in order."""
        return batch_loader(self.valid_batches, self.valid_order)
