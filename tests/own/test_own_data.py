"""own_data: in one line a dataset that everything takes, with what nobody told said to be unknown."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from loky import get_reusable_executor

import pd4ml
from helpers.own_events import OwnEvents, own_events
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, StoreError, UnknownNameError
from pd4ml.own.dataset import OwnDataset
from pd4ml.sample import Sample

EVENTS = own_events()


def make(path: Path, events: OwnEvents = EVENTS, **options: Any) -> Sample:
    x = {"particles": events.particles, "met": events.met}
    given = {"name": "MyJets", "graph": {"coordinates": ["eta", "phi"], "period": [0, 2 * np.pi], "k": 4}}
    return pd4ml.own_data(x, events.label, path, **{**given, **options})


def everything(sample: Sample) -> dict[str, Any]:
    parts = [sample.open(split).take(slice(None)) for split in sample.card.splits]
    order = np.argsort(np.concatenate([part["event_id"] for part in parts]))
    joined = {name: [part[name] for part in parts] for name in parts[0]}
    return {n: (ak.concatenate(a) if n == "particles" else np.concatenate(a))[order] for n, a in joined.items()}


def test_what_was_handed_in_is_what_is_read(tmp_path: Path) -> None:
    sample = make(tmp_path, units={"pt": "GeV", "eta": "1", "met": "GeV"})
    found = everything(sample)
    np.testing.assert_array_equal(found["label"], EVENTS.label)
    np.testing.assert_array_equal(found["event"][:, 0], EVENTS.met.astype(np.float32))
    for i, column in enumerate(("pt", "eta", "phi")):
        assert ak.all(found["particles"][..., i] == ak.values_astype(EVENTS.particles[column], np.float32))
    assert (sample.source, sample.variant) == ("own", "default")
    particles = sample.card.array("particles")
    assert (particles.unit, particles.columns) == ("pt GeV, eta 1, phi unknown", ("pt", "eta", "phi"))
    assert sample.card.licence == "unknown"
    assert any("licence" in text for text in sample.card.unknown)


def test_it_is_found_again_by_its_name_and_path(tmp_path: Path) -> None:
    sample = make(tmp_path)
    lines = f"""
