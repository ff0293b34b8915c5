"""First and second derivatives of every model, with kernels and without, against finite differences in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
import torch
from torch import Tensor, nn

from helpers.model_cases import CASES, Case, loss, with_nodes
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch

STEP = 1e-6
every_case = pytest.mark.parametrize("case", CASES, ids=str)
both_ways = pytest.mark.parametrize("plain", [False, True], ids=["kernels", "plain"])
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])

Scalar: TypeAlias = Callable[[], Tensor]


def prepared(case: Case, training: bool) -> tuple[Model, GraphBatch, Tensor]:
    """Model and batch in double precision, statistics that have seen something, nodes that want a gradient."""
    model, batch = case.model().double(), case.batch()
    nodes = batch.nodes.double()
    with torch.no_grad():
        model(with_nodes(batch, nodes + 0.1))
    return model.train(training), batch, nodes.requires_grad_()


def way(model: Model, plain: bool) -> nn.Module:
    return model.plain() if plain else model


def slope(function: Scalar, tensors: Sequence[Tensor], directions: Sequence[Tensor]) -> float:
    """Central difference of ``function`` where all ``tensors`` move along ``directions``."""
    values = []
    for sign in (1, -2):
        with torch.no_grad():
            for tensor, direction in zip(tensors, directions, strict=True):
                tensor += sign * STEP * direction
        values.append(float(function().detach()))
    with torch.no_grad():
        for tensor, direction in zip(tensors, directions, strict=True):
            tensor += STEP * direction
    return (values[0] - values[1]) / (2 * STEP)


def holds(function: Scalar, tensors: Sequence[Tensor], seed: int = 1) -> None:
    """The gradient of ``function`` is that of finite differences, along two random directions.

    Relative to its value: a deep network may make it very small.
    """
    value = function()
    found = torch.autograd.grad(value / value.detach().abs(), tensors, allow_unused=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(2):
        directions = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in tensors]
        length = sum(float(d.square().sum()) for d in directions) ** 0.5
        directions = [d / length for d in directions]  # a short way passes no corner of a ReLU
        along = sum(float((g * d).sum()) for g, d in zip(found, directions, strict=True) if g is not None)
        size = sum(float((g * d).square().sum()) for g, d in zip(found, directions, strict=True) if g is not None)
        wanted = slope(function, tensors, directions) / abs(float(value.detach()))
        assert along == pytest.approx(wanted, rel=1e-4, abs=1e-5 * size**0.5 + 1e-8)


def penalty(module: nn.Module, batch: GraphBatch, nodes: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """The squared length of the loss's gradient in ``tensors``, to be differentiated again."""
    value = loss(module(with_nodes(batch, nodes)))
    found = torch.autograd.grad(value, tensors, create_graph=True)
    total: Tensor = sum((g.square().sum() for g in found), start=torch.zeros((), dtype=nodes.dtype))
    return total


@every_case
@both_ways
@both_modes
def test_first_derivatives(case: Case, plain: bool, training: bool) -> None:
    model, batch, nodes = prepared(case, training)
    module = way(model, plain)
    parameters = list(model.parameters())
    holds(lambda: loss(module(with_nodes(batch, nodes.detach()))), parameters)
    holds(lambda: loss(module(with_nodes(batch, nodes))), [nodes])


@every_case
@both_ways
@both_modes
def test_second_derivatives_of_a_penalty_on_the_gradient_in_the_inputs(
    case: Case, plain: bool, training: bool
) -> None:
    model, batch, nodes = prepared(case, training)
    module = way(model, plain)
    holds(lambda: penalty(module, batch, nodes, [nodes]), list(model.parameters()))
    holds(lambda: penalty(module, batch, nodes, [nodes]), [nodes])


@every_case
@both_ways
def test_second_derivatives_of_a_penalty_on_the_gradient_in_the_parameters(case: Case, plain: bool) -> None:
    model, batch, nodes = prepared(case, training=True)
    module, parameters = way(model, plain), list(model.parameters())
    holds(lambda: penalty(module, batch, nodes.detach(), parameters), parameters)


@every_case
@both_modes
def test_kernels_and_plain_twins_agree(case: Case, training: bool) -> None:
    """In value, statistics and the gradients that a training takes, in which like nodes may share results."""
    model, batch, nodes = prepared(case, training)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = []
    for module in (model, model.plain()):
        model.load_state_dict(state)
        output = module(with_nodes(batch, nodes.detach()))
        gradients = torch.autograd.grad(loss(output), list(model.parameters()))
        found.append([output.detach(), *gradients, *(b.clone() for b in model.buffers())])
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-10)


@every_case
def test_predictions_without_gradients_agree(case: Case) -> None:
    model, batch, nodes = prepared(case, training=False)
    with torch.no_grad():
        outputs = [module(with_nodes(batch, nodes.detach())) for module in (model, model.plain())]
    torch.testing.assert_close(*outputs, rtol=1e-8, atol=1e-10)


def test_each_of_many_like_nodes_has_a_gradient() -> None:
    case = Case("graph_net", "grid")
    model, batch, nodes = prepared(case, training=False)
    like = with_nodes(batch, nodes.detach())
    assert like.distinct is not None
    assert len(like.distinct[0].nodes) < len(nodes) / 2
    gradients = [
        torch.autograd.grad(loss(module(with_nodes(batch, nodes))), nodes)[0] for module in (model, model.plain())
    ]
    torch.testing.assert_close(*gradients)
    assert (gradients[0] != 0).any(1).all()
