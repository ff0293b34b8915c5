"""Layers that the models share. They take rows (N, W): nodes of all graphs packed, or events."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import twin_gradients, use_kernels
from pd4ml.models.sparse import sparse_product

__all__ = [
    "BatchNorm",
    "GraphConvolution",
    "NodeInput",
    "PReLUDropout",
    "PaddedInput",
    "average_nodes",
    "dense",
    "spread_nodes",
]

_RANDOM_BITS = 16


def dense(n_in: int, n_out: int) -> nn.Linear:
    """A dense layer with Glorot-uniform weights and zero bias.

    ``nn.Linear``'s own start makes the signal of a deep ReLU network without normalisation fade: by a factor
    of six in variance with every layer, instead of two.
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"a layer needs inputs and outputs, found {n_in} and {n_out}")
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class NodeInput(nn.Module):
    """The first dense layer of a network on nodes: on their features and, if they have one, their kind.

    It equals a dense layer on the features joined with a one-hot of the kind; the kind is looked up.
    """

    def __init__(self, n_features: int, n_tokens: int, width: int) -> None:
        super().__init__()
        self.features, self.kinds = dense(n_features, width), _kinds(n_tokens, width, 1)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(sum P, width)."""
        return self.rows(batch.nodes, batch.tokens)

    def rows(self, nodes: Tensor, tokens: Tensor | None) -> Tensor:
        """(.., width) of features (.., F) and kinds (..)."""
        x: Tensor = self.features(nodes)
        if self.kinds is not None and tokens is not None:
            x = x + functional.embedding(tokens, self.kinds)
        return x


class PaddedInput(nn.Module):
    """The first dense layer of a network on whole events: the nodes one after the other, padded with zeros.

    Kinds of nodes take part as their one-hot would, and are looked up by place and kind.
    """

    def __init__(self, max_nodes: int, n_features: int, n_tokens: int, width: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.features = dense(max_nodes * n_features, width)
        self.kinds = _kinds(max_nodes * n_tokens, width, max_nodes)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        x: Tensor = self.features(batch.to_dense().flatten(1))
        if self.kinds is not None and batch.tokens is not None:
            rows = batch.place * self.n_tokens + batch.tokens
            x = x + _sums_of_rows(self.kinds, rows, batch)
        return x

    def padded(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, width) of padded features (B, max_nodes, F) and kinds (B, max_nodes), -1 where no node is."""
        x: Tensor = self.features(features.flatten(1))
        if self.kinds is not None and tokens is not None:
            rows = self.n_tokens * torch.arange(tokens.shape[1], device=tokens.device) + tokens.clamp(min=0)
            x = x + (functional.embedding(rows, self.kinds) * (tokens >= 0)[..., None].to(x.dtype)).sum(1)
        return x


def _sums_of_rows(table: Tensor, rows: Tensor, batch: GraphBatch) -> Tensor:
    """(B, W) for each graph the sum of the rows of ``table`` that its nodes name, ``rows`` (sum P,)."""
    if use_kernels(table):
        found: Tensor = _SumsOfRows.apply(table, rows, batch)  # type: ignore[no-untyped-call]
        return found
    return _plain_sums_of_rows(table, rows, batch)


def _plain_sums_of_rows(table: Tensor, rows: Tensor, batch: GraphBatch) -> Tensor:
    named = functional.embedding(rows, table)
    return table.new_zeros(len(batch), table.shape[1]).index_add(0, batch.graph_index, named)


