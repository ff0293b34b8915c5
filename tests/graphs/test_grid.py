"""Grids against the plainest loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd4ml.errors import DataError
from pd4ml.graphs.grid import grid_edges, grid_graphs


def plain_edges(height: int, width: int, n_events: int) -> list[tuple[int, int]]:
    """(target, source) of all edges, sorted."""
    places = [(b, y, x) for b in range(n_events) for y in range(height) for x in range(width)]
    return [
        (i, j)
        for i, (b, y, x) in enumerate(places)
        for j, (c, v, u) in enumerate(places)
        if b == c and max(abs(y - v), abs(x - u)) == 1
    ]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
def test_neighbours_are_those_around(height: int, width: int, n_events: int) -> None:
    source, target = grid_edges(height, width, n_events)
    assert list(zip(target.tolist(), source.tolist(), strict=True)) == plain_edges(height, width, n_events)


def test_the_station_array_has_544_edges() -> None:
    edges = grid_edges(9, 9)
    assert edges.shape == (2, 544)
    assert edges.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.unique(np.bincount(edges[1]))), [3, 5, 8])


def test_what_is_returned_is_the_callers_own() -> None:
    grid_edges(3, 3)[:] = 0
    assert grid_edges(3, 3).max() == 8


def test_graphs_keep_every_node_in_its_place() -> None:
    nodes = np.random.default_rng(0).normal(size=(4, 3, 5, 2)).astype(np.float32)
    graphs = grid_graphs(nodes)
    features, mask = graphs.dense_nodes()
    np.testing.assert_array_equal(features.reshape(nodes.shape), nodes)
    assert mask.all()
    assert graphs.max_nodes == 15
    assert graphs.grid == graphs[2].grid == (3, 5)
    np.testing.assert_array_equal(graphs[2].edge_index, grid_edges(3, 5))
    assert len(grid_graphs(nodes[:0])) == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected nodes \(B, height, width, F\)"):
        grid_graphs(np.zeros((3, 3, 2), np.float32))
    with pytest.raises(DataError, match="float64"):
        grid_graphs(np.zeros((1, 3, 3, 2)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="found 0 x 3"):
        grid_edges(0, 3)
