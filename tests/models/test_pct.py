"""PCT and SPCT against themselves graph by graph in plain arithmetic, and as published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.graphs import random_graphs
from helpers.plain_pct import plain_pct, plain_spct
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch
from pd4ml.models.neighbours import nearest

SIZES = [20, 3, 1, 9, 14, 6, 17, 11, 2] * 2


@pytest.mark.parametrize(("name", "plain"), [("spct", plain_spct), ("pct", plain_pct)])
def test_packed_is_graph_by_graph(name: str, plain: Callable[[Any, GraphBatch], Tensor]) -> None:
    torch.manual_seed(0)
    hyperparameters = {"neighbours": 5} if name == "pct" else {}
    model = build(name, ModelInputs(3, 20, "classification"), **hyperparameters)
    batch = GraphBatch.from_packed(random_graphs(SIZES, 3, 20))
    for _ in range(20):
        model(batch)
    model.eval()
    got, want = model(batch), plain(model, batch)
    assert want.std() > 1e-3
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)


def test_parameters_as_published() -> None:
    """Those of the authors' code, counted by hand, for 13 features and one logit instead of two classes."""
    inputs = ModelInputs(13, 100, "classification")
    attention = 64 * (16 + 16 + 64) + 2 * 96 + 64 * 64 + 2 * 64
    spct = 13 * 128 + 256 + 128 * 64 + 128 + 2 * attention + 128 * 128 + 128 + 128 * 64 + 128 + 65
    assert build("spct", inputs).n_parameters == spct
    edges = (26 * 128 + 256 + 128 * 128 + 256) + (256 * 64 + 128 + 64 * 64 + 128)
    pct = edges + 3 * attention + 256 * 256 + 512 + 256 * 128 + 256 + 129
    assert build("pct", inputs).n_parameters == pct


def test_neighbours_are_of_the_same_graph_and_nearest() -> None:
    batch = GraphBatch.from_packed(random_graphs(SIZES, 4, 20))
    edges = nearest(batch.nodes, batch, 5, itself=True)
    for node, graph in enumerate(batch.graph_index.tolist()):
        low, high = batch.offsets[graph : graph + 2].tolist()
        distance = (batch.nodes[low:high] - batch.nodes[node]).square().sum(1)
        expected = torch.argsort(distance)[:5] + low
        found = edges.source[edges.target == node].tolist()
        assert found == expected.tolist()
        assert found[0] == node


def test_no_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="neighbours must be at least 1, found 0"):
        build("pct", ModelInputs(3, 20, "classification"), neighbours=0)
