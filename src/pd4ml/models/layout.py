"""What follows from the sizes of a batch's graphs alone, whatever their nodes and edges are.

Found once and kept: then all that is left for a program that is traced are tensors of fixed shape.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Layout", "PaddedGroup"]


class PaddedGroup(NamedTuple):
    """G graphs of a batch, padded to P nodes: their rows (G, P) in the pack, 0 where ``mask`` (G, P) is False.

    ``real`` are the places of the real nodes among the G * P.
    """

    rows: Tensor
    mask: Tensor
    real: Tensor

    def pad(self, x: Tensor) -> Tensor:
        """(G, P, W) of packed ``x`` (sum P, W); padding holds a copy of some node, and is to be masked."""
        return x[self.rows.flatten()].view(*self.rows.shape, x.shape[1])

    def unpad(self, x: Tensor) -> Tensor:
        """The rows of the real nodes of ``x`` (G, P, W)."""
        return x.flatten(0, 1).index_select(0, self.real)


class Layout:
    """``offsets`` (B + 1,) of B graphs with ``n_nodes`` nodes, as in `GraphBatch`, and what they imply."""

    def __init__(self, offsets: Tensor, n_nodes: int) -> None:
        self.offsets, self.n_nodes = offsets, n_nodes
        self._groups: dict[int, list[PaddedGroup]] = {}
        self._chosen: dict[tuple[int, bool], tuple[Tensor, Tensor]] = {}

    def to(self, device: torch.device | str) -> Layout:
        """The same on ``device``, with what was found."""
        there = Layout(self.offsets.to(device), self.n_nodes)
        there._groups = {
            size: [PaddedGroup(*(part.to(device) for part in group)) for group in groups]
            for size, groups in self._groups.items()
        }
        there._chosen = {key: (rows.to(device), degree.to(device)) for key, (rows, degree) in self._chosen.items()}
        if "largest" in self.__dict__:
            there.__dict__["largest"] = self.largest
        return there

    @cached_property
    def sizes(self) -> Tensor:
        """(B,) number of nodes of each graph."""
        return self.offsets.diff()

    @cached_property
    def largest(self) -> int:
        """Nodes of the largest graph."""
        return int(self.sizes.max()) if len(self.sizes) else 0

    @cached_property
    def graph_index(self) -> Tensor:
        """(sum P,) the graph that each node belongs to."""
        return torch.repeat_interleave(self.sizes, output_size=self.n_nodes)

    @cached_property
    def place(self) -> Tensor:
        """(sum P,) the place of each node in its graph."""
        return torch.arange(self.n_nodes, device=self.offsets.device) - self.offsets[self.graph_index]

    def groups(self, size: int) -> list[PaddedGroup]:
        """The graphs that have nodes, ascending in size, in groups of ``size``."""
        if size not in self._groups:
            self._groups[size] = self._new_groups(size)
        return self._groups[size]

    def _new_groups(self, size: int) -> list[PaddedGroup]:
        order = torch.argsort(self.sizes, stable=True)
        order = order[self.sizes[order] > 0]
        groups = []
        for start in range(0, len(order), size):
            graphs = order[start : start + size]
            sizes = self.sizes[graphs]
            place = torch.arange(int(sizes.max()), device=sizes.device)
            mask = place < sizes[:, None]
            rows = torch.where(mask, self.offsets[graphs, None] + place, 0)
            groups.append(PaddedGroup(rows, mask, mask.flatten().nonzero().squeeze(1)))
        return groups

    def chosen(self, k: int, *, itself: bool) -> tuple[Tensor, Tensor]:
        """Where ``k`` nodes are looked for at each node, those of (sum P * k) that a graph has; (sum P,) how many.

        ``itself`` counts the node as one of them.
        """
        if (k, itself) not in self._chosen:
            degree = (self.sizes - int(not itself)).clamp(0, k)[self.graph_index]
            found = torch.arange(k, device=degree.device) < degree[:, None]
            self._chosen[k, itself] = found.flatten().nonzero().squeeze(1), degree
        return self._chosen[k, itself]
