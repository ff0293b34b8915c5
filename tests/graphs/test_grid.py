"""Grids against the plainest loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pd4ml.errors import DataError
from pd4ml.graphs.grid import grid_edges, grid_graphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch


def plain_edges(shape: list[int], n_events: int) -> list[tuple[int, int]]:
    """(target, source) of all edges, sorted."""
    places = [(b, *place) for b in range(n_events) for place in itertools.product(*map(range, shape))]
    return [
        (i, j)
        for i, here in enumerate(places)
        for j, there in enumerate(places)
        if here[0] == there[0] and max(abs(a - b) for a, b in zip(here, there, strict=True)) == 1
    ]


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2))
def test_neighbours_are_those_around(shape: list[int], n_events: int) -> None:
    source, target = grid_edges(*shape, n_events=n_events)
    assert list(zip(target.tolist(), source.tolist(), strict=True)) == plain_edges(shape, n_events)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 4])
def test_inner_nodes_have_all_neighbours_and_corners_the_fewest(n_dimensions: int) -> None:
    """3^d - 1 around a node inside, 2^d - 1 in a corner; of n^d nodes, (3 n - 2)^d pairs touch or are the same."""
    edges = grid_edges(*[5] * n_dimensions)
    degree = np.bincount(edges[1]).reshape([5] * n_dimensions)
    assert degree[(2,) * n_dimensions] == 3**n_dimensions - 1
    assert degree[(0,) * n_dimensions] == degree[(4,) * n_dimensions] == 2**n_dimensions - 1
    assert edges.shape[1] == 13**n_dimensions - 5**n_dimensions


def test_the_station_array_has_544_edges() -> None:
    edges = grid_edges(9, 9)
    assert edges.shape == (2, 544)
    assert edges.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.unique(np.bincount(edges[1]))), [3, 5, 8])


def test_what_is_returned_is_the_callers_own() -> None:
    grid_edges(3, 3)[:] = 0
    assert grid_edges(3, 3).max() == 8


@pytest.mark.parametrize("shape", [(15,), (3, 5), (2, 3, 4), (2, 1, 3, 2)])
def test_graphs_keep_every_node_in_its_place(shape: tuple[int, ...]) -> None:
    nodes = np.random.default_rng(0).normal(size=(4, *shape, 2)).astype(np.float32)
    graphs = grid_graphs(nodes)
    features, mask = graphs.dense_nodes()
    np.testing.assert_array_equal(features.reshape(nodes.shape), nodes)
    assert mask.all()
    assert graphs.max_nodes == math.prod(shape)
    assert graphs.grid == graphs[2].grid == shape
    np.testing.assert_array_equal(graphs[2].edge_index, grid_edges(*shape))
    assert len(grid_graphs(nodes[:0])) == 0
    assert GraphBatch.from_packed(graphs).to("cpu").grid == shape


def test_grids_of_three_dimensions_convert() -> None:
    pytest.importorskip("torch_geometric", reason="torch_geometric is not installed")
    pytest.importorskip("awkward", reason="awkward is not installed")
    graphs = grid_graphs(np.random.default_rng(0).normal(size=(2, 2, 3, 2, 1)).astype(np.float32))
    degree = np.bincount(grid_edges(2, 3, 2)[1])
    adjacency = graphs.adjacency()
    np.testing.assert_array_equal(adjacency.sum(2), [degree, degree])
    np.testing.assert_array_equal(adjacency, adjacency.transpose(0, 2, 1))
    np.testing.assert_array_equal(graphs.to_pyg().edge_index.numpy(), graphs.edge_index)
    for record in graphs.to_awkward():
        np.testing.assert_array_equal(np.transpose(record["edge_index"].to_numpy()), grid_edges(2, 3, 2))


def test_a_network_for_graphs_takes_grids_that_are_no_images() -> None:
    """It knows filters of up to three dimensions; swapping axes of four, which renumbers nodes, is not seen."""
    voxels = np.random.default_rng(0).normal(size=(3, 2, 3, 2, 2, 1)).astype(np.float32)
    turned = np.ascontiguousarray(voxels.transpose(0, 4, 2, 3, 1, 5))
    model = build("filter_net", ModelInputs(1, 24, "classification", grid=(2, 3, 2, 2)), width=16).eval()
    outputs = [model(GraphBatch.from_packed(grid_graphs(nodes))) for nodes in (voxels, turned)]
    torch.testing.assert_close(*outputs)
    assert outputs[0].std() > 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected nodes \(B, n_1, ..., n_d, F\)"):
        grid_graphs(np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match="float64"):
        grid_graphs(np.zeros((1, 3, 3, 2)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="found 0 x 3"):
        grid_edges(0, 3)
    with pytest.raises(DataError, match="found no axes"):
        grid_edges()
