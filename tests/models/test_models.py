"""The contract that every registered model keeps."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.graphs import permuted, random_graphs
from pd4ml.card import Task
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.packed import no_edges
from pd4ml.models import ModelInputs, available, build
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.registry import model_class

F, MAX_NODES, N_TOKENS = 3, 12, 0


def of_one_output(name: str) -> bool:
    """Not those that a room made for several datasets or classes: its own tests try them."""
    model = model_class(name)
    if model.made_for is None:
        return not model.__module__.startswith("pd4ml.datasets.")
    return model.made_for.n_outputs == 1


every_model = pytest.mark.parametrize("name", [name for name in available() if of_one_output(name)])


@pytest.fixture(autouse=True, params=[0, 4], ids=["without kinds", "with kinds"])
def kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test is done for nodes without and with kinds."""
    monkeypatch.setattr(sys.modules[__name__], "N_TOKENS", request.param)


def make(name: str, task: Task = "classification", seed: int = 0) -> Model:
    torch.manual_seed(seed)
    return build(name, inputs_of(name, task))


def inputs_of(name: str, task: Task) -> ModelInputs:
    """Small inputs, or the only ones that a model takes."""
    made_for = model_class(name).made_for
    return ModelInputs(F, MAX_NODES, task, N_TOKENS) if made_for is None else replace(made_for, task=task)


def graphs_for(name: str, sizes: list[int], seed: int = 0) -> PackedGraphs:
    inputs = inputs_of(name, "classification")
    return random_graphs(sizes, inputs.n_features, inputs.max_nodes, seed, inputs.n_tokens)


def batch(name: str, sizes: list[int], seed: int = 0) -> GraphBatch:
    return GraphBatch.from_packed(graphs_for(name, sizes, seed))


@torch.no_grad()
def settled(name: str, model: Model) -> Model:
    """In evaluation mode, with running statistics that have seen something."""
    model.train()
    model(batch(name, [5, 7, 3, 9], seed=9))
    return model.eval()


@every_model
@pytest.mark.parametrize("sizes", [[4, 6, 2], [5], [1], [3, 0, 4], [0], [MAX_NODES]])
@pytest.mark.parametrize("training", [True, False])
def test_one_finite_number_per_event(name: str, sizes: list[int], training: bool) -> None:
    model = make(name).train(training)
    output = model(batch(name, sizes))
    assert output.shape == (len(sizes),)
    assert output.dtype == torch.float32
    assert torch.isfinite(output).all()
    output.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@every_model
def test_gradients_reach_every_parameter(name: str) -> None:
    model = make(name)
    graphs = batch(name, [MAX_NODES] * 40)
    (model(graphs) * torch.linspace(-1, 1, 40)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@every_model
def test_order_of_the_nodes(name: str) -> None:
    model = settled(name, make(name))
    graphs = graphs_for(name, [6, 9, 4], seed=1)
    with torch.no_grad():
        original = model(GraphBatch.from_packed(graphs))
        shuffled = model(GraphBatch.from_packed(permuted(graphs, seed=2)))
    assert torch.allclose(original, shuffled, atol=1e-5) == model.permutation_invariant


@every_model
def test_an_event_does_not_feel_the_others_of_its_batch(name: str) -> None:
    model = settled(name, make(name))
    graphs = graphs_for(name, [6, 1, 12, 0, 4], seed=1)
    with torch.no_grad():
        together = model(GraphBatch.from_packed(graphs))
        alone = torch.cat([model(GraphBatch.from_packed(graph)) for graph in graphs])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@every_model
def test_save_and_load(name: str) -> None:
    model, other = settled(name, make(name)), make(name, seed=5).eval()
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    graphs = batch(name, [3, 8])
    assert torch.equal(model(graphs), other(graphs))


@every_model
def test_same_seed_same_training_output(name: str) -> None:
    outputs = [make(name, seed=3)(batch(name, [4, 6, 2])) for _ in range(2)]
    assert torch.equal(*outputs)
    assert not torch.equal(outputs[0], make(name, seed=4)(batch(name, [4, 6, 2])))


@every_model
def test_repr_names_the_class(name: str) -> None:
    model = make(name)
    assert repr(model).startswith(type(model).__name__)
    assert model.n_parameters == sum(p.numel() for p in model.parameters())


@every_model
def test_regression_is_in_the_unit_of_the_target(name: str) -> None:
    model = settled(name, make(name, "regression"))
    plain = model(batch(name, [4, 5]))
    model.set_target(770.0, 56.0)
    torch.testing.assert_close(model(batch(name, [4, 5])), 770 + 56 * plain)


@every_model
def test_edges_that_were_left_out_are_missed_by_those_that_look_at_them(name: str) -> None:
    graphs = graphs_for(name, [4, 5], seed=1)
    bare = GraphBatch.from_packed(replace(graphs, edge_index=no_edges()))
    model = settled(name, make(name))
    if model.needs_edges:
        with pytest.raises(DataError, match="looks at edges: build the graphs with them"):
            model(bare)
    else:
        torch.testing.assert_close(model(bare), model(GraphBatch.from_packed(graphs)))


@every_model
def test_moves_to_another_device_and_back(name: str) -> None:
    graphs = batch(name, [4, 5]).to("meta")
    assert graphs.nodes.device.type == "meta"
    assert make(name).to("meta").n_parameters == make(name).n_parameters


def test_parameters_as_published() -> None:
    inputs = ModelInputs(7, 200, "classification")
    square, vector = 256 * 256 + 256, 256
    assert build("fcn", inputs).n_parameters == 1400 * 256 + 256 + 11 * square + 257
    n_activated = 3 + 7
    expected = 7 * 256 + 256 + 12 * square + n_activated * 3 * vector + 257
    assert build("graph_net", inputs).n_parameters == expected


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'graphnet'; did you mean 'graph_net'"):
        build("graphnet", ModelInputs(F, MAX_NODES, "classification"))
    with pytest.raises(UnknownNameError, match="hyperparameter of fcn 'widht'; did you mean 'width'"):
        build("fcn", ModelInputs(F, MAX_NODES, "classification"), widht=3)


def test_dense_features_are_those_of_the_packed_graph() -> None:
    graphs = random_graphs([3, 0, 12], F, MAX_NODES)
    np.testing.assert_array_equal(GraphBatch.from_packed(graphs).to_dense().numpy(), graphs.to_dense()[0])
