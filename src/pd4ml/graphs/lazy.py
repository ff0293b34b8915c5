"""Graphs of a whole split, built only where they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.arguments import as_whole
from pd4ml.errors import missing_extra
from pd4ml.graphs.packed import PackedGraphs

if TYPE_CHECKING:
    from torch_geometric.data import Batch

    from pd4ml.graphs.torch_view import TorchGraphs
    from pd4ml.storage.store import Events

__all__ = ["LazyGraphs"]


class LazyGraphs:
    """The graphs of ``events``, one per event.

    Indexing with a slice or an array of integers gives those as ``PackedGraphs``, an integer gives one; nothing
    is kept. ``pack()`` builds all of them, and ``to_dense``, ``to_pyg``, ``to_awkward`` convert all of them.

    ``build(arrays)`` makes the graphs of some events from their arrays by name, ``build(arrays, edges=False)``
    their nodes alone, which is what ``without_edges()`` asks it for. Where events and ``build`` can be pickled, so
    can the graphs: they go to other processes as the names of files, and are built there.
    """

    def __init__(self, events: Events, build: Callable[..., PackedGraphs], *, edges: bool = True) -> None:
        self.events, self.edges, self._build = events, edges, build

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: int | slice | ArrayLike) -> PackedGraphs:
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):
                raise IndexError(f"graph {index} of {len(self)}")
            index = [int(index) % len(self)]
        arrays = self.events.take(index)
        return self._build(arrays) if self.edges else self._build(arrays, edges=False)

    def __iter__(self) -> Iterator[PackedGraphs]:
        return (graph for pack in self.batches(1024) for graph in pack)

    def __repr__(self) -> str:
        return f"<graphs of {self.events!r}{'' if self.edges else ', without edges'}>"

    def without_edges(self) -> LazyGraphs:
        """The same graphs of nodes alone, for models that use no edges: finding those is most of the work."""
        return LazyGraphs(self.events, self._build, edges=False)

    def batches(self, size: int) -> Iterator[PackedGraphs]:
        """Packs of ``size`` graphs, in order; the last may be smaller."""
        size = as_whole("size", size, 1)
        return (self[start : start + size] for start in range(0, len(self), size))

    def pack(self) -> PackedGraphs:
        """All graphs in memory."""
        return self[:]

    def torch(self) -> TorchGraphs:
        """The graphs and their targets as a ``torch.utils.data.Dataset``, for a loop of one's own."""
        try:
            from pd4ml.graphs.torch_view import TorchGraphs
        except ImportError as error:
            raise missing_extra("torch", "train", error) from error
        return TorchGraphs(self)

    def to_dense(
        self, *, self_loops: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
        """All graphs as padded arrays; see ``PackedGraphs.to_dense``."""
        return self.pack().to_dense(self_loops=self_loops)

    def to_pyg(self) -> Batch:
        """All graphs as one batch of PyTorch Geometric."""
        return self.pack().to_pyg()

    def to_awkward(self) -> Any:
        """All graphs as an awkward array."""
        return self.pack().to_awkward()
