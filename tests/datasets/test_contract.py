"""The contract that every dataset of this package keeps; a new room needs no test of its own for what is here."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pd4ml
from pd4ml.benchmark import train
from pd4ml.dataset import Dataset
from pd4ml.errors import FetchError, UnknownNameError
from pd4ml.storage.store import Array
from pd4ml.storage.writer import check_arrays
from pd4ml.training.recipe import load_recipe

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
N_EVENTS = 50
every_dataset = pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)


def simulate(dataset: type[Dataset], seed: int = 1, split: str = "train") -> dict[str, Array]:
    simulator = dataset.simulator()
    return dict(simulator.simulate(N_EVENTS, np.random.SeedSequence(seed), simulator.config({}), split))


@cache
def simulated(name: str, seed: int = 1, split: str = "train") -> dict[str, Array]:
    """The same events, simulated once, for tests that only look at them."""
    return simulate(pd4ml.Dataset.datasets_register.find(name), seed, split)


@pytest.fixture(scope="module", params=DATASETS, ids=lambda d: d.name)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[type[Dataset], Path]:
    """A dataset and a folder with some events of it."""
    dataset: type[Dataset] = request.param
    path = tmp_path_factory.mktemp(dataset.name)
    dataset.generate(path, 2 * N_EVENTS, seed=3)
    return dataset, path


@every_dataset
def test_the_card_is_whole(dataset: type[Dataset]) -> None:
    card = dataset.card
    assert {"train", "test"} <= set(card.splits) <= {"train", "valid", "test"}
    assert card.licence
    assert card.graph
    assert card.generator
    assert card.citations
    assert card.cite().count("@") == len(card.citations)
    assert (card.task == "classification") == bool(card.classes)
    assert card.variants["default"].config == {}
    names = [spec.name for spec in card.arrays]
    assert len(set(names)) == len(names)
    for spec in card.arrays:
        assert spec.unit
        assert spec.description
        assert np.dtype(spec.dtype).kind in "fiu"
    for source in card.sources:
        for file in source.files:
            assert file.mirrors
            assert all(url.startswith("https://") for url in file.mirrors)
            assert file.md5 is None or len(file.md5) == 32
    room = Path(pd4ml.__file__).parent / "datasets" / dataset.__module__.split(".")[2]
    assert (room / "README.md").exists()


@every_dataset
def test_every_variant_has_settings_of_the_simulator(dataset: type[Dataset]) -> None:
    simulator = dataset.simulator()
    settings = [simulator.config(variant.config) for variant in dataset.card.variants.values()]
    assert settings[0] == simulator.config({})
    assert len({str(dataclasses.asdict(s)) for s in settings}) == len(settings), "two variants are the same"


@every_dataset
def test_events_are_what_the_card_says(dataset: type[Dataset]) -> None:
    for split in dataset.card.splits:
        check_arrays(dataset.card, simulated(dataset.name, split=split), N_EVENTS)


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
    assert [a.shape[1:] for a in events.X] == [spec.full_shape(1)[1:] for spec in dataset.card.inputs]
    assert events.manifest.provenance["draw"] == {setting.name: text}
    if setting.name in simulator.per_event:
        assert len(np.unique(values)) > 0.7 * len(values)
        plain = simulator.simulate(N_EVENTS, np.random.SeedSequence(5), simulator.config({}), "train")
        assert name not in plain


@every_dataset
def test_events_follow_from_the_seed_alone(dataset: type[Dataset]) -> None:
    first = simulated(dataset.name)
    other = simulated(dataset.name, 2)
    again = simulate(dataset)
    for spec in dataset.card.arrays:
        np.testing.assert_array_equal(first[spec.name], again[spec.name])
    main = dataset.card.inputs[0].name
    assert not np.array_equal(first[main], other[main])


@every_dataset
def test_classes_are_balanced(dataset: type[Dataset]) -> None:
    if dataset.task == "classification":
        share = simulated(dataset.name)[dataset.card.target.name].mean()
        assert 0.3 <= share <= 0.7


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
    parts = {"train": simulated(dataset.name), "test": simulated(dataset.name, 2)}
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
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(y, events.y)
    graphs = dataset.graphs("train", path, source="generated")
    assert len(graphs) == len(y) == len(events)
    x, _ = dataset.load_data("train", path, graph=True, source="generated")
    np.testing.assert_array_equal(x["features"], graphs.to_dense()[0])
    np.testing.assert_array_equal(x["adj_matrix"], graphs.to_dense(self_loops=True)[1])


def test_graphs_are_packed_as_promised(generated: tuple[type[Dataset], Path]) -> None:
    dataset, path = generated
    graphs = dataset.graphs("test", path, source="generated")
    pack = graphs.pack()
    source, target = pack.edge_index
    n = len(pack.nodes)
    assert pack.nodes.dtype == np.float32
    assert np.isfinite(pack.nodes).all()
    assert pack.offsets[-1] == n
    assert pack.sizes.max() <= pack.max_nodes
    owner = np.repeat(np.arange(len(pack)), pack.sizes)
    np.testing.assert_array_equal(owner[source], owner[target])
    assert (source != target).all()
    keys = target * n + source
    assert (np.diff(keys) > 0).all(), "sorted by target and source, each edge once"
    np.testing.assert_array_equal(np.sort(source * n + target), keys)
    if pack.n_tokens:
        assert pack.tokens is not None
        assert pack.tokens.min() >= 0
        assert pack.tokens.max() < pack.n_tokens
    few = graphs[[4, 1]]
    for got, b in zip(few, (4, 1), strict=True):
        np.testing.assert_array_equal(got.nodes, pack[b].nodes)
        np.testing.assert_array_equal(got.edge_index, pack[b].edge_index)


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
    record = train(dataset, recipe, path=path, source="generated", runs_dir=tmp_path)
    wanted = "auc" if dataset.task == "classification" else "resolution"
    assert np.isfinite(record.metrics[wanted].value)
    assert record.dataset["name"] == dataset.name
