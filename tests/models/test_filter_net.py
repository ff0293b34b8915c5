"""FilterNet against itself in loops, on graphs and on grids, and what it keeps to beyond the contract."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from helpers.graphs import random_graphs
from helpers.plain_filter_net import plain_filter_net, plain_sums
from pd4ml.errors import DataError
from pd4ml.graphs.grid import grid_graphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.domains import GridDomain
from pd4ml.models.filter_net import attention_shares
from pd4ml.models.kernels.filters import Neighbourhood
from pd4ml.models.layers import spread_nodes

SIZES = [5, 1, 8, 0, 3]


def doubled(batch: GraphBatch) -> GraphBatch:
    return dataclasses.replace(batch, nodes=batch.nodes.double())


def grids(n_events: int, shape: tuple[int, int], n_features: int = 2) -> GraphBatch:
    nodes = np.random.default_rng(3).normal(size=(n_events, *shape, n_features)).astype(np.float32)
    return GraphBatch.from_packed(grid_graphs(nodes))


def on_grid(shape: tuple[int, int], n_features: int = 2, n_tokens: int = 0) -> Model:
    torch.manual_seed(0)
    inputs = ModelInputs(n_features, shape[0] * shape[1], "classification", n_tokens, shape)
    return build("filter_net", inputs, width=16, heads=4, depth=2)


def test_sums_are_those_of_the_loop_with_its_gradients() -> None:
    batch = doubled(GraphBatch.from_packed(random_graphs(SIZES, 2, 8)))
    torch.manual_seed(0)
    x = torch.randn(len(batch.nodes), 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(batch.edge_index.shape[1], 3, dtype=torch.float64, requires_grad=True)
    edges = Neighbourhood(batch)
    torch.testing.assert_close(edges.sums(x, weights), plain_sums(batch, x, weights))
    assert torch.autograd.gradcheck(edges.sums, (x, weights))
    messages = edges.messages(x, weights)  # what other devices use
    torch.testing.assert_close(messages, edges.sums(x, weights))


def test_sums_of_pairs_are_those_of_their_rows() -> None:
    batch = doubled(GraphBatch.from_packed(random_graphs(SIZES, 2, 8)))
    edges = Neighbourhood(batch)
    assert torch.equal(edges.turned, torch.argsort(edges.source, stable=True))
    assert torch.equal(edges.source[edges.turned], edges.target)
    x, y = (torch.randn(len(batch.nodes), 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    torch.testing.assert_close(edges.pair_sums(x, y), x[edges.target] + y[edges.source])
    assert torch.autograd.gradcheck(edges.pair_sums, (x, y))


def test_spread_gives_every_node_its_graphs_row() -> None:
    batch = doubled(GraphBatch.from_packed(random_graphs(SIZES, 2, 8)))
    x = torch.randn(len(SIZES), 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(spread_nodes(x, batch), x[batch.graph_index])
    assert torch.autograd.gradcheck(lambda x: spread_nodes(x, batch), x)


def test_shares_are_a_softmax_even_of_large_scores() -> None:
    batch = GraphBatch.from_packed(random_graphs(SIZES, 2, 8))
    scores = 200 * torch.randn(len(batch.nodes), 2)
    shares = attention_shares(scores, batch)
    for low, high in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        expected = scores[low:high].softmax(0) * (high - low)
        torch.testing.assert_close(shares[low:high], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n_tokens", [0, 4])
def test_on_graphs_it_is_the_loop(n_tokens: int) -> None:
    torch.manual_seed(0)
    inputs = ModelInputs(3, 12, "classification", n_tokens)
    model = build("filter_net", inputs, width=16, heads=4, depth=2).double().eval()
    graphs = random_graphs([6, 9, 4], 3, 12, seed=1, n_tokens=n_tokens)
    expected = [plain_filter_net(model, doubled(GraphBatch.from_packed(graph))) for graph in graphs]
    torch.testing.assert_close(model(doubled(GraphBatch.from_packed(graphs))), torch.cat(expected))


@pytest.mark.parametrize("shape", [(3, 5), (12, 13)])
def test_on_grids_it_is_the_loop(shape: tuple[int, int]) -> None:
    model = on_grid(shape).double().eval()
    batch = doubled(grids(3, shape))
    size = shape[0] * shape[1]
    alone = [dataclasses.replace(grids(1, shape), nodes=batch.nodes[size * b : size * (b + 1)]) for b in range(3)]
    torch.testing.assert_close(model(batch), torch.cat([plain_filter_net(model, one) for one in alone]))


@pytest.mark.parametrize(
    ("shape", "expected"), [((9, 9), (9, 9)), ((20, 20), (10, 10)), ((24, 24), (6, 6)), ((33, 40), (9, 10))]
)
def test_large_grids_are_joined_to_patches(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    model = on_grid(shape)
    assert isinstance(model.domain, GridDomain)
    assert model.domain.shape == expected
    x, batch, _ = model.domain(grids(2, shape))
    assert x.shape == (2 * expected[0] * expected[1], 16)
    assert batch.grid == expected
    assert model(grids(0, shape)).shape == (0,)


@pytest.mark.parametrize("flat", [(1, 4, 5), (4, 1, 5), (4, 5, 1)])
def test_a_volume_one_pixel_thick_is_an_image(flat: tuple[int, ...]) -> None:
    image = on_grid((4, 5)).double().eval()
    inputs = ModelInputs(2, 20, "classification", 0, flat)
    volume = build("filter_net", inputs, width=16, heads=4, depth=2).double().eval()
    state, thin = image.state_dict(), flat.index(1)
    for name, weight in volume.state_dict().items():
        if weight.ndim == 5:  # all else lies outside of the volume
            weight.normal_().select(2 + thin, weight.shape[2 + thin] // 2).copy_(state[name])
            state[name] = weight
    volume.load_state_dict(state)
    batch = doubled(grids(3, (4, 5)))
    torch.testing.assert_close(volume(dataclasses.replace(batch, grid=flat)), image(batch))


def test_a_line_of_pixels_is_an_image_one_pixel_high() -> None:
    image = on_grid((1, 7)).double().eval()
    inputs = ModelInputs(2, 7, "classification", 0, (7,))
    line = build("filter_net", inputs, width=16, heads=4, depth=2).double().eval()
    state = image.state_dict()
    line.load_state_dict(
        {name: value[:, :, value.shape[2] // 2] if value.ndim == 4 else value for name, value in state.items()}
    )
    batch = doubled(grids(3, (1, 7)))
    torch.testing.assert_close(line(dataclasses.replace(batch, grid=(7,))), image(batch))
    assert build("filter_net", ModelInputs(2, 16, "classification", 0, (2, 2, 2, 2))).needs_edges, "a graph"


def test_gradients_reach_every_parameter_on_a_grid() -> None:
    model = on_grid((9, 9))
    (model(grids(20, (9, 9))) * torch.linspace(-1, 1, 20)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_directions_differ_on_a_grid() -> None:
    model = on_grid((6, 6)).eval()
    images = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype(np.float32)
    turned = np.ascontiguousarray(images.transpose(0, 2, 1, 3))
    first, second = (model(GraphBatch.from_packed(grid_graphs(nodes))) for nodes in (images, turned))
    assert not torch.allclose(first, second, atol=1e-3)


def test_kinds_on_a_grid() -> None:
    model, batch = on_grid((3, 4), n_tokens=3).eval(), grids(2, (3, 4))
    tokens = torch.arange(24) % 3
    outputs = [model(dataclasses.replace(batch, tokens=kinds)) for kinds in (tokens, tokens.flip(0))]
    assert not torch.allclose(*outputs)


def test_other_graphs_than_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"built for a grid \(6, 6\), found graphs with \(4, 9\)"):
        on_grid((6, 6))(grids(1, (4, 9)))


def test_width_is_a_multiple_of_heads() -> None:
    with pytest.raises(DataError, match="expected width as a multiple of heads"):
        build("filter_net", ModelInputs(3, 20, "classification"), width=10, heads=4)
