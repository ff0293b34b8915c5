"""Every model as an exported program, and its form on padded features, against the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.graphs import permuted, random_graphs
from helpers.model_cases import CASES, Case, with_nodes
from pd4ml.graphs.grid import grid_graphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.export import exportable

every_case = pytest.mark.parametrize("case", CASES, ids=str)
# nn.LSTM notes its weights anew when they are exchanged for those of the program; it means nothing.
pytestmark = pytest.mark.filterwarnings("ignore:The tensor attribute.*_flat_weights:UserWarning")
WITH_DENSE_FORM = [case for case in CASES if case.name in ("fcn", "eosl_cnn", "spinodal_cnn", "lstm_residual")] + [
    Case("graph_net", "grid")
]


def settled(case: Case) -> tuple[Model, GraphBatch]:
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        model(with_nodes(batch, batch.nodes + 0.1))
    return model.eval(), batch


def tokens_of(batch: GraphBatch) -> Tensor | None:
    """(B, max_nodes), -1 where no node is."""
    if batch.tokens is None:
        return None
    padded = torch.full((len(batch), batch.max_nodes), -1)
    padded[batch.graph_index, batch.place] = batch.tokens
    return padded


@every_case
def test_the_exported_program_is_the_model(case: Case) -> None:
    model, batch = settled(case)
    module, arguments = exportable(model, batch)
    program = torch.export.export(module, arguments).module()
    with torch.no_grad():
        torch.testing.assert_close(program(*arguments), model(batch), rtol=1e-5, atol=1e-6)
        # Other features: what the program computes is not what it saw when it was made.
        other = with_nodes(batch, batch.nodes + torch.randn_like(batch.nodes))
        torch.testing.assert_close(program(other.nodes, *arguments[1:]), model(other), rtol=1e-5, atol=1e-6)


def test_edges_and_kinds_are_arguments_of_the_program() -> None:
    case = Case("graph_net", "kinds")
    model, _ = settled(case)
    graphs = random_graphs([5, 8], 3, 12, n_tokens=4)
    batch, other = (GraphBatch.from_packed(g) for g in (graphs, permuted(graphs, 1)))
    module, arguments = exportable(model, batch)
    program = torch.export.export(module, arguments).module()
    with torch.no_grad():
        torch.testing.assert_close(program(other.nodes, other.edge_index, other.tokens), model(other))
        assert not torch.allclose(program(batch.nodes, other.edge_index, batch.tokens), model(batch))


@pytest.mark.parametrize("case", WITH_DENSE_FORM, ids=str)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_dense_form_is_the_model(case: Case, n_outputs: int) -> None:
    model = case.model(n_outputs=n_outputs)
    batch = case.batch()
    with torch.no_grad():
        model(with_nodes(batch, batch.nodes + 0.1))
    model.set_target([0.5] * n_outputs, 2.0)
    form = model.eval().dense_form()
    assert isinstance(form, DenseForm)
    tokens = tokens_of(batch)
    arguments = (batch.to_dense(),) if tokens is None else (batch.to_dense(), tokens)
    program = torch.export.export(form, arguments).module()
    with torch.no_grad():
        torch.testing.assert_close(form(*arguments), model(batch), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(program(*arguments), model(batch), rtol=1e-5, atol=1e-5)
    own, shared = (list(module.parameters()) for module in (model, form))
    assert all(a is b for a, b in zip(own, shared, strict=True))


@pytest.mark.parametrize("case", [case for case in WITH_DENSE_FORM if case.kind != "kinds"], ids=str)
def test_the_dense_form_takes_any_number_of_events(case: Case) -> None:
    model, batch = settled(case)
    form = model.dense_form()
    assert form is not None
    events = torch.export.Dim("events", min=2)
    program = torch.export.export(form, (batch.to_dense(),), dynamic_shapes=({0: events},)).module()
    more = torch.cat([batch.to_dense(), batch.to_dense()[:1]])
    with torch.no_grad():
        torch.testing.assert_close(program(more), form(more))


def test_kinds_of_nodes_have_their_place_in_the_dense_form() -> None:
    graphs = dataclasses.replace(grid_graphs(np.ones((3, 3, 4, 2), np.float32)), n_tokens=4)
    batch = GraphBatch.from_packed(dataclasses.replace(graphs, tokens=np.arange(36) * 7 % 4))
    torch.manual_seed(0)
    model = build("graph_net", ModelInputs(2, 12, "classification", 4, (3, 4)), width=8).eval()
    form, tokens = model.dense_form(), tokens_of(batch)
    assert form is not None
    assert tokens is not None
    with torch.no_grad():
        torch.testing.assert_close(form(batch.to_dense(), tokens), model(batch))
        assert not torch.allclose(form(batch.to_dense(), tokens.clamp(max=1)), model(batch))


@pytest.mark.parametrize("per_node", [False, True])
def test_outputs_per_node_of_the_dense_form(per_node: bool) -> None:
    case = Case("graph_net", "grid")
    model, batch = case.model(per_node=per_node, n_outputs=2).eval(), case.batch()
    form = model.dense_form()
    assert form is not None
    with torch.no_grad():
        dense, packed = form(batch.to_dense()), model(batch)
    torch.testing.assert_close(dense.flatten(0, -2), packed, rtol=1e-5, atol=1e-5)
    assert dense.shape == ((len(batch), 12, 2) if per_node else (len(batch), 2))


@pytest.mark.parametrize("name", ["particle_net", "pct", "spct", "filter_net", "graph_net"])
def test_models_of_any_graph_have_no_dense_form(name: str) -> None:
    assert Case(name, "graph").model().dense_form() is None


def test_what_was_found_of_one_batch_does_not_stand_in_for_another() -> None:
    case = Case("filter_net", "graph")
    model, batch = settled(case)
    module, _ = exportable(model, batch)
    doubled = 2 * batch.nodes
    with torch.no_grad():
        torch.testing.assert_close(module(doubled, batch.edge_index), model(with_nodes(batch, doubled)))
