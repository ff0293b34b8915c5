"""The joined activation against the plain layers: outputs, gradients, running statistics."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.kernels import activation_loops
from pd4ml.models.kernels.activation import NormActivation
from pd4ml.models.layers import BatchNorm, PReLUDropout


def prepared(width: int, dropout: float, seed: int) -> NormActivation:
    """With parameters and statistics away from their start."""
    torch.manual_seed(seed)
    module = NormActivation(width, dropout)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(width))
        module[0].running_mean.copy_(torch.randn(width))  # type: ignore[operator]
    return module


def plain(module: NormActivation, x: Tensor) -> Tensor:
    """PyTorch's own layers, without dropout."""
    norm, act = cast("tuple[BatchNorm, PReLUDropout]", tuple(module))
    state = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    y = functional.batch_norm(functional.relu(x), *state, module.training, eps=norm.eps)
    return functional.prelu(y, act.slope)


def gradients(module: nn.Module, y: Tensor, x: Tensor) -> list[Tensor]:
    weight = torch.linspace(-1, 2, y.numel()).view(y.shape)
    return list(torch.autograd.grad((y * weight).sum() + y.square().sum(), [x, *module.parameters()]))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 90), st.integers(1, 5), st.integers(0, 99), st.booleans())
def test_equals_plain_layers(n_rows: int, width: int, seed: int, training: bool) -> None:
    module = prepared(width, 0.0, seed).train(training)
    x = torch.randn(n_rows, width, requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activation_loops, "_BLOCK", 40 * width)  # several blocks
        before = {name: value.clone() for name, value in module.state_dict().items()}
        y = module(x)
        ours = gradients(module, y, x)
        after = {name: value.clone() for name, value in module.state_dict().items()}
        with torch.no_grad():
            unrecorded = module(x) if not training else y
    module.load_state_dict(before)
    expected = plain(module, x)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(unrecorded, expected, rtol=1e-4, atol=1e-4)
    scale = 1 + float(max(g.abs().max() for g in ours))
    torch.testing.assert_close(ours, gradients(module, expected, x), rtol=1e-3, atol=2e-5 * scale)
    for name in ("0.running_mean", "0.running_var"):
        torch.testing.assert_close(after[name], module.state_dict()[name], rtol=1e-5, atol=1e-5)
    assert after["0.num_batches_tracked"] == training


def test_statistics_of_a_column_far_from_zero() -> None:
    module = prepared(1, 0.0, 0)
    x = 1e3 + torch.randn(5000, 1)
    y = module(x)
    torch.testing.assert_close(y.double(), plain(module.double(), x.double()), rtol=1e-3, atol=1e-3)


def test_dropout_drops_the_same_forwards_and_backwards() -> None:
    module = prepared(8, 0.25, 1)
    x = torch.rand(4000, 8, requires_grad=True)
    y = module(x)
    kept = y != 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.02)
    module[1].dropout = 0.0  # type: ignore[assignment]
    torch.testing.assert_close(y, torch.where(kept, plain(module, x) / 0.75, 0.0), rtol=1e-4, atol=1e-4)
    ours = torch.autograd.grad(y.sum(), [x, *module.parameters()])
    expected = torch.where(kept, plain(module, x) / 0.75, 0.0)
    torch.testing.assert_close(
        ours, torch.autograd.grad(expected.sum(), [x, *module.parameters()]), rtol=1e-3, atol=2e-2
    )


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    module = NormActivation(3, 0.0).double()
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, [x])


def test_gradients_that_are_differentiated_again_have_the_same_dropout() -> None:
    module = prepared(6, 0.3, 1).double()
    x = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
    inputs = [x, *module.parameters()]
    y = module(x)
    once = torch.autograd.grad(y.square().sum(), inputs, retain_graph=True)
    again = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
    torch.testing.assert_close(again, once, rtol=1e-7, atol=1e-7)
    assert torch.autograd.gradgradcheck(NormActivation(3, 0.0).double(), [x[:7, :3].detach().requires_grad_()])


def test_one_row_uses_the_running_statistics() -> None:
    module = prepared(4, 0.0, 2)
    x = torch.randn(1, 4)
    torch.testing.assert_close(module(x), plain(module.eval(), x))


def test_dropout_follows_the_seed_and_has_no_pattern() -> None:
    module = prepared(64, 0.25, 3)
    x = torch.rand(2000, 64)

    def kept(seed: int) -> Tensor:
        torch.manual_seed(seed)
        y: Tensor = module(x)
        return (y != 0).double()

    first, other = kept(1), kept(2)
    assert torch.equal(first, kept(1))
    # Neighbouring rows, columns and seeds drop independently: within five standard deviations of 0.25 x 0.75.
    error = 5 * 0.25 * 0.75 / (2000 * 64) ** 0.5
    for a, b in ((first, other), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        assert abs(float(((a - 0.75) * (b - 0.75)).mean())) < error
    by_column, by_row = first.mean(0), first.mean(1)
    assert float((by_column - 0.75).abs().max()) < 5 * (0.25 * 0.75 / 2000) ** 0.5
    assert float((by_row - 0.75).abs().max()) < 5 * (0.25 * 0.75 / 64) ** 0.5
