"""ReLU, batch normalisation, PReLU and dropout as one step with few passes over memory.

On a CPU the four of PyTorch take as long as the matrix products between them, most of it to fetch fresh memory.
They are compiled loops, and only the input is kept for the gradient. The numbers are those of the plain layers
(tests/models/test_activation.py); elsewhere than on a CPU the plain layers are used.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

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
        if x.device.type == "cpu" and self.training and len(x) > 1:
            result: Tensor = _Training.apply(x, norm.weight, norm.bias, act.slope, norm, act.dropout)  # type: ignore[no-untyped-call]
            return result
        if x.device.type == "cpu" and not self.training and not torch.is_grad_enabled():
            return _evaluate(x, norm, act.slope)
        return act(norm(functional.relu(x)))  # type: ignore[no-any-return]


def _evaluate(x: Tensor, norm: BatchNorm, slope: Tensor) -> Tensor:
    """PReLU of the normalised ReLU of ``x``, from running statistics."""
    from pd4ml.models import activation_kernels as kernels

    mean, var = cast("tuple[Tensor, Tensor]", (norm.running_mean, norm.running_var))
    factor = norm.weight * (var + norm.eps).rsqrt()
    x = x.contiguous()
    y = torch.empty_like(x)
    kernels.apply(*_arrays(x, factor, norm.bias - mean * factor, slope - 1), out=y.numpy())
    return y


class _Training(torch.autograd.Function):
    """With batch statistics; dropout's scale is part of the normalisation, since PReLU(s v) = s PReLU(v)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor, norm: BatchNorm, dropout: float
    ) -> Tensor:
        from pd4ml.models import activation_kernels as kernels

        x = x.contiguous()
        y, rows = torch.empty_like(x), x.detach().numpy()
        mean, var = kernels.moments(rows)
        _update(norm, mean, var, len(x))
        threshold = round(dropout * _STEPS)
        ctx.dropout = {"seed": int(torch.randint(_STEPS, ())) if threshold else 0, "threshold": threshold}
        ctx.scale = rows.dtype.type(_STEPS / (_STEPS - threshold))
        gain, offset, below = _arrays(weight, bias, slope)
        inverse = 1 / np.sqrt(var + rows.dtype.type(norm.eps))
        factor = ctx.scale * gain * inverse
        shift = ctx.scale * offset - mean * factor
        kernels.apply(rows, factor, shift, below - 1, **ctx.dropout, out=y.numpy())
        ctx.save_for_backward(x, slope)
        ctx.columns = mean, inverse, factor, shift
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from pd4ml.models import activation_kernels as kernels

        rows, grad, slope = _arrays(ctx.saved_tensors[0], grads[0], ctx.saved_tensors[1])
        mean, inverse, factor, shift = ctx.columns
        grad_rows = np.empty_like(rows)
        grad_slope, sum_grad, sum_product = kernels.masked_sums(
            rows, grad, factor, shift, slope, mean, **ctx.dropout, out=grad_rows
        )
        # y = x^ w + b with x^ = (x - mean) / spread; the mean and the spread depend on all rows.
        share = factor / rows.dtype.type(len(rows))
        along = -share * inverse**2 * sum_product
        constant = -share * sum_grad - mean * along
        kernels.backward(rows, factor, constant, along, out=grad_rows)
        found = (grad_rows, ctx.scale * inverse * sum_product, ctx.scale * sum_grad, grad_slope)
        return *map(torch.from_numpy, found), None, None


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
