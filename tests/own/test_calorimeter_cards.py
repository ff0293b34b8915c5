"""The page on calorimeter files of others: its cards read files of that shape."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from pd4ml import CaloTestBeam
from pd4ml.benchmark.run import open_data
from pd4ml.datasets.calo_test_beam.features import features
from pd4ml.errors import DataError
from pd4ml.own.card_file import CardFile
from pd4ml.own.conversion import convert

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how_to" / "calorimeters.md").read_text()
CARDS = {card["name"]: card for card in map(tomllib.loads, re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))}
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
REAL = ROOT.parent / "shared" / "realdata" / "ahcal_like_bigtree.root"


def bigtree(file: Path) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 30, 40)
    run, n = np.repeat([1, 2], 20), int(sizes.sum())
    names = {"I": rng.integers(1, 25, n), "J": rng.integers(1, 25, n), "K": rng.integers(1, 39, n)}
    columns = {f"ahc_hit{name}": ak.unflatten(values.astype(np.int32), sizes) for name, values in names.items()}
    columns |= {f"ahc_hit{name}": ak.unflatten(rng.exponential(5, n), sizes) for name in ("Energy", "Time")}
    flat = {"runNumber": run, "eventNumber": np.tile(np.arange(20), 2), "ahc_nHits": sizes}
    with uproot.recreate(file) as out:
        out["bigtree"] = {**flat, **columns}
    return flat | columns


def test_calices_tree(tmp_path: Path) -> None:
    given = bigtree(tmp_path / "run.root")
    sample = convert([tmp_path / "run.root"], CARDS["AHCAL"], tmp_path)
    train = sample.open("train")
    assert set(np.asarray(train.y).tolist()) == {10.0, 80.0}
    assert sample.card.inputs[0].columns == ("x", "y", "z", "energy", "time")
    first = int(train["event_id"][0])
    x, _, z, energy, _ = np.asarray(train["hits"][0]).T
    np.testing.assert_allclose(x, 30 * (given["ahc_hitI"][first] - 12.5))
    np.testing.assert_allclose(z, 22.8 + 26.2 * (given["ahc_hitK"][first] - 1), rtol=1e-6)
    np.testing.assert_allclose(energy, given["ahc_hitEnergy"][first], rtol=1e-6)
    assert len(sample.graphs("train")) == len(train.y)


def test_its_hits_are_those_of_the_test_beam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = bigtree(tmp_path / "run.root")
    exec(compile(CODE, "calorimeters.md", "exec"), {})
    events = open_data(CaloTestBeam, Path("run.npz"), "test")
    assert (np.diff(np.asarray(events["hits"][3])[:, 3]) <= 0).all()
    nodes, _ = features(events["hits"])
    assert len(nodes) == given["ahc_nHits"].sum()
    assert np.abs(nodes[:, 1:4]).max() <= 1 + 1e-6, "the tiles lie within the stack"


def test_a_tree_with_energies(tmp_path: Path) -> None:
    if not REAL.exists():
        pytest.skip(f"the sample {REAL.name} is not beside the repository")
    card = {**CARDS["AHCAL"], "target": {"value": "beamEnergy", "unit": "GeV"}}
    sample = convert([REAL], card, tmp_path)
    energy = np.concatenate([np.asarray(sample.open(split).y) for split in ("train", "test")])
    assert sorted(set(energy.tolist())) == [10, 20, 40, 80]


def test_ild_photons(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    layers, energy = rng.exponential(1, (20, 30, 30, 30)), rng.uniform(10, 100, (20, 1))
    with h5py.File(tmp_path / "photons.hdf5", "w") as file:
        file["30x30/energy"], file["30x30/layers"] = energy, layers
    sample = convert([tmp_path / "photons.hdf5"], CARDS["ILDPhotons"], tmp_path)
    train = sample.open("train")
    (spec,) = sample.card.inputs
    assert (spec.shape, spec.unit, sample.card.target.shape) == ((30, 30, 30), "MeV", ())
    np.testing.assert_allclose(train.y, energy[train["event_id"], 0], rtol=1e-6)
    assert sample.graphs("train")[:2].nodes.shape == (1800, 30)


def test_the_calo_challenge(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    showers, energy = rng.exponential(1, (20, 45 * 16 * 9)), rng.uniform(1e3, 1e6, (20, 1))
    file = tmp_path / "dataset_2_1.hdf5"
    with h5py.File(file, "w") as out:
        out["showers"], out["incident_energies"] = showers, energy
    sample = convert([file], CARDS["CaloChallenge2"], tmp_path)
    train = sample.open("train")
    np.testing.assert_allclose(train.y, energy[train["event_id"], 0] / 1000, rtol=1e-6)
    np.testing.assert_allclose(train["showers"][0], showers[train["event_id"][0]].reshape(45, 16, 9), rtol=1e-6)
    wrong = {**CARDS["CaloChallenge2"], "inputs": {"showers": {"shape": [45, 50, 18]}}}
    with pytest.raises(DataError, match="6,480 numbers an event, which are no \\[45, 50, 18\\]"):
        convert([file], wrong, tmp_path, variant="other")
    with pytest.raises(DataError, match="shape must be whole numbers"):
        CardFile.from_dict({"name": "A", "inputs": {"showers": {"shape": [45, 0]}}})
