"""The contract that every dataset of this package keeps; a new room needs no test of its own for what is here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import pd4ml
from pd4ml.benchmark import train
from pd4ml.contribute import check_dataset
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, FetchError, UnknownNameError
from pd4ml.models.registry import model_class
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array
from pd4ml.training.recipe import load_recipe

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
N_EVENTS = 50
MAY_WARN = {"card: published files", "events: audit", "pages: template"}
every_dataset = pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)


def simulate(dataset: type[Dataset], seed: int = 1, split: str = "train") -> dict[str, Array]:
    simulator = dataset.simulator()
    return dict(simulator.simulate(N_EVENTS, np.random.SeedSequence(seed), simulator.config({}), split))


@pytest.fixture(scope="module", params=DATASETS, ids=lambda d: d.name)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[type[Dataset], Path]:
    """A dataset and a folder with some events of it."""
    dataset: type[Dataset] = request.param
    path = tmp_path_factory.mktemp(dataset.name)
    dataset.generate(path, 2 * N_EVENTS, seed=3)
    return dataset, path


def test_what_a_reviewer_asks(generated: tuple[type[Dataset], Path]) -> None:
    """`pd4ml check dataset` on few events; what may be a warning is listed."""
    dataset, path = generated
    checks = check_dataset(dataset, path, workers=1, train=False)
    assert [check for check in checks if check.state == "failed"] == []
    assert {check.name for check in checks if check.state == "warning"} <= MAY_WARN


@pytest.mark.slow
@every_dataset
def test_workers_and_a_short_training(dataset: type[Dataset]) -> None:
    """On few events: some targets are too hard to be told from chance with them."""
    checks = {check.name: check for check in check_dataset(dataset, n_events=2 * N_EVENTS)}
    assert [check for check in checks.values() if check.state == "failed"] == []
    assert checks["simulator: workers"].state == "passed"
    assert checks["use: training"].state in ("passed", "warning")


@every_dataset
def test_settings_can_be_drawn(dataset: type[Dataset], tmp_path: Path) -> None:
    """One that is varied event by event if there is one, else one that is not: kept, in range, no part of X."""
    simulator = dataset.simulator()
    numbers = [s for s in simulator.settings if s.kind == "number" and not s.shared and s.default]
    setting = next((s for s in numbers if s.name in simulator.per_event), numbers[-1])
    low, high = sorted((0.95 * setting.default, setting.default))
    text = f"uniform:{low},{high}"
    dataset.generate(tmp_path, N_EVENTS, variant="drawn", draw={setting.name: text})
    events = dataset.open("train", tmp_path, source="generated", variant="drawn")
    known = {spec.name for spec in dataset.card.arrays}
    (name,) = {name for name, _ in events.items()} - known
    values = events[name]
    assert values.dtype == np.float64
    assert low <= values.min() <= values.max() <= high
    assert len(np.unique(values)) >= len(values) // simulator.draw_events
    dense = [(spec, a) for spec, a in zip(dataset.card.inputs, events.X, strict=True) if not spec.ragged]
    assert len(events.X) == len(dataset.card.inputs)
    assert all(a.shape[1:] == spec.full_shape(1)[1:] for spec, a in dense)
    assert events.manifest.provenance["draw"] == {setting.name: text}
    if setting.name in simulator.per_event:
        assert len(np.unique(values)) > 0.7 * len(values)
        plain = simulator.simulate(N_EVENTS, np.random.SeedSequence(5), simulator.config({}), "train")
        assert name not in plain


@every_dataset
def test_wrong_settings_are_refused_with_a_suggestion(dataset: type[Dataset], tmp_path: Path) -> None:
    field = dataclasses.fields(dataset.simulator().config_type)[0].name
    with pytest.raises(UnknownNameError, match=f"did you mean '{field}'"):
        dataset.generate(tmp_path, N_EVENTS, variant="own", **{field + "x": 1})  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown variant"):
        dataset.generate(tmp_path, N_EVENTS, variant="no such")
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        dataset.load("trian", tmp_path)


@every_dataset
def test_published_files_that_cannot_be_had_are_said_so(
    dataset: type[Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    with pytest.raises(FetchError, match=rf"`pd4ml generate {dataset.name} "):
        dataset.load("train", tmp_path)


@every_dataset
def test_the_published_layout_is_read(
    dataset: type[Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An .npz of the published layout, made of simulated events, gives the same through load and open."""
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    if not dataset.card.sources:
        assert "published files: none" in dataset.card.describe()
        return
    npz = next((s for s in dataset.card.sources if s.files[0].layout == "npz"), None)
    assert npz is not None
    parts = {"train": simulate(dataset, 1), "test": simulate(dataset, 2)}
    members = {
        f"X_{split}_{i}": arrays[spec.name]
        for split, arrays in parts.items()
        for i, spec in enumerate(dataset.card.inputs)
    }
    members |= {f"y_{split}": arrays[dataset.card.target.name] for split, arrays in parts.items()}
    file = dataclasses.replace(npz.files[0], md5=None)
    np.savez(tmp_path / file.name, **members)  # type: ignore[arg-type]
    small = dataclasses.replace(
        dataset.card,
        splits=dict.fromkeys(dataset.card.splits, N_EVENTS),
        sources=(dataclasses.replace(npz, files=(file,)),),
    )
    monkeypatch.setattr(dataset, "card", small)
    for read in (dataset.load("train", tmp_path), (lambda e: (e.X, e.y))(dataset.open("train", tmp_path))):
        X, y = read
        for spec, array in zip(dataset.card.inputs, X, strict=True):
            np.testing.assert_array_equal(array, parts["train"][spec.name])
        np.testing.assert_array_equal(y, parts["train"][dataset.card.target.name])
    # The published arrays have not changed when those of generated events grew.
    assert dataset.open("train", tmp_path).manifest.card_version == dataset.card.published_version == "1"


