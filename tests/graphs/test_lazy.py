"""Graphs of a whole split: built where they are looked at, in other processes, too, and as PyTorch's dataset."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from helpers.graphs import EventsInMemory, GraphsByName
from pd4ml.errors import DataError
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.lazy import LazyGraphs

N, P = 37, 9


@pytest.fixture
def graphs() -> LazyGraphs:
    rng = np.random.default_rng(0)
    nodes, mask = rng.normal(size=(N, P, 4)).astype(np.float32), rng.random((N, P)) < 0.7
    events: Any = EventsInMemory(nodes, mask, rng.integers(0, 2, N))
    return LazyGraphs(events, GraphsByName("knn", {"coordinates": (0, 1, 2), "k": 3}))


def assert_same(found: PackedGraphs, expected: PackedGraphs) -> None:
    for name in ("nodes", "edge_index", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.max_nodes, found.has_edges) == (expected.max_nodes, expected.has_edges)


def test_iteration_batches_and_indices_are_those_of_the_pack(graphs: LazyGraphs) -> None:
    pack = graphs.pack()
    assert len(pack) == len(graphs) == N
    for found, expected in zip(graphs, pack, strict=True):
        assert_same(found, expected)
    assert_same(graphs[-1], pack[N - 1])
    assert [len(batch) for batch in graphs.batches(16)] == [16, 16, 5]
    np.testing.assert_array_equal(graphs[np.array([5, 2])].nodes, np.concatenate([pack[5].nodes, pack[2].nodes]))
    with pytest.raises(IndexError, match="graph 37 of 37"):
        graphs[N]


def test_without_edges_there_are_the_same_nodes(graphs: LazyGraphs) -> None:
    without = graphs.without_edges()
    assert "without edges" in repr(without)
    assert (graphs.edges, without.edges) == (True, False)
    np.testing.assert_array_equal(without[0:32].nodes, graphs[0:32].nodes)
    assert not without[0:32].has_edges
    assert not without[3].has_edges
    assert not without.without_edges()[3].has_edges
    assert all(not graph.has_edges for graph in without)
    with pytest.raises(DataError, match="edges=True"):
        without.to_dense()


def test_edges_are_not_looked_for_where_nobody_asks(graphs: LazyGraphs, monkeypatch: pytest.MonkeyPatch) -> None:
    from pd4ml.graphs import knn

    monkeypatch.setattr(knn, "knn", None)
    assert len(graphs.without_edges()[:]) == N
    with pytest.raises(TypeError):
        graphs[:]


def test_a_builder_that_knows_no_edges_still_serves_all_graphs(graphs: LazyGraphs) -> None:
    def build(arrays: Any) -> PackedGraphs:
        return graphs._build(arrays)

    assert_same(LazyGraphs(graphs.events, build)[:5], graphs[:5])


@pytest.mark.parametrize("edges", [True, False])
def test_graphs_can_be_pickled(edges: bool, graphs: LazyGraphs) -> None:
    given = graphs if edges else graphs.without_edges()
    assert_same(pickle.loads(pickle.dumps(given))[3:9], given[3:9])


def as_packed(batch: dict[str, Tensor], max_nodes: int) -> PackedGraphs:
    arrays = {name: tensor.numpy() for name, tensor in batch.items()}
    return PackedGraphs(arrays["nodes"], arrays["edge_index"], arrays["offsets"], max_nodes)


METHODS = [None, *(m for m in ("spawn", "forkserver") if m in multiprocessing.get_all_start_methods())]


@pytest.mark.parametrize("method", METHODS)
def test_a_loader_gives_the_same_batches_in_workers_however_they_start(
    method: str | None, graphs: LazyGraphs
) -> None:
    data = graphs.torch()
    options: dict[str, Any] = {"num_workers": 1, "multiprocessing_context": method} if method else {}
    loader = DataLoader(data, batch_size=10, collate_fn=data.collate, **options)
    batches = list(loader)
    assert len(batches) == 4
    for start, batch in zip(range(0, N, 10), batches, strict=True):
        assert_same(as_packed(batch, P), graphs[start : start + 10])
        np.testing.assert_array_equal(batch["y"], graphs.events.y[start : start + 10])


def test_items_are_joined_to_what_is_built_in_one_go(graphs: LazyGraphs) -> None:
    data, index = graphs.torch(), [4, 36, 0]
    joined = data.collate([data[i] for i in index])
    (built,) = data.__getitems__(index)
    assert built.keys() == joined.keys() == {"nodes", "offsets", "y", "edge_index"}
    for name, tensor in built.items():
        assert torch.equal(tensor, joined[name]), name
    assert torch.equal(data[-1]["nodes"], data[N - 1]["nodes"])
    with pytest.raises(IndexError):
        data[N]


def test_tokens_are_joined_and_edges_left_out(graphs: LazyGraphs) -> None:
    def build(arrays: Any, *, edges: bool = True) -> PackedGraphs:
        pack = graphs._build(arrays, edges=edges)
        return PackedGraphs(
            *(pack.nodes, pack.edge_index, pack.offsets, P, np.arange(len(pack.nodes)) % 3, 3),
            has_edges=pack.has_edges,
        )

    data = LazyGraphs(graphs.events, build).without_edges().torch()
    items = [data[0], data[1]]
    batch = data.collate(items)
    assert "edge_index" not in batch
    assert torch.equal(batch["tokens"], torch.cat([item["tokens"] for item in items]))
