"""The published reference models: sizes as published, and Airshower's fast network against the plain one."""

from __future__ import annotations

import pytest
import torch

from helpers.graphs import random_graphs
from helpers.plain_lstm_residual import PlainLSTMResidual
from pd4ml.dataset import Dataset
from pd4ml.datasets.airshower.reference import LSTMResidual, TraceEncoder
from pd4ml.datasets.belle.reference import BelleGraphNet
from pd4ml.datasets.jet_images.reference import Maxout
from pd4ml.models import build
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.registry import ModelInputs, model_class
from pd4ml.training import load_recipe

WITH_REFERENCE = [dataset for dataset in Dataset.datasets_register if dataset.reference is not None]


@pytest.mark.parametrize("dataset", WITH_REFERENCE, ids=lambda d: str(d.name))
def test_the_recipe_of_the_room_trains_a_model_that_takes_the_dataset(dataset: type[Dataset]) -> None:
    assert dataset.reference is not None
    made_for = model_class(load_recipe(dataset.reference).model).made_for
    assert made_for is None or made_for.task == dataset.task


def made(name: str) -> Model:
    made_for = model_class(name).made_for
    assert made_for is not None
    return build(name, made_for)


def test_sizes_of_the_networks() -> None:
    norms = 2 * 128 + 2 * 16 + 2 * 16 + 2 * 32
    weights = 8 * 8 * 16 + 7 * 7 * 16 * 16 + 6 * 6 * 16 * 32 + 1152 * 128 + 129
    assert made("eosl_cnn").n_parameters == weights + norms + norms // 2
    convolutions = 10 * 15 + (9 * 15 + 1) * 15 + (9 * 15 + 1) * 25
    assert made("spinodal_cnn").n_parameters == convolutions + 626 * 10 + 11
    filters = (11 * 11 + 1) * 32 + 2 * (9 * 32 + 1) * 32
    assert made("jet_images_cnn").n_parameters == filters + 2 * 32 + 33 * 64 + 65
    pieces = 5 * ((625 + 1) * 256 + (256 + 1) * 128)
    assert made("jet_images_maxout").n_parameters == pieces + 129 * 64 + 65 * 25 + 26
    square = 128 * 128 + 128
    assert made("belle_graph_net").n_parameters == 183 * 8 + 17 * 128 + 8 * square + 129
    recurrent = 2 * 4 * 32 * (1 + 32 + 2) + 4 * 10 * (64 + 10 + 2)
    residual = (12 * 64 + 10 * (9 * 64 * 64 + 2 * 64)) + (65 * 128 + 10 * (9 * 128 * 128 + 2 * 128))
    assert made("lstm_residual").n_parameters == recurrent + residual + 129


def test_a_maxout_unit_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(3, 2, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, 0, 2]]))
    found = layer(torch.tensor([[3.0, 1, -1], [-4, -1, 5]]))
    torch.testing.assert_close(found, torch.tensor([[3.0, 2], [4, 10]]))


def showers(n: int, seed: int) -> GraphBatch:
    """Random events whose stations are silent but for one in eight."""
    graphs = random_graphs([81] * n, 81, 81, seed)
    silent = torch.rand(n * 81, generator=torch.Generator().manual_seed(seed)) > 1 / 8
    graphs.nodes[silent.numpy()] = 0
    return GraphBatch.from_packed(graphs)


@pytest.mark.parametrize("share", ["some silent", "all silent", "none silent"])
def test_silent_stations_share_one_result_and_its_gradient(share: str) -> None:
    torch.manual_seed(1)
    model = build("lstm_residual", ModelInputs(81, 81, "regression"), dropout=0.0)
    assert isinstance(model, LSTMResidual)
    plain = PlainLSTMResidual(model)
    batch = showers(4, seed=2)
    if share == "all silent":
        batch.nodes.zero_()
    elif share == "none silent":
        batch.nodes.uniform_(0.1, 1)
    ours, theirs = model(batch), plain(batch)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for output in (ours, theirs):
        (output * torch.linspace(-1, 1, 4)).sum().backward()
    for (name, one), two in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert one.grad is not None, name
        assert two.grad is not None, name
        scale = float(two.grad.abs().max())
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-3, atol=2e-4 * scale + 1e-6, msg=name)


@pytest.mark.parametrize("training", [True, False])
def test_with_a_long_memory_states_are_normalised_over_active_stations(training: bool) -> None:
    torch.manual_seed(1)
    encoder = TraceEncoder(long_memory=True).train(training)
    traces = showers(4, seed=2).nodes[:, :80].abs()
    active = traces.any(dim=1)
    states = encoder(traces)
    assert not states[~active].any()
    if training:
        torch.testing.assert_close(states[active].mean(0), torch.zeros(10), atol=1e-4, rtol=0)
        torch.testing.assert_close(states[active].std(0), torch.ones(10), atol=0.1, rtol=0)
    one_by_one = encoder(traces.clone().requires_grad_())
    torch.testing.assert_close(states, one_by_one, atol=1e-4, rtol=1e-3)
    assert not encoder(traces[active][:1].repeat(2, 1) * torch.tensor([[1.0], [0.0]])).isnan().any()


def test_a_long_memory_keeps_what_happened_early() -> None:
    """How much of the last state hangs on the first bins, for both starts."""
    shares = []
    for long_memory in (False, True):
        torch.manual_seed(1)
        encoder = TraceEncoder(long_memory=long_memory).eval()
        traces = torch.rand(64, 80, generator=torch.Generator().manual_seed(2)).requires_grad_()
        (slope,) = torch.autograd.grad(encoder(traces).square().sum(), traces)
        shares.append(float(slope[:, :10].abs().mean() / slope.abs().mean()))
    assert shares[1] > 2 * shares[0]


def test_the_station_s_place_and_time_count() -> None:
    torch.manual_seed(1)
    model = made("lstm_residual").eval()
    batch, late = showers(1, seed=3), showers(1, seed=3)
    station = int(late.nodes.abs().sum(1).argmax())
    late.nodes[station, 80] += 3
    with torch.no_grad():
        assert not torch.allclose(model(batch), model(late))


def test_belle_sees_the_kind_of_a_particle_and_its_mother() -> None:
    torch.manual_seed(1)
    model = made("belle_graph_net").eval()
    assert isinstance(model, BelleGraphNet)
    batch = GraphBatch.from_packed(random_graphs([12], 8, 100, 1, 183))
    assert batch.tokens is not None
    other_kind = GraphBatch(batch.nodes, batch.edge_index, batch.offsets, 100, (batch.tokens + 1) % 183)
    alone = GraphBatch(batch.nodes, batch.edge_index[:, :0], batch.offsets, 100, batch.tokens)
    with torch.no_grad():
        outputs = [model(b) for b in (batch, other_kind, alone)]
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
