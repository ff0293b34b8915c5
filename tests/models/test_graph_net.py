"""GraphNet against the same network on padded nodes with dense adjacency; like nodes computed once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.dense_graph_net import DenseGraphNet, dense_inputs
from helpers.graphs import random_graphs
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.models import ModelInputs, graph_net
from pd4ml.models.batch import GraphBatch
from pd4ml.models.graph_net import GraphNet


def grids(n_events: int = 6, n_features: int = 1) -> PackedGraphs:
    """Counts on 5 x 4 grids: many nodes are alike."""
    counts = np.random.default_rng(0).poisson(0.7, (n_events, 5, 4, n_features))
    return grid_graphs(counts.astype(np.float32))


CASES = {
    "ragged": random_graphs([7, 1, 12, 5, 9], 3, 12),
    "kinds": random_graphs([7, 2, 12, 5, 9], 3, 12, n_tokens=4),
    "grid": grids(),
    "grid of features": grids(n_features=3),
}


def pair(graphs: PackedGraphs, *, training: bool) -> tuple[GraphNet, DenseGraphNet]:
    torch.manual_seed(1)
    inputs = ModelInputs(graphs.nodes.shape[1], graphs.max_nodes, "classification", graphs.n_tokens)
    ours = GraphNet(inputs, width=16, dropout=0.0, last_dropout=0.0)
    with torch.no_grad():  # statistics that have seen something
        ours(GraphBatch.from_packed(graphs))
    plain = DenseGraphNet(inputs, width=16, dropout=0.0, last=0.0).take(ours)
    return ours.train(training), plain.train(training)


def by_name(model: nn.Module, output: Tensor) -> dict[str, Tensor]:
    torch.autograd.backward((output * torch.linspace(-1, 2, len(output))).sum())
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_dense_network(case: str, training: bool) -> None:
    graphs = CASES[case]
    # In double precision: seven batch norms over five events make much of the last digits of a float.
    ours, plain = (network.double() for network in pair(graphs, training=training))
    batch = GraphBatch.from_packed(graphs)
    nodes, adjacency, mask = dense_inputs(graphs)
    output = ours(dataclasses.replace(batch, nodes=batch.nodes.double()))
    linked = (adjacency > 0).double()
    scale = linked.sum(-1).clamp(min=1).rsqrt()
    expected = plain(nodes.double(), scale[:, :, None] * linked * scale[:, None, :], mask)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9)
    found, wanted = by_name(ours, output), by_name(plain, expected)
    largest = max(float(g.abs().max()) for g in wanted.values())
    for name in ("node_layers.0.weight", "convolutions.1.weight", "node_activations.2.0.weight", "head.weight"):
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-7, atol=1e-8 * largest)
    torch.testing.assert_close(
        found["first.features.weight"],
        wanted["first.weight"][:, : graphs.nodes.shape[1]],
        rtol=1e-7,
        atol=1e-8 * largest,
    )


def test_like_nodes_are_found_and_put_back() -> None:
    batch = GraphBatch.from_packed(grids())
    assert batch.distinct is not None
    nodes, expand = batch.distinct
    assert len(nodes.nodes) == len(np.unique(batch.nodes.numpy()))
    assert torch.equal(expand(nodes.nodes), batch.nodes)
    rows = torch.randn(len(nodes.nodes), 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(len(batch.nodes), 3, dtype=torch.float64)
    (grad,) = torch.autograd.grad((expand(rows) * weight).sum(), rows)
    wanted = torch.stack([weight[(batch.nodes == node).all(1)].sum(0) for node in nodes.nodes])
    torch.testing.assert_close(grad, wanted)


def test_kinds_make_nodes_differ() -> None:
    batch = GraphBatch.from_packed(grids())
    tokens = torch.arange(len(batch.nodes)) % 2
    nodes = GraphBatch(batch.nodes, batch.edge_index, batch.offsets, batch.max_nodes, tokens, batch.grid).distinct
    assert nodes is not None
    assert nodes[0].tokens is not None
    assert torch.equal(nodes[1](nodes[0].tokens[:, None].float())[:, 0].long(), tokens)


def test_nodes_that_differ_are_left_alone() -> None:
    different = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)
    assert GraphBatch.from_packed(grid_graphs(different)).distinct is None
    assert GraphBatch.from_packed(CASES["ragged"]).distinct is None


@pytest.mark.parametrize("case", CASES)
def test_block_by_block_is_as_at_once(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = pair(CASES[case], training=False)
    batch = GraphBatch.from_packed(CASES[case])
    expected = ours(batch).detach()  # with gradients each node has its own result
    with torch.no_grad():
        at_once = ours(batch)
        torch.testing.assert_close(at_once, expected, rtol=1e-5, atol=1e-5)
        monkeypatch.setattr(graph_net, "_BLOCK_NODES", 13)
        torch.testing.assert_close(ours(batch), at_once, rtol=1e-5, atol=1e-5)


def test_blocks_are_the_graphs_in_order() -> None:
    graphs = random_graphs([7, 0, 12, 5, 9, 0], 2, 12, n_tokens=3)
    batch = GraphBatch.from_packed(graphs)
    blocks = list(batch.blocks(13))
    assert [len(block) for block in blocks] == [2, 1, 1, 2]
    assert torch.equal(torch.cat([block.nodes for block in blocks]), batch.nodes)
    tokens = [block.tokens for block in blocks if block.tokens is not None]
    np.testing.assert_array_equal(torch.cat(tokens).numpy(), graphs.tokens)
    np.testing.assert_array_equal(blocks[2].edge_index.numpy(), graphs[3].edge_index)
