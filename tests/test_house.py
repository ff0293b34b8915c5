"""The contract of the house: every dataset, every shared model, every estimator, from training to its use."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import pd4ml
from pd4ml.benchmark import Run, evaluate
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, Pd4mlError
from pd4ml.models import available
from pd4ml.models.registry import model_class
from pd4ml.sample import Sample
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import MANIFEST_NAME, Manifest
from pd4ml.storage.memory import memory_events
from pd4ml.storage.ragged import entries, is_ragged, ragged
from pd4ml.storage.store import Events
from pd4ml.training import Recipe, available_recipes, load_recipe
from pd4ml.training.history import read_history
from pd4ml.training.module import TrainingModule

N_EVENTS = 125  # 100 to train on, for the demo's proportions
DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
# Small, so that an epoch is over at once; what is not here is as in the recipe.
SMALL: dict[str, dict[str, Any]] = {
    "fcn": {"width": 16, "depth": 2},
    "graph_net": {"width": 16},
    "filter_net": {"width": 16, "depth": 1, "heads": 4},
    "particle_net": {"k": 3, "channels": [[8, 8]], "width": 8},
    "pct": {"width": 8, "neighbours": 3},
    "spct": {"width": 8},
    "gbdt": {"max_leaf_nodes": 4, "min_samples_leaf": 5},
}
# Models of one dataset, its reference among them, are tried in the tests of its room.
OF_ROOMS = {load_recipe(d.reference).model for d in DATASETS if d.reference}
OF_ROOMS |= {name for name in available() if model_class(name).made_for is not None}
MODELS = [*SMALL, *sorted(set(available()) - OF_ROOMS - set(SMALL))]  # what is not small is as in its recipe
COORDINATES = {"TopTagging": [2, 3]}  # of ParticleNet; elsewhere the first feature stands for them


def scaled_events(dataset: type[Dataset], events: Events) -> Events:
    """Test events whose measured numbers are half as large again, as a variant would have them."""
    arrays = events.take(slice(None))
    name = dataset.card.inputs[0].name
    values = arrays[name]
    if is_ragged(values):
        content, offsets = entries(values)
        content = content.copy()
        content[:, -1] *= np.float32(1.5)
        return memory_events(dataset.card, {**arrays, name: ragged(content, offsets)})
    if dataset.name == "Belle":
        values = values.copy()
        values[..., [1, 5, 6, 7]] *= np.float32(1.5)  # energies and momenta
    else:
        values = (
            np.where(values > 0, values * np.float32(1.5), values)
            if dataset.name != "TopTagging"
            else (values * np.float32(1.5))
        )
    return memory_events(dataset.card, {**arrays, name: values.astype(np.float32)})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module", params=DATASETS, ids=lambda d: d.name)
def sample(request: pytest.FixtureRequest, path: Path) -> Sample:
    dataset: type[Dataset] = request.param
    dataset.generate(path, N_EVENTS, seed=3)
    return dataset.at(path, source="generated")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def recipe(model: str, sample: Sample, **changes: Any) -> Recipe:
    name = model if model in available_recipes() else "fcn_quick"
    hyperparameters = dict(SMALL.get(model, {}))
    if model == "particle_net":
        hyperparameters["coordinates"] = COORDINATES.get(sample.card.name, [0])
    return load_recipe(name).override(
        **{"model": model, "hyperparameters": hyperparameters, "max_epochs": 1, "batch_size": 32, **changes}
    )


def need_outputs(model: str, sample: Sample) -> None:
    """Skip what has one output an event where nodes have labels; the contract holds that it is refused."""
    if sample.card.task == "segmentation" and (model == "gbdt" or not model_class(model).has_nodes):
        pytest.skip(f"{model} has no output per node")


@pytest.mark.parametrize("model", MODELS)
def test_a_training_can_be_recomputed_and_used(model: str, sample: Sample, path: Path, tmp_path: Path) -> None:
    need_outputs(model, sample)
    run = pd4ml.train(sample, recipe(model, sample), runs_dir=tmp_path)
    record = run.record
    assert record.format == 2
    assert record.epochs["trained"] >= 1
    assert record.samples["train"] == sample.fingerprint
    assert evaluate(run.folder, path) == record.metrics
    loaded = pd4ml.load_run(run.folder)
    assert loaded.view.sha256 == sample.view().sha256 if model != "gbdt" else loaded.view.values == {}
    np.testing.assert_array_equal(loaded.predict(sample).output, run.predict(sample).output)
    check_variant(loaded, sample)


def check_variant(run: Run, sample: Sample) -> None:
    """Events whose inputs are scaled have other features under the view of the training."""
    events = sample.open("test")
    varied = scaled_events(sample.dataset, events)
    if run.record.model["name"] == "fcn":  # others may not have learned to look at anything in one epoch
        assert not np.array_equal(run.predict(varied).output, run.predict(events).output)
    if run.record.model["name"] == "gbdt":
        summaries = [sample.dataset.summary_features(e.take(slice(0, 5)))[1] for e in (events, varied)]
        assert not np.allclose(*summaries)
    else:
        nodes = [sample.dataset.build_graphs(e.take(slice(0, 5)), run.view.values).nodes for e in (events, varied)]
        assert nodes[0].shape == nodes[1].shape
        assert not np.allclose(nodes[0], nodes[1])


@pytest.mark.parametrize("model", [name for name in SMALL if name != "gbdt"])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    model: str, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_outputs(model, sample)
    options = recipe(model, sample, max_epochs=2, batch_size=40)
    unbroken = pd4ml.train(sample, options, runs_dir=tmp_path / "unbroken")
    step = TrainingModule.training_step

    def killed(self: TrainingModule, batch: Any) -> Any:
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingModule, "training_step", killed)
        pd4ml.train(sample, options, runs_dir=tmp_path / "stopped")
    resumed = pd4ml.train(sample, options, runs_dir=tmp_path / "stopped")
    assert len(read_history(resumed.folder / "history.csv")) == 2
    first, second = (
        torch.load(run.folder / "model.pt", weights_only=True)["state"] for run in (unbroken, resumed)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.record.metrics == unbroken.record.metrics


Change = Callable[[dict[str, NDArray[Any]], str], None]


def damaged(sample: Sample, folder: Path, change: Change) -> Sample:
    """A copy of the events on disk with something else in the target of the train split, and in its manifest."""
    dataset: type[Dataset] = sample.dataset
    target = dataset.folder(folder, "generated")
    shutil.copytree(dataset.folder(sample.path, "generated"), target)
    file = target / "train" / f"{dataset.card.target.name}.npy"
    values = np.load(file)
    arrays = {"target": values}
    change(arrays, dataset.task)
    np.save(file, arrays["target"].astype(values.dtype))
    manifest = Manifest.read(target)
    train = dict(manifest.arrays["train"])
    train[manifest.target] = replace(train[manifest.target], sha256=sha256_of(file))
    made = replace(manifest, arrays={**manifest.arrays, "train": train})
    (target / MANIFEST_NAME).write_text(made.to_json())
    return dataset.at(folder, source="generated")


@pytest.mark.parametrize("model", ["fcn", "gbdt"])
def test_what_cannot_be_trained_is_refused_in_one_line(model: str, sample: Sample, tmp_path: Path) -> None:
    def one_class_more(arrays: dict[str, NDArray[Any]], task: str) -> None:
        arrays["target"][7] = np.nan if task == "regression" else n_classes

    n_classes = len(sample.card.classes)

    wrong = damaged(sample, tmp_path / "events", one_class_more)
    labels = f"labels must be 0 to {n_classes - 1}, found {n_classes}"
    expected = "finite" if sample.card.task == "regression" else labels
    with pytest.raises(DataError, match=expected) as error:
        pd4ml.train(wrong, recipe(model, sample), runs_dir=tmp_path)
    assert "\n" not in str(error.value)
    if sample.card.task == "regression":
        with pytest.raises(DataError, match="balance_classes is for classes"):
            pd4ml.train(sample, recipe("fcn", sample, balance_classes=True), runs_dir=tmp_path)
    with pytest.raises(Pd4mlError, match=r"unknown method\.kind 'pivott'"):
        recipe(model, sample, method={"kind": "pivott"})
    assert not list(tmp_path.glob("*/history.csv")), "nothing was trained"
