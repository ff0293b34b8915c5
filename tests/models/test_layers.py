"""The fast layers against plain PyTorch, and GraphNet against itself on padded nodes with a dense adjacency."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.graphs import random_graphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import BatchNorm, NodeInput, PaddedInput, PReLUDropout, average_nodes, keep_mask
from pd4ml.models.sparse import sparse_product


def dense_adjacency(batch: GraphBatch) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 of the packed nodes, written out."""
    a = torch.eye(len(batch.nodes), dtype=torch.float64)
    a[batch.edge_index[1], batch.edge_index[0]] = 1
    scale = a.sum(1).rsqrt()
    return scale[:, None] * a * scale


def test_normalised_adjacency_is_the_dense_one() -> None:
    batch = GraphBatch.from_packed(random_graphs([5, 1, 8, 0, 3], 2, 8))
    n = len(batch.nodes)
    identity = torch.eye(n, dtype=torch.float32)
    torch.testing.assert_close(batch.normalised_adjacency.times(identity).double(), dense_adjacency(batch))


def test_products_have_the_right_gradients() -> None:
    batch = GraphBatch.from_packed(random_graphs([5, 1, 8, 0, 3], 2, 8))
    x = torch.randn(len(batch.nodes), 4, dtype=torch.float64, requires_grad=True)
    adjacency = batch.normalised_adjacency
    adjacency = adjacency._replace(weights=adjacency.weights.double())
    assert torch.autograd.gradcheck(lambda x: sparse_product(adjacency, x), x)
    assert torch.autograd.gradcheck(lambda x: average_nodes(x, batch), x, atol=1e-4, eps=1e-3)


def test_average_of_no_nodes_is_zero() -> None:
    batch = GraphBatch.from_packed(random_graphs([2, 0], 2, 8))
    average = average_nodes(batch.nodes, batch)
    torch.testing.assert_close(average[0], batch.nodes.mean(0))
    assert (average[1] == 0).all()


def test_prelu_dropout_is_prelu_times_a_mask() -> None:
    x = torch.randn(50, 6, dtype=torch.float64, requires_grad=True)
    layer, plain = PReLUDropout(6, 0.3).double(), nn.PReLU(6).double()
    with torch.no_grad():
        plain.weight.copy_(layer.slope.copy_(torch.rand(6)))
    torch.testing.assert_close(layer.eval()(x), plain(x))
    layer.train()
    torch.manual_seed(1)
    y = layer(x)
    torch.manual_seed(1)
    expected = plain(x) * keep_mask(x, 0.3)
    torch.testing.assert_close(y, expected)
    for parameter, reference in ((x, x), (layer.slope, plain.weight)):
        weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
        (got,) = torch.autograd.grad((y * weights).sum(), parameter, retain_graph=True)
        (want,) = torch.autograd.grad((expected * weights).sum(), reference, retain_graph=True)
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("dropout", [0.1, 0.2, 0.5])
def test_dropout_keeps_the_mean(dropout: float) -> None:
    torch.manual_seed(0)
    keep = keep_mask(torch.empty(1000, 1001), dropout)
    assert (keep == 0).double().mean().item() == pytest.approx(dropout, abs=2e-3)
    assert keep.double().mean().item() == pytest.approx(1, abs=4e-3)
    assert len(np.unique(keep.numpy())) == 2


def test_batch_norm_of_one_row_uses_running_statistics() -> None:
    norm = BatchNorm(3)
    norm(torch.randn(100, 3) * 2 + 1)
    one = torch.ones(1, 3)
    torch.testing.assert_close(norm.train()(one), norm.eval()(one))