class _SumsOfRows(torch.autograd.Function):
    """``embedding_bag``, which PyTorch differentiates once only."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, batch: GraphBatch) -> Tensor:
        ctx.save_for_backward(table)
        ctx.rows, ctx.batch = rows, batch
        return functional.embedding_bag(rows, table, batch.offsets, mode="sum", include_last_offset=True)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        (table,) = ctx.saved_tensors
        rows, batch = ctx.rows, ctx.batch
        if torch.is_grad_enabled():
            (of_table,) = twin_gradients(lambda t: _plain_sums_of_rows(t, rows, batch), [table], grads[0])
            return of_table, None, None
        with torch.enable_grad():
            own = table.detach().requires_grad_()
            sums = functional.embedding_bag(rows, own, batch.offsets, mode="sum", include_last_offset=True)
        return torch.autograd.grad(sums, own, grads[0])[0], None, None


def _kinds(n_rows: int, width: int, n_active: int) -> nn.Parameter | None:
    """Weights of a one-hot of ``n_rows``, of which ``n_active`` are one; None without rows.

    They start with a variance of one over those that are active. Glorot's start counts all of them, and what kind
    a node is would then hardly be seen: in a short training GraphNet learned nothing of it.
    """
    return nn.Parameter(torch.randn(n_rows, width) / n_active**0.5) if n_rows else None


class GraphConvolution(nn.Module):
    """ReLU(A (X W + b)) with A = D^-1/2 (A + I) D^-1/2 (Kipf & Welling, arXiv:1609.02907)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.dense = dense(n_in, n_out)

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """(sum P, n_in) to (sum P, n_out)."""
        return functional.relu(sparse_product(batch.normalised_adjacency, self.dense(x)), inplace=True)


def average_nodes(x: Tensor, batch: GraphBatch) -> Tensor:
    """(B, W) mean of ``x`` (sum P, W) over the nodes of each graph; zero for a graph without nodes."""
    average, transpose = batch.node_average
    return sparse_product(average, x, transpose)


def spread_nodes(x: Tensor, batch: GraphBatch) -> Tensor:
    """(sum P, W): every node gets its graph's row of ``x`` (B, W)."""
    average, transpose = batch.node_average
    return sparse_product(transpose, x * batch.sizes[:, None], average)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that uses the running statistics where a single row has none of its own.

    Its epsilon is 1e-3. After a ReLU many channels are zero for nearly all rows; with 1e-5, PyTorch's default,
    the rare other value is scaled by 300, and what is learned in training mode fails in evaluation.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, W) to (N, W)."""
        if x.shape[0] > 1:  # len() would fix the number of rows in a program that is traced
            return super().forward(x)
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class PReLUDropout(nn.Module):
    """PReLU (arXiv:1502.01852) with one slope per channel, followed by dropout.

    One step, since on a CPU the two of PyTorch take longer than the matrix product before them: dropout draws a
    double per number, here 16 bits decide (the probability is rounded to 1/65,536, the scale is exact for it).
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, found {dropout}")
        self.slope = nn.Parameter(torch.full((width,), 0.25))
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """(N, W) to (N, W)."""
        keep = keep_mask(x, self.dropout) if self.training and self.dropout else None
        if not use_kernels(x):
            return _plain_prelu_dropout(x, self.slope, keep)
        result: Tensor = _PReLUDropout.apply(x, self.slope, keep)  # type: ignore[no-untyped-call]
        return result

    def extra_repr(self) -> str:
        """Width and dropout probability."""
        return f"{len(self.slope)}, dropout={self.dropout}"


def keep_mask(x: Tensor, dropout: float) -> Tensor:
    """A random mask shaped like ``x``: 0 with probability ``dropout``, else 1 / (1 - dropout)."""
    steps = 2**_RANDOM_BITS
    n_dropped = round(dropout * steps)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    return bits.to(x.dtype).ge_(n_dropped - steps // 2).mul_(steps / (steps - n_dropped))


def _plain_prelu_dropout(x: Tensor, slope: Tensor, keep: Tensor | None) -> Tensor:
    y = functional.prelu(x, slope)
    return y if keep is None else y * keep


class _PReLUDropout(torch.autograd.Function):
    """Written out with few new arrays: fresh memory costs more than the arithmetic."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor, keep: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, slope, keep)
        y = functional.relu(x).mul_(1 - slope).addcmul_(x, slope)
        return y if keep is None else y.mul_(keep)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, slope, keep = ctx.saved_tensors
        if torch.is_grad_enabled():
            of_x, of_slope = twin_gradients(lambda x, a: _plain_prelu_dropout(x, a, keep), [x, slope], grads[0])
            return of_x, of_slope, None
        grad = grads[0].clone() if keep is None else grads[0] * keep
        grad_x = torch.ops.aten.threshold_backward(grad, x, 0)
        negative = grad.sub_(grad_x)
        grad_slope = (negative * x).sum(0)
        return grad_x.addcmul_(negative, slope), grad_slope, None
