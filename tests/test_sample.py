"""Samples: what they choose, that they travel to other processes, and where features are fitted."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from helpers.toy import Toy
from pd4ml.errors import DataError, StoreError, UnknownNameError
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.memory import memory_events


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    Toy.generate(folder, n_events=250, seed=1)
    Toy.generate(folder, n_events=250, seed=1, variant="far")
    return folder


@pytest.fixture(scope="module")
def sample(path: Path) -> Sample:
    return Toy.at(path, source="generated")


def test_a_sample_is_a_value(sample: Sample, path: Path) -> None:
    assert sample == Toy.at(path, source="generated")
    assert len({sample, Toy.at(path, source="generated"), Toy.at(path, source="generated", variant="far")}) == 2
    assert pickle.loads(pickle.dumps(sample)) == sample
    assert sample.fingerprint == Toy.open("train", path, source="generated").manifest.fingerprint
    np.testing.assert_array_equal(sample.open("test").y, Toy.open("test", path, source="generated").y)
    with pytest.raises(StoreError, match="no generated Toy of variant 'none'"):
        Toy.at(path, source="generated", variant="none").open("train")


def test_events_are_reopened_by_their_folder(sample: Sample, path: Path) -> None:
    events = sample.open("train")
    sent = pickle.dumps(events)
    assert len(sent) < 1000, "the events themselves are not pickled"
    back = pickle.loads(sent)
    assert isinstance(back["points"], np.memmap)
    np.testing.assert_array_equal(back["points"], events["points"])
    few = pickle.loads(pickle.dumps(events.choose([5, 3])))
    np.testing.assert_array_equal(few["points"], events["points"][[5, 3]])
    changed = pickle.dumps(Toy.open("train", path, source="generated", variant="far"))
    Toy.generate(path, n_events=250, seed=2, variant="far", force=True)
    with pytest.raises(StoreError, match="other events than when it was pickled"):
        pickle.loads(changed)
    Toy.generate(path, n_events=250, seed=1, variant="far", force=True)


def test_one_event_and_all_of_them(sample: Sample) -> None:
    events = sample.open("train")
    assert set(events[3]) == {"points", "grid", "label"}
    np.testing.assert_array_equal(events[3]["points"], events["points"][3])
    np.testing.assert_array_equal(events[-1]["label"], events["label"][-1])
    np.testing.assert_array_equal(events[0]["grid"], events["grid"])
    np.testing.assert_array_equal([event["label"] for event in events], events.y)
    with pytest.raises(IndexError, match="event 200 of 200"):
        events[200]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_of_a_loader_see_the_events(sample: Sample, method: str) -> None:
    events = sample.open("test")
    loader = DataLoader(
        events.torch(), batch_size=7, num_workers=1, multiprocessing_context=multiprocessing.get_context(method)
    )
    parts = list(loader)
    points, labels = torch.cat([X[0] for X, _ in parts]), torch.cat([y for _, y in parts])
    np.testing.assert_array_equal(points.numpy(), events["points"])
    np.testing.assert_array_equal(labels.numpy(), events.y)


def test_graphs_travel(sample: Sample) -> None:
    graphs = sample.graphs("test")
    back = pickle.loads(pickle.dumps(graphs))
    np.testing.assert_array_equal(back[0:5].nodes, graphs[0:5].nodes)


def test_chosen_events_behave_like_an_array(sample: Sample) -> None:
    whole, few = sample.open("train"), sample.subset([7, 2, 90]).open("train")
    assert len(few) == 3
    points = few["points"]
    assert points.shape == (3, 5, 2)
    np.testing.assert_array_equal(points[1:], whole["points"][[7, 90]])
    np.testing.assert_array_equal(points[0, 2:, 1], whole["points"][2, 2:, 1])
    np.testing.assert_array_equal(points[:, 1], whole["points"][[2, 7, 90], 1])
    np.testing.assert_array_equal(points[..., 0], whole["points"][[2, 7, 90]][..., 0])
    np.testing.assert_array_equal(few.take(slice(1, 3))["points"], whole["points"][[7, 90]])
    np.testing.assert_array_equal(few["grid"], whole["grid"])
    assert len(sample.subset([7, 2, 90]).open("test")) == 50
    mask = np.asarray(whole.y) == 1
    np.testing.assert_array_equal(sample.subset(mask).open("train").y, 1)


def test_a_fraction_is_of_every_split_and_always_the_same(sample: Sample) -> None:
    part = sample.subset(0.25)
    assert [len(part.open(split)) for split in ("train", "test")] == [50, 12]
    np.testing.assert_array_equal(part.open("train")["points"], sample.subset(0.25).open("train")["points"])
    assert part.fingerprint == sample.subset(0.25).fingerprint
    assert len({part.fingerprint, sample.fingerprint, sample.subset(0.25, seed=1).fingerprint}) == 3
    assert len(part.subset(0.5).open("train")) == 25
    larger = sample.subset(0.6).open("train")  # a smaller share of the same seed lies within it
    assert np.isin(part.open("train").places, larger.places).all()
    assert not np.isin(part.open("train").places, sample.subset(0.6, seed=1).open("train").places).all()


def test_shards_share_nothing_and_leave_nothing_out(sample: Sample) -> None:
    n = len(sample.open("train"))
    places = [np.flatnonzero(_marked(shard, sample)) for shard in sample.shards(3)]
    np.testing.assert_array_equal(np.sort(np.concatenate(places)), np.arange(n))
    shares = [np.mean(shard.open("train").y) for shard in sample.shards(2, by="label", skew=1.0)]
    assert shares[0] < 0.1
    assert shares[1] > 0.9
    even = [np.mean(shard.open("train").y) for shard in sample.shards(2, by="label")]
    assert abs(even[0] - even[1]) < 0.2
    with pytest.raises(DataError, match="skew needs `by`"):
        sample.shards(2, skew=0.5)
    with pytest.raises(DataError, match="points is no number of each event"):
        sample.shards(2, by="points", skew=0.5)[0].open("train")


def _marked(shard: Sample, sample: Sample) -> np.ndarray:
    """Which events of the sample a shard has; their points differ."""
    mine = {tuple(row) for row in np.asarray(shard.open("train")["points"])[:, 0]}
    return np.array([tuple(row) in mine for row in sample.open("train")["points"][:, 0]])


def test_bad_parts_are_refused(sample: Sample) -> None:
    for part, reason in (
        (1.5, "a fraction must be above 0"),
        ([[1]], "places"),
        ([-1], "places"),
        (["a"], "places"),
    ):
        with pytest.raises(DataError, match=reason):
            sample.subset(part)
    with pytest.raises(DataError, match="event 999 of 200"):
        sample.subset([999]).open("train")


def test_a_view_survives_its_file_to_the_last_bit() -> None:
    view = FeatureView("Toy", MappingProxyType({"scale": [0.1, 1 / 3], "frequent": [3, 1]}), "f" * 64)
    back = FeatureView.from_json(view.to_json())
    assert (back.dataset, dict(back.values), back.fitted_on) == ("Toy", dict(view.values), "f" * 64)
    assert back.sha256 == view.sha256 == pickle.loads(pickle.dumps(view)).sha256
    assert FeatureView("Toy", {"scale": [0.1, 0.3333]}).sha256 != view.sha256
    for text in ("", "[]", json.dumps({"format": 9}), json.dumps({"format": 1, "dataset": "Toy"})):
        with pytest.raises(DataError, match=r"no fitted features|format 9"):
            FeatureView.from_json(text)


def test_a_view_of_another_dataset_is_refused(sample: Sample) -> None:
    with pytest.raises(DataError, match="features fitted on Other are no features of Toy"):
        sample.graphs("test", FeatureView("Other", {}))


def test_arrays_in_memory_are_events(sample: Sample) -> None:
    arrays = sample.open("test").take(slice(0, 9))
    events = memory_events(Toy.card, arrays)
    assert len(events) == 9
    np.testing.assert_array_equal(events["points"], arrays["points"])
    unlabelled = memory_events(Toy.card, {name: a for name, a in arrays.items() if name != "label"})
    assert (len(unlabelled), "label" in unlabelled) == (9, False)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(unlabelled))["points"], arrays["points"])
    with pytest.raises(DataError, match="Toy needs the array points, found label"):
        memory_events(Toy.card, {"label": arrays["label"]})
    with pytest.raises(DataError, match="points: expected shape"):
        memory_events(Toy.card, {**arrays, "points": arrays["points"][:, :4]})
    with pytest.raises(DataError, match="points: not finite in event 4"):
        arrays["points"][4, 1] = np.nan
        memory_events(Toy.card, arrays)


def test_a_selection_holds_for_every_event_of_every_split(tmp_path: Path) -> None:
    Toy.generate(tmp_path, n_events=200, seed=1)
    sample = Toy.at(tmp_path, source="generated")
    chosen = sample.select("label == 1")
    for split in ("train", "test"):
        everything, kept = sample.open(split), chosen.open(split)
        np.testing.assert_array_equal(kept.places, np.flatnonzero(everything.y[:] == 1))
    assert chosen.fingerprint != sample.fingerprint
    half = chosen.subset(0.5)
    assert (half.open("train").y[:] == 1).all()
    with pytest.raises(DataError, match="cannot be read"):
        sample.select("label ==")
    with pytest.raises(UnknownNameError, match="did you mean 'label'"):
        sample.select("labl == 1").open("train")
    with pytest.raises(DataError, match="yes or no for each event"):
        sample.select("points > 0").open("train")
