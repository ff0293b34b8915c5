"""Sums over the neighbours of each node, weighted by a filter of each pair."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pd4ml.models.batch import GraphBatch
from pd4ml.models.sparse import SparseMatrix, sparse_product

__all__ = ["Neighbourhood"]


class Neighbourhood:
    """The edges of a batch, ready for weighted sums with several heads.

    Such a sum is one ``embedding_bag`` over rows of a head's channels, which never holds an array as large as all
    messages; its gradient is another one over the edges turned round.
    """

    def __init__(self, batch: GraphBatch, heads: int) -> None:
        source, target = batch.edge_index
        n_nodes = len(batch.nodes)
        self.heads, self.target = heads, target
        degree = torch.bincount(target, minlength=n_nodes)
        self.inverse_degree = degree.clamp(min=1).to(batch.nodes.dtype).reciprocal()
        # Rows are numbered head after head.
        self.rows = (torch.arange(heads, device=source.device)[:, None] * n_nodes + source).flatten()
        self.offsets = functional.pad(degree.repeat(heads).cumsum(0), (1, 0))
        # Edges are sorted by target and then source: the k-th of them turned round is the one at turned[k].
        self.turned = torch.argsort(source * n_nodes + target)
        self._pairs = self._of_pairs(source, target, degree)

    def _of_pairs(self, source: Tensor, target: Tensor, degree: Tensor) -> tuple[SparseMatrix, SparseMatrix]:
        """The (E, 2 N) matrix adding a row of the target (the first N) and one of the source; its transpose."""
        n_nodes, n_edges, device = len(degree), len(source), source.device
        ones = self.inverse_degree.new_ones(2 * n_edges)
        add = SparseMatrix(
            torch.stack([target, n_nodes + source], 1).flatten(),
            torch.arange(0, 2 * n_edges + 1, 2, device=device),
            ones,
        )
        # A node is the source of the edges that are those to it turned round.
        edges = torch.cat([torch.arange(n_edges, device=device), self.turned])
        return add, SparseMatrix(edges, functional.pad(degree.repeat(2).cumsum(0), (1, 0)), ones)

    def pair_sums(self, of_target: Tensor, of_source: Tensor) -> Tensor:
        """(E, W) the sum of the target's row of the one and the source's row of the other, (sum P, W) each."""
        add, transpose = self._pairs
        return sparse_product(add, torch.cat([of_target, of_source]), transpose)

    def sums(self, x: Tensor, weights: Tensor) -> Tensor:
        """(sum P, W): for each node the sum over its neighbours of their ``x`` (sum P, W).

        weights: (heads, E), by head of W / heads channels and edge. Differentiable in both.
        """
        n_nodes, width = x.shape
        if len(self.target) == 0:
            return x * 0 + weights.sum()
        by_head = x.view(n_nodes, self.heads, -1).transpose(0, 1).reshape(self.heads * n_nodes, -1)
        sums = self._bags(by_head.detach(), weights)
        total: Tensor = _Through.apply(sums, by_head, weights.detach(), self)  # type: ignore[no-untyped-call]
        return total.view(self.heads, n_nodes, -1).transpose(0, 1).reshape(n_nodes, width)

    def _bags(self, by_head: Tensor, weights: Tensor) -> Tensor:
        return functional.embedding_bag(
            self.rows,
            by_head,
            self.offsets,
            mode="sum",
            per_sample_weights=weights.reshape(-1),
            include_last_offset=True,
        )


class _Through(torch.autograd.Function):
    """The sums, with their gradient in x, which ``embedding_bag`` itself finds slowly: it sorts the rows."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, by_head: Tensor, weights: Tensor, edges: Neighbourhood) -> Tensor:
        ctx.save_for_backward(weights)
        ctx.edges = edges
        return total.view_as(total)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (weights,) = ctx.saved_tensors
        edges: Neighbourhood = ctx.edges
        return grad[0], edges._bags(grad[0].contiguous(), weights[:, edges.turned]), None, None
