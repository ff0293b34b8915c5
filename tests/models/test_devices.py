"""Models train on a GPU as on a CPU; without one, what runs there, the plain twins, is tried on a CPU."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from helpers.model_cases import CASES, Case, with_nodes
from pd4ml.models.base import PlainModel
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import PReLUDropout

every_case = pytest.mark.parametrize("case", CASES, ids=str)
without_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def no_array(tensor: Tensor, *_: object, **__: object) -> None:
    """Stands for `Tensor.numpy`, which fails on a GPU."""
    raise AssertionError("an array was asked for")


def trained(module: nn.Module, batch: GraphBatch, device: str, dtype: torch.dtype, n_steps: int) -> list[Tensor]:
    """Losses of ``n_steps`` on ``device`` and the outputs at the end, in evaluation mode."""
    batch = batch.to(device)
    batch = with_nodes(batch, batch.nodes.to(dtype))
    target = torch.arange(len(batch), device=device).remainder(2)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    found = []
    for _ in range(n_steps):
        optimiser.zero_grad()
        output = module(batch)
        if output.ndim == 2:  # a logit for each of several classes
            value = nn.functional.cross_entropy(output, target)
        else:
            value = nn.functional.binary_cross_entropy_with_logits(output, target.to(dtype))
        torch.autograd.backward(value)
        assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)
        optimiser.step()
        found.append(value.detach().cpu())
    module.eval()
    with torch.no_grad():
        return [*found, module(batch).cpu()]


@every_case
@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, without_gpu])], ids=["plain", "cuda"]
)
@pytest.mark.parametrize(
    ("dtype", "n_steps", "tolerance"),
    [(torch.float64, 3, 1e-6), (torch.float32, 1, 2e-3)],
    ids=["double", "single"],
)
def test_a_training_there_is_that_with_kernels(
    case: Case, device: str, dtype: torch.dtype, n_steps: int, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some steps in double precision, in which rounding does not grow; in single precision one."""
    model = case.model().to(dtype)
    there: nn.Module = copy.deepcopy(model)
    there = PlainModel(there) if device == "cpu" else there.to(device)  # type: ignore[arg-type]
    here = trained(model, case.batch(), "cpu", dtype, n_steps)
    batch = case.batch()
    monkeypatch.setattr(Tensor, "numpy", no_array)
    found = trained(there, batch, device, dtype, n_steps)
    torch.testing.assert_close(found[:n_steps], here[:n_steps], rtol=tolerance, atol=tolerance)
    if dtype == torch.float64:
        torch.testing.assert_close(found[-1], here[-1], rtol=tolerance, atol=tolerance)
    before = case.model().to(dtype).parameters()
    moved = [(p - q).detach().abs().max() for p, q in zip(model.parameters(), before, strict=True)]
    assert float(max(moved)) > 5e-4


@every_case
@pytest.mark.parametrize("plain", [False, True], ids=["kernels", "plain"])
def test_half_precision(case: Case, plain: bool) -> None:
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        model(with_nodes(batch, batch.nodes + 0.1))
    model.eval()
    module = model.plain() if plain else model
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = module(batch)
        value = output.float().square().sum()
    torch.autograd.backward(value)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        exact = model(batch)
    torch.testing.assert_close(output.float(), exact, rtol=0.1, atol=0.1 * float(1 + exact.abs().max()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.autograd.backward(module.train()(batch).float().square().sum())
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@every_case
def test_nothing_stays_on_the_cpu(case: Case) -> None:
    """On the device without numbers, a tensor that was left behind is an error, and so is a look at a value."""
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        shape = model.plain()(batch).shape  # finds what follows from the sizes, which are values
    for module in model.modules():
        if isinstance(module, nn.Dropout | PReLUDropout):
            module.p = module.dropout = 0.5
    there = batch.to("meta")
    nodes = there.nodes.requires_grad_()
    output = model.train().to("meta")(there.on(nodes))
    assert output.device.type == "meta"
    assert output.shape == shape
    torch.autograd.backward(output.sum())
    assert nodes.grad is not None
    assert all(p.grad is None or p.grad.device.type == "meta" for p in model.parameters())
