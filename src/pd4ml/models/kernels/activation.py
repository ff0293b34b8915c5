"""ReLU, batch normalisation, PReLU and dropout as one step with few passes over memory.

On a CPU the four of PyTorch take as long as the matrix products between them, most of it to fetch fresh memory.
They are compiled loops, and only the input is kept for the gradient. The numbers are those of the plain layers
(tests/models/test_activation.py), which are the twin.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.kernels import twin_gradients, use_kernels
from pd4ml.models.layers import BatchNorm, PReLUDropout

__all__ = ["NormActivation"]

_STEPS = 2**32  # of the dropout's 32 bits


class NormActivation(nn.Sequential):
    """ReLU, then `BatchNorm`, then `PReLUDropout`, on rows (N, width)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(BatchNorm(width), PReLUDropout(width, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width) to (N, width), in the precision of the parameters also under autocast."""
        norm, act = cast("tuple[BatchNorm, PReLUDropout]", tuple(self))
        x = x.to(norm.weight.dtype)
        fast = use_kernels(x)
        if fast and self.training and len(x) > 1:
            result: Tensor = _Training.apply(x, norm.weight, norm.bias, act.slope, norm, act.dropout)  # type: ignore[no-untyped-call]
            return result
        if fast and not self.training and not torch.is_grad_enabled():
            return _evaluate(x, norm, act.slope)
        return act(norm(functional.relu(x)))  # type: ignore[no-any-return]


def _evaluate(x: Tensor, norm: BatchNorm, slope: Tensor) -> Tensor:
    """PReLU of the normalised ReLU of ``x``, from running statistics."""
    from pd4ml.models.kernels import activation_loops as loops

    mean, var = cast("tuple[Tensor, Tensor]", (norm.running_mean, norm.running_var))
    factor = norm.weight * (var + norm.eps).rsqrt()
    x = x.contiguous()
    y = torch.empty_like(x)
    loops.apply(*_arrays(x, factor, norm.bias - mean * factor, slope - 1), out=y.numpy())
    return y


class _Training(torch.autograd.Function):
    """With batch statistics; dropout's scale is part of the normalisation, since PReLU(s v) = s PReLU(v)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor, norm: BatchNorm, dropout: float
    ) -> Tensor:
        from pd4ml.models.kernels import activation_loops as loops

        rows = _arrays(x)[0]
        y = x.new_empty(x.shape)
        mean, var = loops.moments(rows)
        _update(norm, mean, var, len(x))
        threshold = round(dropout * _STEPS)
        ctx.dropout = {"seed": int(torch.randint(_STEPS, ())) if threshold else 0, "threshold": threshold}
        ctx.scale = rows.dtype.type(_STEPS / (_STEPS - threshold))
        gain, offset, below = _arrays(weight, bias, slope)
        inverse = 1 / np.sqrt(var + rows.dtype.type(norm.eps))
        factor = ctx.scale * gain * inverse
        shift = ctx.scale * offset - mean * factor
        loops.apply(rows, factor, shift, below - 1, **ctx.dropout, out=y.numpy())
        ctx.save_for_backward(x, slope, weight, bias)
        ctx.columns, ctx.eps = (mean, inverse, factor, shift), norm.eps
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from pd4ml.models.kernels import activation_loops as loops

        if torch.is_grad_enabled():
            return _again(ctx, grads[0])
        rows, grad, slope = _arrays(ctx.saved_tensors[0], grads[0], ctx.saved_tensors[1])
        mean, inverse, factor, shift = ctx.columns
        grad_rows = np.empty_like(rows)
        grad_slope, sum_grad, sum_product = loops.masked_sums(
            rows, grad, factor, shift, slope, mean, **ctx.dropout, out=grad_rows
        )
        # y = x^ w + b with x^ = (x - mean) / spread; the mean and the spread depend on all rows.
        share = factor / rows.dtype.type(len(rows))
        along = -share * inverse**2 * sum_product
        constant = -share * sum_grad - mean * along
        loops.backward(rows, factor, constant, along, out=grad_rows)
        found = (grad_rows, ctx.scale * inverse * sum_product, ctx.scale * sum_grad, grad_slope)
        return *map(torch.from_numpy, found), None, None


def _again(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients of the twin, to be differentiated again, with what dropout drew."""
    from pd4ml.models.kernels import activation_loops as loops

    x, slope, weight, bias = ctx.saved_tensors
    keep = torch.full(x.shape, float(ctx.scale), dtype=x.dtype)
    if ctx.dropout["threshold"]:
        one, nothing = np.ones(x.shape[1], keep.numpy().dtype), np.zeros(x.shape[1], keep.numpy().dtype)
        loops.apply(keep.numpy(), one, nothing, nothing, **ctx.dropout, out=keep.numpy())

    def twin(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor) -> Tensor:
        y = functional.batch_norm(functional.relu(x), None, None, weight, bias, training=True, eps=ctx.eps)
        return functional.prelu(y, slope) * keep

    return *twin_gradients(twin, [x, weight, bias, slope], grad), None, None


def _arrays(*tensors: Tensor) -> list[NDArray[np.floating]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _update(norm: BatchNorm, mean: NDArray[np.floating], var: NDArray[np.floating], n: int) -> None:
    """Move the running statistics as PyTorch does."""
    momentum = mean.dtype.type(norm.momentum or 0.0)
    for running, now in ((norm.running_mean, mean), (norm.running_var, var * mean.dtype.type(n / (n - 1)))):
        if running is not None:
            values = running.numpy()
            values += momentum * (now - values)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
