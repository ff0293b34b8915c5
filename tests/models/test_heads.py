"""Trunk and head of every model: several outputs, outputs per node, what the trunk gives."""

from __future__ import annotations

import dataclasses
import io

import pytest
import torch
from torch import nn

from helpers.graphs import permuted, random_graphs
from helpers.model_cases import CASES, Case, loss, with_nodes
from pd4ml.errors import DataError
from pd4ml.graphs import PackedGraphs
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch

WITH_NODES = [case for case in CASES if case.model().has_nodes]
WITHOUT_NODES = [case for case in CASES if not case.model().has_nodes]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_case_with_nodes = pytest.mark.parametrize("case", WITH_NODES, ids=str)
one_and_three = pytest.mark.parametrize("n_outputs", [1, 3])


def settled(model: Model, batch: GraphBatch) -> Model:
    with torch.no_grad():
        model.train()(with_nodes(batch, batch.nodes + 0.1))
    return model.eval()


def every_parameter_has_a_gradient(model: Model, batch: GraphBatch) -> None:
    model.train()
    torch.autograd.backward(loss(model(batch)))
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def loaded(model: Model, other: Model) -> Model:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other.eval()


@every_case
@one_and_three
def test_the_head_makes_the_outputs_of_the_features(case: Case, n_outputs: int) -> None:
    model, batch = case.model(n_outputs=n_outputs), case.batch()
    settled(model, batch).set_target(10.0, 3.0)
    features = model.features(batch)
    assert features.shape == (len(batch), model.width)
    output = model(batch)
    assert output.shape == ((len(batch),) if n_outputs == 1 else (len(batch), n_outputs))
    expected = 10 + 3 * model.head(features)
    torch.testing.assert_close(output, expected.squeeze(-1) if n_outputs == 1 else expected)
    assert isinstance(model.head, nn.Linear)
    plain = model.plain()
    assert plain.head is model.head
    torch.testing.assert_close(plain.features(batch), features, rtol=1e-4, atol=1e-5)


@every_case
def test_several_outputs_have_gradients_and_are_saved(case: Case) -> None:
    model, batch = case.model(n_outputs=3), case.batch()
    if batch.grid is None and case.kind != "reference":  # some kind must be where the padded network looks for it
        batch = GraphBatch.from_packed(whole(case))
    every_parameter_has_a_gradient(model, batch)
    other = case.model(n_outputs=3)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    settled(model, batch).set_target([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    with torch.no_grad():
        torch.testing.assert_close(loaded(model, other)(batch), model(batch))


def whole(case: Case) -> PackedGraphs:
    """Many events of the largest size."""
    inputs = case.inputs
    return random_graphs([inputs.max_nodes] * 40, inputs.n_features, inputs.max_nodes, 0, inputs.n_tokens)


@pytest.mark.parametrize("case", [case for case in CASES if case.kind in ("graph", "kinds", "reference")], ids=str)
def test_several_outputs_and_the_order_of_the_nodes(case: Case) -> None:
    model, graphs = case.model(n_outputs=3), case.graphs()
    settled(model, case.batch())
    with torch.no_grad():
        one, two = (model(GraphBatch.from_packed(g)) for g in (graphs, permuted(graphs, seed=2)))
    assert torch.allclose(one, two, rtol=1e-4, atol=1e-5) == model.permutation_invariant


@every_case
def test_each_output_has_its_own_mean_and_scale(case: Case) -> None:
    model, batch = case.model(n_outputs=2), case.batch()
    before = settled(model, batch)(batch)
    model.set_target([770.0, -1.0], [56.0, 2.0])
    expected = torch.stack([770 + 56 * before[:, 0], -1 + 2 * before[:, 1]], 1)
    torch.testing.assert_close(model(batch), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(DataError, match="expected a target's mean and scale for 2 outputs"):
        model.set_target([1.0, 2.0, 3.0], 1.0)


@every_case_with_nodes
def test_nodes_are_rows_of_the_nodes(case: Case) -> None:
    model, batch = case.model(), case.batch()
    nodes = settled(model, batch).nodes(batch)
    assert nodes is not None
    assert len(nodes) == len(batch.nodes)
    plain = model.plain().nodes(batch)
    assert plain is not None
    torch.testing.assert_close(plain, nodes, rtol=1e-4, atol=1e-5)


@every_case_with_nodes
@one_and_three
def test_outputs_per_node(case: Case, n_outputs: int) -> None:
    model, batch = case.model(n_outputs=n_outputs, per_node=True), case.batch()
    n_nodes = len(batch.nodes)
    settled(model, batch)
    with torch.no_grad():
        output, features = model(batch), model.features(batch)
        torch.testing.assert_close(model.plain()(batch), output, rtol=1e-4, atol=1e-5)
    assert output.shape == ((n_nodes,) if n_outputs == 1 else (n_nodes, n_outputs))
    assert features.shape == (len(batch), model.width)
    every_parameter_has_a_gradient(model, batch)
    with torch.no_grad():
        saved = loaded(model, case.model(n_outputs=n_outputs, per_node=True))(batch)
        torch.testing.assert_close(saved, model.eval()(batch))


@pytest.mark.parametrize("case", [case for case in WITH_NODES if case.kind not in ("grid", "patches")], ids=str)
def test_outputs_per_node_go_with_the_nodes(case: Case) -> None:
    model, graphs = case.model(per_node=True), case.graphs()
    settled(model, case.batch())
    one, two = (GraphBatch.from_packed(g) for g in (graphs, permuted(graphs, seed=2)))
    place = (one.nodes[None] == two.nodes[:, None]).all(2).to(torch.int64).argmax(1)
    assert not torch.equal(place, torch.arange(len(place)))
    with torch.no_grad():
        torch.testing.assert_close(model(two), model(one)[place], rtol=1e-4, atol=1e-5)


@every_case_with_nodes
def test_outputs_per_node_of_an_event_do_not_feel_the_others(case: Case) -> None:
    model, graphs = case.model(per_node=True), case.graphs()
    settled(model, case.batch())
    with torch.no_grad():
        alone = torch.cat([model(GraphBatch.from_packed(graph)) for graph in graphs])
        torch.testing.assert_close(model(GraphBatch.from_packed(graphs)), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", WITHOUT_NODES, ids=str)
def test_models_whose_nodes_do_not_keep_their_place_say_so(case: Case) -> None:
    assert case.model().nodes(case.batch()) is None
    with pytest.raises(DataError, match="no output per node") as error:
        case.model(per_node=True)
    assert "\n" not in str(error.value)


@every_case
def test_models_that_need_no_edges_do_not_see_them(case: Case) -> None:
    model, batch = case.model(), case.batch()
    settled(model, batch)
    without = dataclasses.replace(batch, edge_index=batch.edge_index[:, :0])
    with torch.no_grad():
        assert torch.equal(model(batch), model(without)) == (not model.needs_edges)


def test_no_outputs_are_refused() -> None:
    with pytest.raises(DataError, match="at least one output, found 0"):
        CASES[0].model(n_outputs=0)
