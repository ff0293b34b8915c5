"""An LSTM for many short sequences on a CPU: compiled, whole sequences in blocks of rows.

nn.LSTM meets after every time step, with too little work in between for a hidden size of some ten. Here a block
of rows goes through all steps on its own, in a core's cache; the innermost loop is over its rows.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pd4ml.compiled import njit
from pd4ml.graphs.blocks import over_blocks
from pd4ml.models.kernels import twin_gradients

__all__ = ["ROWS", "lstm"]

ROWS = 64  # of a block


def lstm(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, *, reverse: bool = False) -> Tensor:
    """States (M, T, H, ROWS) of an LSTM on M blocks of ROWS sequences ``x`` (M, T, I, ROWS), all float32 on a CPU.

    Weights (4 H, I) and (4 H, H) and ``bias`` (4 H,) are nn.LSTM's, in the order input, forget, cell, output;
    ``reverse`` begins at the last step. Differentiable in all of them.
    """
    n_in, n_hidden = weight_ih.shape[1], weight_hh.shape[1]
    weight = torch.cat([weight_ih, weight_hh, bias.unsqueeze(1)], dim=1)
    weight = torch.nn.functional.pad(weight, (0, -(n_in + n_hidden + 1) % 4))  # see _product
    states: Tensor = _LSTM.apply(x, weight, n_hidden, reverse)  # type: ignore[no-untyped-call]
    return states


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, n_hidden: int, reverse: bool) -> Tensor:
        n_blocks, n_steps, n_in, _ = x.shape
        gates, cells, states = (
            x.new_empty(n_blocks, n_steps, n, ROWS) for n in (4 * n_hidden, n_hidden, n_hidden)
        )
        # Input, last state and 1 of every step, one below the other, as the weights stand.
        joined = x.new_zeros(n_blocks, n_steps, weight.shape[1], ROWS)
        joined[:, :, :n_in] = x
        joined[:, :, n_in + n_hidden] = 1
        arrays = [a.numpy() for a in (joined, weight.contiguous(), gates, cells, states)]
        over_blocks(lambda first, last: _forward(first, last, n_in, reverse, *arrays), n_blocks, 1)
        ctx.save_for_backward(weight, joined, gates, cells, x)
        ctx.n_in, ctx.n_hidden, ctx.reverse = n_in, n_hidden, reverse
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        weight, joined, gates, cells, x = ctx.saved_tensors
        if torch.is_grad_enabled():
            twin = partial(_plain, n_hidden=ctx.n_hidden, reverse=ctx.reverse)
            of_x, of_weight = twin_gradients(twin, [x, weight], grads[0])
            return of_x, of_weight, None, None
        grad_gates, grad_joined = torch.empty_like(gates), torch.empty_like(joined)
        tensors = (grads[0].contiguous(), weight.t().contiguous(), gates, cells, grad_gates, grad_joined)
        arrays = [a.numpy() for a in tensors]
        over_blocks(lambda first, last: _backward(first, last, ctx.n_in, ctx.reverse, *arrays), len(joined), 1)
        grad_weight = torch.bmm(grad_gates.flatten(0, 1), joined.flatten(0, 1).transpose(1, 2)).sum(0)
        return grad_joined[:, :, : ctx.n_in], grad_weight, None, None


def _plain(x: Tensor, weight: Tensor, *, n_hidden: int, reverse: bool) -> Tensor:
    """The twin, step by step, with ``weight`` (4 H, I + H + 1) filled up with columns that meet zeros."""
    n_blocks, n_steps, n_in, _ = x.shape
    state = cell = x.new_zeros(n_blocks, n_hidden, ROWS)
    weight, one = weight[:, : n_in + n_hidden + 1], x.new_ones(n_blocks, 1, ROWS)
    states = []
    for t in reversed(range(n_steps)) if reverse else range(n_steps):
        gates = weight @ torch.cat([x[:, t], state, one], dim=1)
        i, f, g, o = gates.chunk(4, dim=1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        state = torch.sigmoid(o) * torch.tanh(cell)
        states.append(state)
    return torch.stack(states[::-1] if reverse else states, dim=1)


@njit(inline="always")
def _tanh(x: np.float32) -> np.float32:
    """To 3e-7: a rational function, whose loop vectorises (coefficients: Eigen 3.4, MathFunctionsImpl.h)."""
    x = min(max(x, np.float32(-7.9)), np.float32(7.9))
    y = x * x
    p = np.float32(-2.76076847742355e-16) * y + np.float32(2.00018790482477e-13)
    p = p * y + np.float32(-8.60467152213735e-11)
    p = p * y + np.float32(5.12229709037114e-08)
    p = p * y + np.float32(1.48572235717979e-05)
    p = p * y + np.float32(6.37261928875436e-04)
    p = p * y + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06) * y + np.float32(1.18534705686654e-04)
    q = q * y + np.float32(2.26843463243900e-03)
    q = q * y + np.float32(4.89352518554385e-03)
    return x * p / q


@njit(inline="always")
def _sigmoid(x: np.float32) -> np.float32:
    half = np.float32(0.5)
    return half + half * _tanh(half * x)


@njit(fastmath={"contract", "reassoc"}, inline="always")
def _product(matrix: NDArray[np.float32], x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Add ``matrix @ x`` to ``out``, in tiles of 4 x 4 numbers of the matrix that stay in registers."""
    for i in range(0, matrix.shape[0], 4):
        for k in range(0, matrix.shape[1], 4):
            a = matrix[i : i + 4, k : k + 4]
            a0, a1, a2, a3 = a[0, 0], a[0, 1], a[0, 2], a[0, 3]
            b0, b1, b2, b3 = a[1, 0], a[1, 1], a[1, 2], a[1, 3]
            c0, c1, c2, c3 = a[2, 0], a[2, 1], a[2, 2], a[2, 3]
            d0, d1, d2, d3 = a[3, 0], a[3, 1], a[3, 2], a[3, 3]
            for r in range(ROWS):
                x0, x1, x2, x3 = x[k, r], x[k + 1, r], x[k + 2, r], x[k + 3, r]
                out[i, r] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                out[i + 1, r] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                out[i + 2, r] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
                out[i + 3, r] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _forward(
    first: int,
    last: int,
    n_in: int,
    reverse: bool,
    joined: NDArray[np.float32],
    weight: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32],
    states: NDArray[np.float32],
) -> None:
    """Fill ``gates`` (after their activation), ``cells``, ``states`` and the states in ``joined``."""
    n_steps, n_hidden = cells.shape[1], cells.shape[2]
    for m in range(first, last):
        cell = np.zeros((n_hidden, ROWS), np.float32)
        for step in range(n_steps):
            t = n_steps - 1 - step if reverse else step
            gate, state = gates[m, t], states[m, t]
            if step:
                joined[m, t, n_in : n_in + n_hidden] = states[m, t + 1 if reverse else t - 1]
            gate[:] = 0
            _product(weight, joined[m, t], gate)
            for j in range(n_hidden):
                for r in range(ROWS):
                    i = _sigmoid(gate[j, r])
                    f = _sigmoid(gate[n_hidden + j, r])
                    g = _tanh(gate[2 * n_hidden + j, r])
                    o = _sigmoid(gate[3 * n_hidden + j, r])
                    c = f * cell[j, r] + i * g
                    gate[j, r] = i
                    gate[n_hidden + j, r] = f
                    gate[2 * n_hidden + j, r] = g
                    gate[3 * n_hidden + j, r] = o
                    cell[j, r] = c
                    state[j, r] = o * _tanh(c)
            cells[m, t] = cell


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _backward(
    first: int,
    last: int,
    n_in: int,
    reverse: bool,
    grad_states: NDArray[np.float32],
    transposed: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32],
    grad_gates: NDArray[np.float32],
    grad_joined: NDArray[np.float32],
) -> None:
    """Fill ``grad_gates`` (before their activation) and ``grad_joined``."""
    n_steps, n_hidden = cells.shape[1], cells.shape[2]
    one = np.float32(1)
    for m in range(first, last):
        from_later = np.zeros((n_hidden, ROWS), np.float32)
        grad_cell = np.zeros((n_hidden, ROWS), np.float32)
        before = np.zeros((n_hidden, ROWS), np.float32)
        for step in range(n_steps - 1, -1, -1):
            t = n_steps - 1 - step if reverse else step
            gate, grad, cell = gates[m, t], grad_gates[m, t], cells[m, t]
            if step:
                before[:] = cells[m, t + 1 if reverse else t - 1]
            else:
                before[:] = 0
            for j in range(n_hidden):
                for r in range(ROWS):
                    i, f = gate[j, r], gate[n_hidden + j, r]
                    g, o = gate[2 * n_hidden + j, r], gate[3 * n_hidden + j, r]
                    tanh = _tanh(cell[j, r])
                    h = grad_states[m, t, j, r] + from_later[j, r]
                    c = grad_cell[j, r] + h * o * (one - tanh * tanh)
                    grad[j, r] = c * g * i * (one - i)
                    grad[n_hidden + j, r] = c * before[j, r] * f * (one - f)
                    grad[2 * n_hidden + j, r] = c * i * (one - g * g)
                    grad[3 * n_hidden + j, r] = h * tanh * o * (one - o)
                    grad_cell[j, r] = c * f
            grad_joined[m, t] = 0
            _product(transposed, grad, grad_joined[m, t])
            from_later[:] = grad_joined[m, t, n_in : n_in + n_hidden]
