"""The packed graph and its conversions, on three graphs that can be drawn on paper: a path, no node, a pair."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from helpers.graphs import random_graphs
from pd4ml.errors import DataError
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.packed import no_edges, packed_nodes
from pd4ml.models.batch import GraphBatch

# 0 - 1 - 2, nothing, 3 - 4; source row first, sorted by target and then source.
EDGES = [[1, 0, 2, 1, 4, 3], [0, 1, 1, 2, 3, 4]]
PATH = [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
PAIR = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.fixture
def graphs() -> PackedGraphs:
    nodes = np.arange(10, dtype=np.float32).reshape(5, 2) + 1
    return PackedGraphs(nodes, np.array(EDGES), np.array([0, 3, 3, 5]), max_nodes=4)


def test_len_and_sizes(graphs: PackedGraphs) -> None:
    assert len(graphs) == 3
    assert graphs.sizes.tolist() == [3, 0, 2]


def test_one_graph_is_a_pack_numbered_from_zero(graphs: PackedGraphs) -> None:
    pair = graphs[2]
    assert len(pair) == 1
    assert pair.nodes.tolist() == [[7, 8], [9, 10]]
    assert pair.edge_index.tolist() == [[1, 0], [0, 1]]
    assert pair.offsets.tolist() == [0, 2]
    assert pair.max_nodes == 4
    assert graphs[1].nodes.shape == (0, 2)
    assert graphs[1].edge_index.shape == (2, 0)


def test_negative_numbers_count_from_the_end(graphs: PackedGraphs) -> None:
    np.testing.assert_array_equal(graphs[-3].edge_index, graphs[0].edge_index)
    np.testing.assert_array_equal(graphs[-1].nodes, graphs[2].nodes)


@pytest.mark.parametrize("b", [3, -4])
def test_a_graph_that_does_not_exist_is_an_index_error(graphs: PackedGraphs, b: int) -> None:
    with pytest.raises(IndexError, match="of 3"):
        graphs[b]


def test_iteration_gives_every_graph(graphs: PackedGraphs) -> None:
    assert [len(graph.nodes) for graph in graphs] == [3, 0, 2]


def test_dense_nodes_are_padded_with_zeros(graphs: PackedGraphs) -> None:
    features, mask = graphs.dense_nodes()
    assert mask.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]
    assert features.dtype == np.float32
    assert features[0].tolist() == [[1, 2], [3, 4], [5, 6], [0, 0]]
    assert not features[1].any()
    assert features[2].tolist() == [[7, 8], [9, 10], [0, 0], [0, 0]]


def test_adjacency_has_self_loops_only_where_asked_and_only_of_real_nodes(graphs: PackedGraphs) -> None:
    adjacency = graphs.adjacency()
    assert adjacency.tolist() == [PATH, np.zeros((4, 4)).tolist(), PAIR]
    with_loops = graphs.adjacency(self_loops=True)
    assert (with_loops - adjacency).tolist() == [np.diag(mask).tolist() for mask in graphs.dense_nodes()[1] * 1]


def test_dense_is_both(graphs: PackedGraphs) -> None:
    features, adjacency, mask = graphs.to_dense(self_loops=True)
    np.testing.assert_array_equal(features, graphs.dense_nodes()[0])
    np.testing.assert_array_equal(mask, graphs.dense_nodes()[1])
    np.testing.assert_array_equal(adjacency, graphs.adjacency(self_loops=True))


def test_awkward_records_are_numbered_per_graph(graphs: PackedGraphs) -> None:
    pytest.importorskip("awkward", reason="awkward is not installed")
    records = graphs.to_awkward()
    assert records.fields == ["nodes", "edge_index"]
    assert records["nodes"].to_list() == [[[1, 2], [3, 4], [5, 6]], [], [[7, 8], [9, 10]]]
    assert records["edge_index"].to_list() == [[[1, 0], [0, 1], [2, 1], [1, 2]], [], [[1, 0], [0, 1]]]


def test_pyg_batch_equals_the_pack(graphs: PackedGraphs) -> None:
    pytest.importorskip("torch_geometric", reason="torch_geometric is not installed")
    batch = graphs.to_pyg()
    assert batch.num_graphs == 3
    assert batch.edge_index.tolist() == EDGES
    assert batch.ptr.tolist() == [0, 3, 3, 5]
    np.testing.assert_array_equal(batch.x.numpy(), graphs.nodes)


def test_a_pack_of_no_graphs_converts_too() -> None:
    none = PackedGraphs(np.empty((0, 2), np.float32), np.empty((2, 0), np.int64), np.zeros(1, np.int64), 4)
    features, adjacency, mask = none.to_dense()
    assert (features.shape, adjacency.shape, mask.shape) == ((0, 4, 2), (0, 4, 4), (0, 4))
    assert list(none) == []


@pytest.fixture
def without(graphs: PackedGraphs) -> PackedGraphs:
    """The same nodes, whose edges nobody asked for."""
    return PackedGraphs(graphs.nodes, no_edges(), graphs.offsets, graphs.max_nodes)


def test_graphs_know_whether_anybody_asked_for_edges(graphs: PackedGraphs, without: PackedGraphs) -> None:
    assert graphs.has_edges
    assert graphs[1].has_edges  # it has none, which is an answer
    for pack in (
        without,
        without[2],
        pickle.loads(pickle.dumps(without)),
        dataclasses.replace(without, n_tokens=1),
    ):
        assert not pack.has_edges
        assert GraphBatch.from_packed(pack).edge_index.shape == (2, 0)
    empty = PackedGraphs(graphs.nodes, np.zeros((2, 0), np.int64), graphs.offsets, 4)
    assert not empty.adjacency().any()


@pytest.mark.parametrize("method", ["adjacency", "normalised_adjacency", "to_dense"])
def test_what_needs_edges_is_refused_without(method: str, without: PackedGraphs) -> None:
    with pytest.raises(DataError, match=r"found nodes only: make these graphs with edges=True$"):
        getattr(without, method)()


def test_conversions_leave_out_edges_that_nobody_asked_for(without: PackedGraphs) -> None:
    np.testing.assert_array_equal(without.dense_nodes()[0][2, :2], [[7, 8], [9, 10]])
    pytest.importorskip("awkward", reason="awkward is not installed")
    assert without.to_awkward().fields == ["nodes"]
    assert without.to_awkward()["nodes"].to_list() == [[[1, 2], [3, 4], [5, 6]], [], [[7, 8], [9, 10]]]
    pytest.importorskip("torch_geometric", reason="torch_geometric is not installed")
    batch = without.to_pyg()
    assert batch.edge_index is None
    np.testing.assert_array_equal(batch.x.numpy(), without.nodes)
    assert batch.batch.tolist() == [0, 0, 0, 2, 2]


def test_padded_nodes_are_packed_and_back(graphs: PackedGraphs) -> None:
    nodes, offsets = packed_nodes(*graphs.dense_nodes())
    np.testing.assert_array_equal(nodes, graphs.nodes)
    np.testing.assert_array_equal(offsets, graphs.offsets)
    with pytest.raises(DataError, match=r"expected nodes \(B, P, F\) and a mask"):
        packed_nodes(np.zeros((2, 3), np.float32), np.ones((2, 3), bool))


def test_normalised_adjacency_is_that_of_kipf_and_welling() -> None:
    pack = random_graphs([4, 0, 6, 1], 3, 6)
    normalised = pack.normalised_adjacency()
    adjacency, mask = pack.adjacency(self_loops=True).astype(float), pack.dense_nodes()[1]
    for b, n in enumerate(pack.sizes):
        inverse_root = np.diag(adjacency[b, :n, :n].sum(axis=1) ** -0.5)
        expected = inverse_root @ adjacency[b, :n, :n] @ inverse_root
        np.testing.assert_allclose(normalised[b, :n, :n], expected, rtol=1e-6)
    assert not normalised[~mask].any()
