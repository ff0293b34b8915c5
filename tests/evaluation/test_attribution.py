"""Attributions: of a linear network exactly what each pixel adds, of others what small changes of a pixel do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.learnable import Weighted
from helpers.pictures import Pictures
from helpers.toy import Toy
from pd4ml.benchmark import train
from pd4ml.benchmark.run import load_run
from pd4ml.errors import DataError
from pd4ml.evaluation.attribution import attributions
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.report.html import write_report
from pd4ml.sample import FeatureView
from pd4ml.storage.store import Events
from pd4ml.tasks import task_of
from pd4ml.training import load_recipe
from pd4ml.training.network import Network


class Linear(nn.Module):
    """One weight for each pixel and output."""

    needs_edges = False

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_outputs, 12, generator=torch.Generator().manual_seed(1)))

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) or (B, K)."""
        output = batch.to_dense()[..., 0] @ self.weight.T + 0.3
        return output[:, 0] if len(self.weight) == 1 else output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Pictures.generate(path, 200, seed=1)
    return path


@pytest.fixture
def events(data: Path) -> Events:
    return Pictures.open("test", data, source="generated")


def network(model: nn.Module) -> Network:
    return Network(Pictures, task_of(Pictures.card), FeatureView("Pictures", {}), None, model)


def test_of_a_linear_network_it_is_what_each_pixel_adds(events: Events) -> None:
    model = Linear(1)
    fitted = network(model)
    found = attributions(fitted, events, batch_size=7)
    assert found is not None
    assert found.shape == (len(events), 3, 4)
    image = np.asarray(events["image"])
    output = fitted.predict(events)
    for y, x in np.ndindex(3, 4):  # what is lost when a pixel becomes zero
        without = image.copy()
        without[:, y, x] = 0
        lost = output - (without.reshape(len(events), 12) @ model.weight.detach().numpy()[0] + 0.3)
        np.testing.assert_allclose(found[:, y, x], lost, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=(1, 2)) + 0.3, output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", ["fcn", "graph_net", "filter_net"])
def test_of_models_with_kernels_it_is_the_numeric_derivative(data: Path, tmp_path: Path, recipe: str) -> None:
    short = load_recipe(recipe).override(max_epochs=1)
    record = train(Pictures, short, path=data, source="generated", runs_dir=tmp_path)
    assert record.folder is not None
    fitted = load_run(record.folder).fitted
    events = Pictures.open("test", data, source="generated").choose(np.arange(3))
    found = attributions(fitted, events)
    assert found is not None
    assert isinstance(fitted, Network)
    assert isinstance(fitted.model, Model)
    np.testing.assert_array_equal(attributions(fitted, events), found)
    fitted.model.train()
    np.testing.assert_array_equal(attributions(fitted, events), found, "dropout is off")
    assert fitted.model.training
    model = fitted.model.eval().plain().double()
    image = torch.as_tensor(np.asarray(events["image"]), dtype=torch.float64)
    graphs = Pictures.build_graphs({"image": np.asarray(events["image"])}, {})

    def output(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            result: Tensor = model(GraphBatch.from_packed(graphs).on(pixels.reshape(-1, 1)))
        return result

    for y, x in ((0, 0), (1, 2), (2, 3)):
        step = torch.zeros(3, 4, dtype=torch.float64)
        step[y, x] = 1e-5
        slope = (output(image + step) - output(image - step)) / 2e-5
        np.testing.assert_allclose(found[:, y, x], slope * image[:, y, x], rtol=2e-3, atol=1e-5)
    write_report([record], tmp_path / "report.html", data)
    assert f"What {record.recipe['name']} looks at" in (tmp_path / "report.html").read_text()


def test_what_has_no_pixels_has_no_attribution(tmp_path: Path) -> None:
    for dataset, name in ((Toy, "fcn"), (Weighted, "gbdt")):
        dataset.generate(tmp_path, 200)
        recipe = load_recipe(name).override(max_epochs=1)
        record = train(dataset, recipe, path=tmp_path, source="generated", runs_dir=tmp_path / "runs")
        fitted, events = load_run(str(record.folder)).fitted, dataset.open("test", tmp_path, source="generated")
        if name == "fcn":
            assert attributions(fitted, events) is None
        else:
            with pytest.raises(DataError, match="expected a network with outputs of events, found <trained model"):
                attributions(fitted, events)
        write_report([record], tmp_path / "report.html", tmp_path)
        assert "looks at" not in (tmp_path / "report.html").read_text()