import pd4ml
from pathlib import Path
dataset = pd4ml.Dataset.datasets_register.find("myjets", Path({str(tmp_path)!r}))
sample = dataset.at({str(tmp_path)!r})
print(dataset.name, sample.source, sample.fingerprint)
"""
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["MyJets", "own", sample.fingerprint]
    assert "MyJets" not in [dataset.name for dataset in Dataset.datasets_register]
    assert [dataset.name for dataset in Dataset.datasets_register.own(tmp_path)] == ["MyJets"]
    with pytest.raises(UnknownNameError, match="did you mean 'MyJets'"):
        Dataset.datasets_register.find("MyJet", tmp_path)


def test_the_same_again_is_taken_as_it_is_and_others_are_refused(tmp_path: Path) -> None:
    first = make(tmp_path).manifest
    assert make(tmp_path).manifest.created == first.created
    with pytest.raises(StoreError, match="holds other events: choose another name or variant"):
        make(tmp_path, own_events(seed=1))
    assert make(tmp_path, own_events(seed=1), force=True).fingerprint != first.fingerprint
    up = make(tmp_path, own_events(seed=2), variant="scale_up")
    assert len(up.open("train")) > 0
    pd4ml.own_data(EVENTS.met, EVENTS.label, tmp_path, name="MyJets", variant="table")
    with pytest.raises(StoreError, match=r"variant 'table' of MyJets .* has other arrays"):
        up.dataset.at(tmp_path, variant="table").open("train")


def test_a_selection_keeps_what_it_says(tmp_path: Path) -> None:
    sample = make(tmp_path, select="met > 20 and count(pt) > 2", extras={"run": EVENTS.run})
    found = everything(sample)
    kept = (EVENTS.met > 20) & (ak.num(EVENTS.particles) > 2)
    np.testing.assert_array_equal(found["event_id"], np.flatnonzero(kept))
    np.testing.assert_array_equal(found["run"], EVENTS.run[kept])
    with pytest.raises(DataError, match="no event is left"):
        make(tmp_path / "b", select="met < 0")


def test_groups_and_weights(tmp_path: Path) -> None:
    sample = make(tmp_path, group=EVENTS.run, weight=1 + EVENTS.run)
    train, test = (np.unique(sample.open(split)["group"]) for split in ("train", "test"))
    assert not set(train) & set(test)
    assert (sample.card.group, sample.card.weight) == ("group", "weight")
    with pytest.raises(DataError, match="one group into several splits"):
        make(tmp_path / "b", group=EVENTS.run, split=np.arange(300) % 2 == 0)


def test_equal_events_are_counted_and_stay_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(0, 1, (100, 3))
    sample = pd4ml.own_data(np.concatenate([x, x[:40]]), np.arange(140) % 2, tmp_path, name="Doubled")
    assert "40 events equal an earlier one" in capsys.readouterr().err
    train, test = (sample.open(split)["x"][:] for split in ("train", "test"))
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in test}


def test_given_splits_are_kept(tmp_path: Path) -> None:
    names = np.array(["train", "test", "valid", "val", "train"] * 60)
    sample = make(tmp_path, split=names)
    assert dict(sample.card.splits) == {"train": 120, "valid": 120, "test": 60}
    with pytest.raises(DataError, match="split must be train, valid or test"):
        make(tmp_path / "b", split=np.full(300, "other"))


def test_padding_is_found(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(0, 1, (60, 5, 2))
    x[::2, 3:] = 0
    sample = pd4ml.own_data(x, np.arange(60) % 2, tmp_path, name="Padded")
    assert sample.card.inputs[0].padding == 0
    sizes = sample.graphs("train").pack().sizes
    np.testing.assert_array_equal(np.unique(sizes), [3, 5])
    inside = x.copy()
    inside[1, 2] = 0  # a row of zeros among others is an entry
    other = pd4ml.own_data(inside, np.arange(60) % 2, tmp_path, name="NotPadded")
    assert other.card.inputs[0].padding is None


def test_it_goes_to_other_processes(tmp_path: Path) -> None:
    sample = make(tmp_path)
    again = pickle.loads(pickle.dumps(sample))
    assert again == sample
    assert again.dataset is sample.dataset
    graphs = sample.graphs("test")
    sizes = get_reusable_executor(max_workers=1).submit(lambda g: g.pack().sizes.tolist(), graphs).result()
    assert sizes == graphs.pack().sizes.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Top Tagging"}, "use a letter, then letters"),
        ({"name": "toptagging"}, "a dataset that everybody has"),
        ({"graph": {"kind": "nearest"}}, "unknown kind of graph"),
        ({"graph": {"coordinate": ["eta"]}}, "did you mean 'coordinates'"),
        ({"graph": {"coordinates": ["eta"], "period": [1, 2]}}, "as many periods"),
        ({"test": 0}, "test must be a share above 0"),
        ({"extras": {"run": np.zeros(3)}}, "run has 3 events, X 300"),
        ({"padding": "zeros"}, "padding is a number"),
        ({"select": "energy > 3"}, "unknown column 'energy'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(pd4ml.Pd4mlError, match=message):
        make(tmp_path, **options)
    assert not list(tmp_path.rglob("*.npy"))


def test_numbers_that_are_not_finite_are_named(tmp_path: Path) -> None:
    met = EVENTS.met.copy()
    met[7] = np.nan
    with pytest.raises(DataError, match="event: not finite in event"):
        pd4ml.own_data(met, EVENTS.label, tmp_path, name="Holes")


def test_a_folder_that_lies_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    file = tmp_path / "MyJets/own-default/manifest.json"
    file.write_text(file.read_text().replace('"kind": "knn"', '"kind": "exec"'))
    with pytest.raises(pd4ml.Pd4mlError, match="unknown kind of graph"):
        Dataset.datasets_register.find("MyJets", tmp_path)


def test_it_cannot_be_generated(tmp_path: Path) -> None:
    dataset = make(tmp_path).dataset
    assert issubclass(dataset, OwnDataset)
    with pytest.raises(DataError, match="cannot be generated"):
        dataset.generate(tmp_path)
    with pytest.raises(DataError, match="nothing to download"):
        dataset.download(tmp_path)
    with pytest.raises(UnknownNameError, match="your own data"):
        dataset.at(tmp_path, source="published")
