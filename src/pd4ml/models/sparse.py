"""Sparse times dense, for products of a graph matrix with node features.

The product is ``embedding_bag``: a weighted sum of rows, gathered and added in one pass. Measured on two CPU
cores for (1,417 x 1,417) with 10 entries a row times (1,417 x 256): 0.07 ms, against 0.19 ms for PyTorch's CSR
product (MKL) and about 10 ms for gathering first and adding then, which is its plain twin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pd4ml.models.kernels import use_kernels

__all__ = ["SparseMatrix", "sparse_product"]


class SparseMatrix(NamedTuple):
    """A sparse (R, C) matrix by rows: row r has ``weights[i]`` in ``columns[i]`` for i in offsets[r:r + 2]."""

    columns: Tensor
    offsets: Tensor
    weights: Tensor

    def times(self, x: Tensor) -> Tensor:
        """(R, W) product with ``x`` (C, W); no gradient."""
        if len(self.columns) == 0:
            return x.new_zeros(len(self.offsets) - 1, x.shape[1])
        weights = self.weights.to(x.dtype)
        return functional.embedding_bag(
            self.columns, x, self.offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
        )

    def plain_times(self, x: Tensor) -> Tensor:
        """The same in operations that PyTorch differentiates, as often as one likes."""
        n_rows = len(self.offsets) - 1
        row = torch.repeat_interleave(self.offsets.diff(), output_size=len(self.columns))
        entries = x.index_select(0, self.columns) * self.weights.to(x.dtype)[:, None]
        return x.new_zeros(n_rows, x.shape[1]).index_add(0, row, entries)

    def rows(self, chosen: Tensor) -> SparseMatrix:
        """The ``chosen`` rows, (R,) of their numbers."""
        sizes = self.offsets.diff()[chosen]
        offsets = functional.pad(sizes.cumsum(0), (1, 0))
        n_entries = int(offsets[-1])
        shift = torch.repeat_interleave(self.offsets[chosen] - offsets[:-1], sizes, output_size=n_entries)
        entries = torch.arange(n_entries, device=shift.device) + shift
        return SparseMatrix(self.columns[entries], offsets, self.weights[entries])


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: SparseMatrix, transpose: SparseMatrix) -> Tensor:
        ctx.matrix, ctx.transpose = matrix, transpose
        return matrix.times(x.detach())

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, None, None]:
        # The gradient is such a product itself, so it can be differentiated again.
        of_x: Tensor = _SparseProduct.apply(grad[0].contiguous(), ctx.transpose, ctx.matrix)  # type: ignore[no-untyped-call]
        return of_x, None, None


def sparse_product(matrix: SparseMatrix, x: Tensor, transpose: SparseMatrix | None = None) -> Tensor:
    """``matrix @ x``, differentiable in ``x`` (C, W); ``transpose`` is the matrix itself if it is symmetric."""
    if not use_kernels(x):
        return matrix.plain_times(x)
    transpose = matrix if transpose is None else transpose
    product: Tensor = _SparseProduct.apply(x, matrix, transpose)  # type: ignore[no-untyped-call]
    return product
