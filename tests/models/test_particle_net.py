"""ParticleNet on packed nodes against the plain network on padded ones."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.graphs import random_graphs
from helpers.plain_particle_net import plain_neighbours, plain_particle_net
from pd4ml.errors import DataError
from pd4ml.models import ModelInputs, build
from pd4ml.models import neighbours as neighbours_module
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.neighbours import Neighbours, nearest

SIZES = [20, 3, 1, 9, 0, 14, 6, 17, 2, 11] * 4


def batch_of(sizes: list[int], dtype: torch.dtype = torch.float32, n_tokens: int = 0) -> GraphBatch:
    batch = GraphBatch.from_packed(random_graphs(sizes, 3, 20, 0, n_tokens))
    return dataclasses.replace(batch, nodes=batch.nodes.to(dtype))


def small(n_tokens: int = 0) -> Model:
    torch.manual_seed(1)
    inputs = ModelInputs(3, 20, "classification", n_tokens)
    return build("particle_net", inputs, k=5, channels=((8, 8, 8), (16, 12, 16)), width=8, dropout=0.0)


@pytest.fixture(params=[64, 10**9], ids=["in pieces", "at once"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_module, "_EDGES", request.param)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("n_tokens", [0, 4])
def test_it_is_the_plain_network(n_tokens: int) -> None:
    """Output, statistics of batch norm and gradients in float64; where gradients are 0, both round to nothing."""
    model = small(n_tokens).double()
    plain = copy.deepcopy(model)
    batch = batch_of(SIZES, torch.float64, n_tokens)
    got, want = model(batch), plain_particle_net(plain, batch)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    for (name, one), two in zip(model.named_buffers(), plain.buffers(), strict=True):
        if "num_batches" not in name:
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12, msg=name)
    weights = torch.linspace(-1, 1, len(batch), dtype=torch.float64)
    torch.autograd.backward([(got * weights).sum(), (want * weights).sum()])
    for (name, one), two in zip(model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-10, atol=1e-12, msg=name)


def test_in_single_precision() -> None:
    """A number next to the corner of a ReLU may fall to its other side: gradients are compared as a whole."""
    model = small()
    plain, batch = copy.deepcopy(model), batch_of(SIZES)
    got, want = model(batch), plain_particle_net(plain, batch)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    weights = torch.linspace(-1, 1, len(batch))
    torch.autograd.backward([(got * weights).sum(), (want * weights).sum()])
    ours, theirs = (
        torch.cat([p.grad.flatten() for p in m.parameters() if p.grad is not None]) for m in (model, plain)
    )
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()


@pytest.mark.usefixtures("pieces")
def test_prediction_is_the_same_with_and_without_gradients() -> None:
    model, batch = small(), batch_of(SIZES)
    model(batch)
    with_gradients = model.eval()(batch)
    with torch.no_grad():
        torch.testing.assert_close(model(batch), with_gradients, rtol=1e-5, atol=1e-6)


def test_gradients_with_running_statistics() -> None:
    model = small().double().eval()
    batch = batch_of([6, 3, 1], torch.float64)

    def output(weight: Tensor) -> Tensor:
        changed = {"blocks.0.layers.1.weight": weight}
        return torch.func.functional_call(model, changed, (batch,))  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(
        output, model.get_parameter("blocks.0.layers.1.weight").detach().requires_grad_()
    )


def test_sizes_of_the_published_networks() -> None:
    inputs = ModelInputs(7, 100, "classification")
    for n_blocks, width, hidden in ((3, 64, 256), (2, 32, 128)):
        n_in, expected = 7, 14
        for c in (width * 2**block for block in range(n_blocks)):
            expected += 2 * n_in * c + 2 * c * c + n_in * c + 4 * 2 * c
            n_in = c
        expected += (n_in + 1) * hidden + hidden + 1
        channels = [[width * 2**block] * 3 for block in range(n_blocks)]
        model = build("particle_net", inputs, coordinates=[2, 3], channels=channels, width=hidden)
        assert model.n_parameters == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=6), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_neighbours_are_the_nearest(sizes: list[int], k: int, n_dimensions: int, seed: int) -> None:
    offsets = torch.tensor([0, *sizes]).cumsum(0)
    points = torch.randn(sum(sizes), n_dimensions, generator=torch.Generator().manual_seed(seed))
    batch = GraphBatch(points, torch.zeros(2, 0, dtype=torch.int64), offsets, 12)
    found = nearest(points, batch, k)
    mask = torch.arange(12) < batch.sizes[:, None]
    places, real = plain_neighbours(batch.to_dense(), mask, k)
    expected = (places + offsets[:-1, None, None])[mask]
    for node in range(len(points)):
        own = slice(*found.offsets[node : node + 2].tolist())
        assert set(found.source[own].tolist()) == set(expected[node][real[mask][node]].tolist())
        assert (found.target[own] == node).all()


def test_sums_and_means_over_edges() -> None:
    edges: Neighbours = nearest(batch_of(SIZES).nodes, batch_of(SIZES), 5)
    x = torch.randn(len(edges.source), 3, dtype=torch.float64)
    at = torch.zeros(len(edges.degree), 3, dtype=torch.float64)
    torch.testing.assert_close(edges.sum_at_sources(x), at.index_add(0, edges.source, x))
    total = at.index_add(0, edges.target, x)
    torch.testing.assert_close(edges.sum_at_targets(x), total)
    everything = slice(0, len(edges.degree))
    torch.testing.assert_close(edges.mean(x, everything), total / edges.degree.clamp(min=1)[:, None])


def test_points_that_are_not_finite_end_in_a_loss_that_is_not() -> None:
    """The training then names the events; neighbours must not be sought outside the graph before that."""
    batch = batch_of([6, 3, 4])
    batch.nodes[7] = torch.nan
    assert not torch.isfinite(small()(batch)).all()


def test_under_autocast() -> None:
    model, batch = small(), batch_of(SIZES)
    exact = copy.deepcopy(model)(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(batch)
    output.float().sum().backward()
    torch.testing.assert_close(output.float(), exact, rtol=0.2, atol=0.3)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"coordinates": [2, 3]}, r"coordinates must be among the 3 features, found \[2, 3\]"),
        ({"coordinates": []}, "coordinates must be among"),
        ({"k": 0}, "it needs neighbours"),
        ({"channels": [[8], []]}, "layers in every block"),
        ({"dropout": 1.5}, "dropout"),
    ],
)
def test_hyperparameters_that_make_no_network(hyperparameters: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build("particle_net", ModelInputs(3, 20, "classification"), **hyperparameters)