def reference_output(model: Any, batch: GraphBatch) -> Tensor:
    """GraphNet as published, on padded nodes with a dense adjacency; batch statistics over real nodes only."""
    features, mask = batch.to_dense().double(), padded_mask(batch)
    adjacency = padded_adjacency(batch, mask)
    x = features
    for layer in (model.first.features, *model.node_layers):
        x = functional.relu(layer(x))
        x = functional.prelu(x, torch.tensor(0.1, dtype=x.dtype))
    for convolution, (norm, activation) in zip(model.convolutions, model.node_activations, strict=True):
        x = functional.relu(adjacency @ convolution(x))
        mean, variance = x[mask].mean(0), x[mask].var(0, correction=0)
        x = (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias
        x = torch.where(x > 0, x, activation.slope * x) * mask[..., None]
    x = x.sum(1) / mask.sum(1, keepdim=True)
    for layer, (norm, activation) in zip(model.event_layers, model.event_activations, strict=True):
        x = functional.relu(layer(x))
        x = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + norm.eps) * norm.weight + norm.bias
        x = torch.where(x > 0, x, activation.slope * x)
    result: Tensor = model.head(x)
    return result.squeeze(-1)


def padded_mask(batch: GraphBatch) -> Tensor:
    return torch.arange(batch.max_nodes) < batch.sizes[:, None]


def padded_adjacency(batch: GraphBatch, mask: Tensor) -> Tensor:
    padded = torch.zeros(len(batch), batch.max_nodes, batch.max_nodes, dtype=torch.float64)
    packed = dense_adjacency(batch)
    for b, (low, high) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True)):
        padded[b, : high - low, : high - low] = packed[low:high, low:high]
    assert not padded[~mask].any()
    return padded


def test_graph_net_is_the_dense_network() -> None:
    torch.manual_seed(0)
    inputs = ModelInputs(3, 20, "classification")
    model = build("graph_net", inputs, dropout=0.0, last_dropout=0.0)
    reference = build("graph_net", inputs).double()
    reference.load_state_dict(model.state_dict())
    batch = GraphBatch.from_packed(random_graphs([20, 3, 1, 9, 14, 6, 17, 11] * 4, 3, 20))
    weights = torch.linspace(-1, 1, len(batch))
    got, want = model(batch), reference_output(reference, batch)
    torch.testing.assert_close(got.double(), want, atol=2e-4, rtol=2e-4)
    # Gradients in float64: in float32 a number next to the corner of a ReLU may fall to its other side.
    model.double().zero_grad()
    got = model(dataclasses.replace(batch, nodes=batch.nodes.double()))
    torch.autograd.backward([(got * weights).sum(), (want * weights).sum()])
    for (name, p), q in zip(model.named_parameters(), reference.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        distance = (p.grad - q.grad).norm() / q.grad.norm().clamp(min=1e-6)
        assert distance < 1e-6, f"{name}: {distance:.1e}"


@pytest.mark.parametrize("first", [NodeInput(3, 4, 5), PaddedInput(6, 3, 4, 5)], ids=["nodes", "events"])
def test_looking_kinds_up_is_a_dense_layer_on_a_one_hot(first: NodeInput | PaddedInput) -> None:
    batch = GraphBatch.from_packed(random_graphs([4, 0, 6, 1], 3, 6, n_tokens=4))
    assert batch.tokens is not None
    assert first.kinds is not None
    one_hot = functional.one_hot(batch.tokens, 4).to(torch.float32)
    if isinstance(first, PaddedInput):
        as_nodes = GraphBatch(one_hot, batch.edge_index, batch.offsets, batch.max_nodes)
        expected = first.features(batch.to_dense().flatten(1)) + as_nodes.to_dense().flatten(1) @ first.kinds
    else:
        expected = first.features(batch.nodes) + one_hot @ first.kinds
    got = first(batch)
    torch.testing.assert_close(got, expected)
    weights = torch.randn_like(got)
    (fast,) = torch.autograd.grad((got * weights).sum(), first.kinds)
    (plain,) = torch.autograd.grad((expected * weights).sum(), first.kinds)
    torch.testing.assert_close(fast, plain)
