"""The page on models of one's own does what it says, on the toy dataset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.toy import Toy
from pd4ml.benchmark import train
from pd4ml.errors import DataError
from pd4ml.models import ModelInputs, available, build, registry
from pd4ml.models.dense import Dense
from pd4ml.training import load_recipe

PAGE = Path(__file__).parents[1] / "docs" / "how_to" / "own_model.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pd4ml.TopTagging", Toy)
    Toy.generate("datasets", n_events=200, seed=1)
    return tmp_path


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block, str(PAGE), "exec"), names)
    return names


@pytest.mark.parametrize(("place", "name"), [(0, "pd4ml.models.dense.Dense"), (1, "page.Neighbours")])
def test_a_module_is_trained_and_named_in_its_record(place: int, name: str, folder: Path) -> None:
    names = run(BLOCKS[place])
    record = names["record"]
    assert record.model["name"] == record.recipe["model"] == name
    assert record.model["parameters"] == sum(p.numel() for p in names["model"].parameters())
    assert "auc" in record.metrics
    assert len(list((folder / "runs").glob("*/record.json"))) == 1


def test_a_registered_model_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    available()  # what is imported while the register is another one would be missing from this one
    monkeypatch.setattr(registry, "_MODELS", dict(registry._MODELS))
    monkeypatch.setattr(registry, "_SOURCES", list(registry._SOURCES))
    run(BLOCKS[2])
    assert "mean_linear" in available()
    assert build("mean_linear", ModelInputs(3, 5, "regression"), width=2).n_parameters == 3 * 2 + 2 + 3


@pytest.mark.usefixtures("folder")
def test_a_model_is_differentiated_twice_and_exported() -> None:
    names = run(BLOCKS[4])
    model, batch = names["model"], names["batch"]
    assert names["slope"].shape == batch.nodes.shape
    assert float(model.first.features.weight.grad.abs().sum()) > 0
    output = names["program"].module()(batch.nodes, batch.edge_index, batch.tokens)
    torch.testing.assert_close(output, model(batch))


def test_other_modules_have_other_runs(folder: Path) -> None:
    options: dict[str, Any] = {"path": "datasets", "source": "generated", "runs_dir": "runs"}
    recipe = load_recipe("fcn_quick").override(max_epochs=1)
    layers = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1, bias=bias)) for bias in (True, False)]
    first, second = (train(Toy, recipe, model=Dense(layer), **options) for layer in layers)
    assert first.folder != second.folder
    with pytest.raises(DataError, match="trains gbdt: choose a network"):
        train(Toy, "gbdt", model=Dense(layers[0]), **options)
