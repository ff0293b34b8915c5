"""ReLU, batch normalisation, PReLU and dropout as one step with few passes over memory.

On a CPU the four of PyTorch take as long as the matrix products between them, most of it to fetch fresh memory.
Here they run over blocks of rows that stay in a core's cache, and only the input and the dropout's bits are kept
for the gradient. The numbers are those of the plain layers (tests/models/test_activation.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.layers import BatchNorm, PReLUDropout

__all__ = ["NormActivation"]

_STEPS = 2**16  # of the dropout's 16 bits
_BLOCK = 2**18  # numbers that one core works on: 1 MB of float32


class NormActivation(nn.Sequential):
    """ReLU, then `BatchNorm`, then `PReLUDropout`, on rows (N, width)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(BatchNorm(width), PReLUDropout(width, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width) to (N, width), in the precision of the parameters also under autocast."""
        norm, act = cast("tuple[BatchNorm, PReLUDropout]", tuple(self))
        x = x.to(norm.weight.dtype)
        if self.training and len(x) > 1:
            result: Tensor = _Training.apply(x, norm.weight, norm.bias, act.slope, norm, act.dropout)  # type: ignore[no-untyped-call]
            return result
        if torch.is_grad_enabled():
            return act(norm(functional.relu(x)))  # type: ignore[no-any-return]
        return _evaluate(x, norm, act.slope)


def _blocks(x: Tensor) -> Iterator[slice]:
    """Rows that are worked on at a time: what fits into the caches of the cores, or all of them on a GPU."""
    n = max(_BLOCK * torch.get_num_threads() // x.shape[1], 1) if x.device.type == "cpu" else len(x)
    return (slice(start, start + n) for start in range(0, len(x), n))


def _evaluate(x: Tensor, norm: BatchNorm, slope: Tensor) -> Tensor:
    """PReLU of the normalised ReLU of ``x``, from running statistics."""
    mean, var = cast("tuple[Tensor, Tensor]", (norm.running_mean, norm.running_var))
    factor = norm.weight * (var + norm.eps).rsqrt()
    shift, below = norm.bias - mean * factor, slope - 1
    y = torch.empty_like(x)
    for block in _blocks(x):
        v = y[block]
        torch.addcmul(shift, torch.clamp_min(x[block], 0), factor, out=v)
        v.addcmul_(torch.clamp_max(v, 0), below)
    return y


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (biased) of the ReLU of each column, block by block (Chan, Golub & LeVeque 1983)."""
    mean, total, n = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1]), 0
    for block in _blocks(x):
        rows = torch.clamp_min(x[block], 0)
        m, k = rows.mean(0), len(rows)
        delta = m - mean
        mean += delta * (k / (n + k))
        total += rows.sub_(m).square_().sum(0) + delta.square() * (n * k / (n + k))
        n += k
    return mean, total / n


class _Training(torch.autograd.Function):
    """With batch statistics; dropout's scale is part of the normalisation, since PReLU(s v) = s PReLU(v)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor, norm: BatchNorm, dropout: float
    ) -> Tensor:
        mean, var = _moments(x)
        _update(norm, mean, var, len(x))
        n_dropped = round(dropout * _STEPS)
        scale, threshold = _STEPS / (_STEPS - n_dropped), n_dropped - _STEPS // 2
        inverse = (var + norm.eps).rsqrt()
        factor = scale * weight * inverse
        shift, below = scale * bias - mean * factor, slope - 1
        bits = _random_bits(x) if n_dropped else None
        y = torch.empty_like(x)
        for block in _blocks(x):
            v = y[block]
            torch.addcmul(shift, torch.clamp_min(x[block], 0), factor, out=v)
            v.addcmul_(torch.clamp_max(v, 0), below)
            if bits is not None:
                v.mul_(bits[block].to(x.dtype).ge_(threshold))
        ctx.save_for_backward(x, bits, slope, mean, inverse, factor, shift)
        ctx.scale, ctx.threshold = scale, threshold
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, bits, slope, mean, inverse, factor, shift = ctx.saved_tensors
        grad_slope, sum_grad, sum_product = (x.new_zeros(x.shape[1]) for _ in range(3))
        grad_x = torch.empty_like(x)
        for block in _blocks(x):
            rows, g = torch.clamp_min(x[block], 0), grads[0][block]
            v = torch.addcmul(shift, rows, factor)
            g = g.clone() if bits is None else bits[block].to(x.dtype).ge_(ctx.threshold).mul_(g)
            grad_v = grad_x[block]
            torch.ops.aten.threshold_backward.grad_input(g, v, 0, grad_input=grad_v)
            g.sub_(grad_v)  # what is left belongs to negative values
            grad_slope += v.mul_(g).sum(0)
            grad_v.addcmul_(g, slope)
            sum_grad += grad_v.sum(0)
            sum_product += rows.sub_(mean).mul_(grad_v).sum(0)
        # y = x^ w + b with x^ = (x - mean) / spread; the mean and the spread depend on all rows.
        along = -factor * inverse.square() * sum_product / len(x)
        constant = -factor * sum_grad / len(x) - mean * along
        for block in _blocks(x):
            rows, out = x[block], grad_x[block]
            out.mul_(factor).add_(constant).addcmul_(torch.clamp_min(rows, 0), along)
            torch.ops.aten.threshold_backward.grad_input(out, rows, 0, grad_input=out)
        return grad_x, ctx.scale * inverse * sum_product, ctx.scale * sum_grad, grad_slope, None, None


def _update(norm: BatchNorm, mean: Tensor, var: Tensor, n: int) -> None:
    """Move the running statistics as PyTorch does."""
    momentum = norm.momentum or 0.0
    for running, now in ((norm.running_mean, mean), (norm.running_var, var * (n / (n - 1)))):
        if running is not None:
            running.lerp_(now, momentum)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked += 1


def _random_bits(x: Tensor) -> Tensor:
    """16 random bits for each number of ``x``, as int16."""
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    return words.view(torch.int16)[: x.numel()].view(x.shape)