def test_load_open_and_graphs_agree(generated: tuple[type[Dataset], Path]) -> None:
    dataset, path = generated
    X, y = dataset.load("train", path, source="generated")
    events = dataset.open("train", path, source="generated")
    assert len(X) == len(events.X) == len(dataset.card.inputs)
    for a, b in zip(X, events.X, strict=True):
        for part, other in zip(*(entries(x) if is_ragged(x) else (x,) for x in (a, b)), strict=True):
            np.testing.assert_array_equal(part, other)
    np.testing.assert_array_equal(y, events.y)
    graphs = dataset.graphs("train", path, source="generated")
    assert len(graphs) == len(y) == len(events)
    x, _ = dataset.load_data("train", path, graph=True, source="generated")
    np.testing.assert_array_equal(x["features"], graphs.to_dense()[0])
    np.testing.assert_array_equal(x["adj_matrix"], graphs.to_dense(self_loops=True)[1])


def test_features_are_fitted_on_train_and_are_plain(generated: tuple[type[Dataset], Path]) -> None:
    dataset, path = generated
    events = dataset.open("train", path, source="generated")
    fitted = dataset.fit_features(events)
    assert json.loads(json.dumps(fitted)) == fitted
    test = dataset.open("test", path, source="generated").take(slice(0, 5))
    np.testing.assert_array_equal(
        dataset.build_graphs(test, fitted).nodes, dataset.graphs("test", path, source="generated")[:5].nodes
    )


@pytest.mark.parametrize("model", ["fcn", "graph_net"])
def test_shared_models_train(generated: tuple[type[Dataset], Path], tmp_path: Path, model: str) -> None:
    dataset, path = generated
    recipe = load_recipe(model).override(max_epochs=1)
    if dataset.task == "segmentation" and not model_class(model).has_nodes:
        with pytest.raises(DataError, match=r"no output per node.*choose another model"):
            train(dataset, recipe, path=path, source="generated", runs_dir=tmp_path)
        return
    record = train(dataset, recipe, path=path, source="generated", runs_dir=tmp_path)
    name = "auc" if len(dataset.card.classes) == 2 else "auc_macro"
    wanted = {"classification": name, "segmentation": "iou_macro"}.get(dataset.task, "resolution")
    assert np.isfinite(record.metrics[wanted].value)
    assert record.dataset["name"] == dataset.name
