"""Graphs as a dataset of PyTorch. This module imports torch; light modules import it in functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from pd4ml.graphs.lazy import LazyGraphs

__all__ = ["TorchGraphs"]


class TorchGraphs(Dataset[dict[str, Tensor]]):
    """The graphs of a split and their targets, for ``torch.utils.data.DataLoader``.

    An item has, as of `PackedGraphs`, ``nodes`` (P, F), ``offsets`` (2,) = (0, P), ``edge_index`` (2, E) unless
    graphs are without edges, ``tokens`` (P,) where nodes are of kinds; and ``y`` (1, ...), the target. A batch has
    the same of B graphs: give ``collate`` to the loader, which then builds each batch in one go:

        data = graphs.torch()
        DataLoader(data, batch_size=128, shuffle=True, num_workers=2, collate_fn=data.collate)

    It works in workers however they are started.
    """

    def __init__(self, graphs: LazyGraphs) -> None:
        self.graphs = graphs

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"graph {index} of {len(self)}")
        return self._batch([index % len(self)])

    def __getitems__(self, index: Sequence[int]) -> list[dict[str, Tensor]]:
        """All graphs that a loader wants for a batch, as one item; ``collate`` takes it."""
        return [self._batch(index)]

    def _batch(self, index: Sequence[int]) -> dict[str, Tensor]:
        rows = np.asarray(index, np.int64)
        pack = self.graphs[rows]
        arrays = {"nodes": pack.nodes, "offsets": pack.offsets, "y": np.array(self.graphs.events.y[rows])}
        if pack.has_edges:
            arrays["edge_index"] = pack.edge_index
        if pack.tokens is not None:
            arrays["tokens"] = pack.tokens
        return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}

    @staticmethod
    def collate(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Join items, of one graph or of many, to one batch."""
        if len(items) == 1:
            return items[0]
        ends = np.cumsum([0] + [len(item["nodes"]) for item in items]).tolist()
        batch = {
            name: torch.cat([item[name] for item in items])
            for name in items[0]
            if name in ("nodes", "tokens", "y")
        }
        if "edge_index" in items[0]:
            numbered = [item["edge_index"] + end for item, end in zip(items, ends, strict=False)]
            batch["edge_index"] = torch.cat(numbered, 1)
        offsets = [item["offsets"][1:] + end for item, end in zip(items, ends, strict=False)]
        batch["offsets"] = torch.cat([items[0]["offsets"][:1], *offsets])
        return batch
