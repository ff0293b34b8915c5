"""Graphs by name: the nearest in named coordinates, those around, or none."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.plain_graphs import plain_edges, plain_knn
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.graphs.builders import KINDS, build, node_graphs, point_graphs
from pd4ml.graphs.grid import grid_graphs

NAMES = ("energy", "x", "y", "z", "phi")
OFFSETS = np.array([0, 20, 20, 21, 54])


@pytest.fixture
def nodes() -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(-3, 3, (54, 5)).astype(np.float32)


@pytest.mark.parametrize("coordinates", [["x"], ["x", "y", "z"], [3, "phi"], ["phi", "x", "y"]])
def test_the_nearest_in_named_coordinates_are_joined(coordinates: list[Any], nodes: NDArray[np.float32]) -> None:
    columns = [c if isinstance(c, int) else NAMES.index(c) for c in coordinates]
    wrapped = {"phi": 6.0} if "phi" in coordinates else None
    graphs = point_graphs(nodes, OFFSETS, coordinates, 7, wrapped, names=NAMES)
    period = [6.0 if c == 4 else math.inf for c in columns]
    points = nodes[:, columns].astype(np.float64)
    lists = [plain_knn(points[a:b], 7, period) for a, b in itertools.pairwise(OFFSETS)]
    source, target = graphs.edge_index
    assert list(zip(target.tolist(), source.tolist(), strict=True)) == plain_edges(np.concatenate(lists), OFFSETS)
    np.testing.assert_array_equal(graphs.nodes, nodes)
    assert graphs.max_nodes == 33


def test_without_edges_there_are_nodes_only(nodes: NDArray[np.float32]) -> None:
    for graphs in (
        point_graphs(nodes, OFFSETS, [1, 2], 7, max_nodes=40, edges=False),
        node_graphs(nodes, OFFSETS, max_nodes=40),
        build("none", nodes, OFFSETS, max_nodes=40),
    ):
        assert not graphs.has_edges
        np.testing.assert_array_equal(graphs.sizes, [20, 0, 1, 33])
        assert graphs.max_nodes == 40


def test_kinds_have_names(nodes: NDArray[np.float32]) -> None:
    images = nodes[:, :4].reshape(2, 3, 9, 4)
    pairs = [
        (build("grid", images), grid_graphs(images)),
        (build("knn", nodes, OFFSETS, coordinates=[1], k=7), point_graphs(nodes, OFFSETS, [1], 7)),
    ]
    for found, expected in pairs:
        np.testing.assert_array_equal(found.edge_index, expected.edge_index)
        assert found.grid == expected.grid
    assert not build("grid", images, edges=False).has_edges
    assert set(KINDS) == {"knn", "grid", "none"}


@pytest.mark.parametrize(
    ("error", "kind", "options", "message"),
    [
        (UnknownNameError, "kmn", {}, "knn"),
        (UnknownNameError, "knn", {"coordinate": [1], "k": 1}, "coordinates"),
        (UnknownNameError, "knn", {"coordinates": ["pi"], "names": NAMES, "k": 1}, "phi"),
        (DataError, "knn", {"coordinates": [5], "k": 1}, "among the 5 features, found column 5"),
        (DataError, "knn", {"coordinates": [1]}, "knn graphs need coordinates, k"),
        (DataError, "knn", {"coordinates": [1], "k": 1, "period": {2: 1.0}}, "found one of column 2"),
        (DataError, "knn", {"coordinates": [], "k": 1}, r"points \(sum P, C\)"),
        (DataError, "none", {"max_nodes": 3}, "at most max_nodes = 3 nodes, found one of 33"),
    ],
)
def test_mistakes_are_named(
    error: type[Exception], kind: str, options: dict[str, Any], message: str, nodes: NDArray[np.float32]
) -> None:
    with pytest.raises(error, match=message):
        build(kind, nodes, OFFSETS, **options)


def test_other_arrays_are_refused(nodes: NDArray[np.float32]) -> None:
    with pytest.raises(DataError, match=r"nodes \(sum P, F\) of float32, found \(54, 5\) of float64"):
        node_graphs(nodes.astype(np.float64), OFFSETS)
    with pytest.raises(DataError, match="number of nodes, 54"):
        node_graphs(nodes, OFFSETS[:-1])
