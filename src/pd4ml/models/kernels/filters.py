"""Sums over the neighbours of each node, weighted by a filter of each pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import count, twin_gradients, use_kernels
from pd4ml.models.sparse import SparseMatrix, sparse_product

__all__ = ["Neighbourhood"]


class Neighbourhood:
    """The edges of a batch, ready for weighted sums with several heads.

    On a CPU such a sum and its gradients are compiled loops, which never hold an array as large as all messages.
    """

    def __init__(self, batch: GraphBatch) -> None:
        self.source, self.target = batch.edge_index
        n_nodes = len(batch.nodes)
        degree = count(self.target, n_nodes)
        self.inverse_degree = degree.clamp(min=1).to(batch.nodes.dtype).reciprocal()
        self.offsets = functional.pad(degree.cumsum(0), (1, 0))
        # Edges are sorted by target and then source: the k-th of them turned round is the one at turned[k].
        self.turned = self._turned()
        self._pairs = self._of_pairs(degree)

    def _turned(self) -> Tensor:
        if not use_kernels(self.source):
            return torch.argsort(self.source, stable=True)
        from pd4ml.models.kernels import filter_loops as loops

        return torch.from_numpy(loops.turned(self.source.numpy(), self.offsets.numpy()))

    def _of_pairs(self, degree: Tensor) -> tuple[SparseMatrix, SparseMatrix]:
        """The (E, 2 N) matrix adding a row of the target (the first N) and one of the source; its transpose."""
        n_nodes, n_edges, device = len(degree), len(self.source), degree.device
        ones = self.inverse_degree.new_ones(2 * n_edges)
        add = SparseMatrix(
            torch.stack([self.target, n_nodes + self.source], 1).flatten(),
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

        weights: (E, heads), by edge and head; the channels of the heads take turns. Differentiable in both.
        """
        if use_kernels(x):
            single = weights.dtype if weights.dtype == torch.float64 else torch.float32  # under autocast, too
            total: Tensor = _Sums.apply(x.to(single), weights.to(single), self)  # type: ignore[no-untyped-call]
            return total
        return self.messages(x, weights)

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The source of each edge and the offsets of each target's edges, for the kernels."""
        return self.source.numpy(), self.offsets.numpy()

    def messages(self, x: Tensor, weights: Tensor) -> Tensor:
        """The twin of `sums`."""
        n_edges, heads = weights.shape
        messages = x[self.source].view(n_edges, x.shape[1] // heads, heads) * weights[:, None]
        total = messages.new_zeros(x.shape)  # under autocast its type need not be that of x
        return total.index_add(0, self.target, messages.view(n_edges, x.shape[1]))


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, edges: Neighbourhood) -> Tensor:
        from pd4ml.models.kernels import filter_loops as loops

        ctx.save_for_backward(x, weights)
        ctx.edges = edges
        total = x.new_empty(x.shape)
        heads = (0,) * weights.shape[1]
        loops.sums(x.detach().contiguous().numpy(), weights.detach().numpy(), *edges.arrays, heads, total.numpy())
        return total

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        from pd4ml.models.kernels import filter_loops as loops

        x, weights = ctx.saved_tensors
        edges: Neighbourhood = ctx.edges
        if torch.is_grad_enabled():
            first, second = twin_gradients(edges.messages, [x, weights], grad[0])
            return first, second, None
        x = x.contiguous()
        of_sums, heads = grad[0].contiguous(), (0,) * weights.shape[1]
        of_x, of_weights = torch.empty_like(x), torch.empty_like(weights, memory_format=torch.contiguous_format)
        # A node's row went along the edges from it: these are the edges to it, turned round.
        turned = weights.detach().index_select(0, edges.turned)
        loops.sums(of_sums.numpy(), turned.numpy(), *edges.arrays, heads, of_x.numpy())
        loops.products(of_sums.numpy(), x.detach().numpy(), *edges.arrays, heads, of_weights.numpy())
        return of_x, of_weights, None
