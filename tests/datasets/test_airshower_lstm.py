"""The compiled LSTM is nn.LSTM."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pd4ml.datasets.airshower.lstm import ROWS, lstm


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("n_in", "n_hidden", "n_steps", "scale"), [(1, 3, 5, 1.0), (7, 10, 1, 1.0), (2, 4, 6, 30.0)]
)
def test_states_and_gradients(n_in: int, n_hidden: int, n_steps: int, scale: float, reverse: bool) -> None:
    torch.manual_seed(1)
    layer = nn.LSTM(n_in, n_hidden)
    blocks = (scale * torch.randn(2, n_steps, n_in, ROWS)).requires_grad_()
    weights = [*layer.parameters()]
    ours = lstm(blocks, weights[0], weights[1], weights[2] + weights[3], reverse=reverse)
    rows = blocks.permute(1, 0, 3, 2).flatten(1, 2)
    theirs, _ = layer(rows.flip(0) if reverse else rows)
    theirs = theirs.flip(0) if reverse else theirs
    theirs = theirs.unflatten(1, (2, ROWS)).permute(1, 0, 3, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    pull = torch.randn_like(ours)
    found = torch.autograd.grad((ours * pull).sum(), [blocks, *weights])
    expected = torch.autograd.grad((theirs * pull).sum(), [blocks, *weights])
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=2e-5 * float(two.abs().max()))


@pytest.mark.parametrize("reverse", [False, True])
def test_second_derivatives(reverse: bool) -> None:
    torch.manual_seed(1)
    layer = nn.LSTM(2, 3)
    blocks = torch.randn(2, 4, 2, ROWS).requires_grad_()
    weights = [*layer.parameters()]
    ours = lstm(blocks, weights[0], weights[1], weights[2] + weights[3], reverse=reverse)
    rows = blocks.permute(1, 0, 3, 2).flatten(1, 2)
    theirs = layer(rows.flip(0) if reverse else rows)[0]
    found = []
    for states in (ours, theirs):
        (slope,) = torch.autograd.grad(states.square().sum(), blocks, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [blocks, *weights]))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4 * float(two.abs().max()))
