"""Geant4 itself, with stand-in tables.

It runs in the engine's own process: in this one it would stay loaded, print as it likes, and could end it.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.stack import N_LAYERS, PITCH, STEEL, TIME_CUT, ahcal
from pd4ml.errors import DataError, MissingExtraError
from pd4ml.physics.geant4 import Block, Engine, Layer, Material, Primaries, Stack, Steps, TileHits, shared_engine
from pd4ml.physics.geant4 import engine as engine_module
from pd4ml.physics.geant4.data import DATA_SETS
from pd4ml.physics.geant4.geometry import PROCESSES

pytestmark = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs the extra [geant4]")

MIP = 0.465  # MeV
ARGON = Material("liquid argon", 1.396, (("Ar", 1.0),), 188.0)
IN_A_TILE = (15.0, 15.0, -100.0)  # its middle: a muon stays in it


@pytest.fixture(scope="module")
def calorimeter() -> Iterator[Engine]:
    with Engine(ahcal(), "stand-in") as engine:
        yield engine


@pytest.fixture(scope="module")
def argon() -> Iterator[Engine]:
    with Engine(Block(ARGON, (3000.0, 3000.0, 4000.0), 3.0), "stand-in") as engine:
        yield engine


def test_nothing_is_downloaded_or_deleted_in_automated_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """geant4-pybind does both when it is imported where CI is true."""
    kept = tmp_path / ".geant4_pybind" / "mine"
    kept.mkdir(parents=True)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Engine(Block(ARGON, (3000.0, 3000.0, 4000.0), 3.0), "stand-in") as engine:
        assert engine.facts["tables"] == "stand-in"
    assert [entry.name for entry in kept.parent.iterdir()] == ["mine"]


def sums(hits: TileHits | Steps, values: NDArray[Any]) -> NDArray[Any]:
    """Of each event."""
    n = len(hits.offsets) - 1
    return np.bincount(np.repeat(np.arange(n), np.diff(hits.offsets)), values, n)


def depths(hits: TileHits) -> NDArray[Any]:
    """Mean depth in layers, 1 behind the first absorber."""
    visible = hits.visible.astype(np.float64)
    return np.asarray(sums(hits, (hits.layer + 1) * visible) / sums(hits, visible))


def beam(pdg_id: int, energy: float, n: int) -> Primaries:
    return Primaries.single(pdg_id, energy, np.tile(IN_A_TILE, (n, 1)))


def event(hits: TileHits | Steps, n: int) -> list[NDArray[np.generic]]:
    rows = slice(*hits.offsets[n : n + 2])
    names = [field.name for field in dataclasses.fields(hits) if field.name != "offsets"]
    return [getattr(hits, name)[rows] for name in names]


def same(first: list[NDArray[np.generic]], second: list[NDArray[np.generic]]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_event_follows_from_its_particles_and_seed_alone(calorimeter: Engine) -> None:
    """Bit for bit, whatever came before it, in another process too; seeds may differ in high bits only."""
    energy = np.array([3000.0, 4000.0, 5000.0])
    pions = Primaries.single(-211, energy, IN_A_TILE)
    hits = calorimeter.tiles(pions, [1, 2, 3])
    backwards = calorimeter.tiles(Primaries.single(-211, energy[::-1], IN_A_TILE), [3, 2, 1])
    for n in range(3):
        assert same(event(hits, n), event(backwards, 2 - n))
    with Engine(ahcal(), "stand-in") as fresh:
        assert same(event(fresh.tiles(Primaries.single(-211, energy[1:2], IN_A_TILE), [2]), 0), event(hits, 1))
        assert fresh.facts == calorimeter.facts
    assert not same(event(calorimeter.tiles(pions, [1, 2 + 2**40, 3]), 1), event(hits, 1))


def test_a_muon_leaves_a_mip_in_each_layer(calorimeter: Engine) -> None:
    hits = calorimeter.tiles(beam(13, 40_000.0, 60), np.arange(60))
    track = (hits.column == 12) & (hits.row == 12)
    assert sums(hits, track.astype(np.float64)).min() >= N_LAYERS - 2
    values = np.sort(hits.visible[track])
    quarter = len(values) // 4
    at = int((values[quarter:] - values[:-quarter]).argmin())
    assert (values[at] + values[at + quarter]) / 2 == pytest.approx(MIP, rel=0.04)  # one part in 25 of 2,280 tiles
    # The first deposit comes with the speed of light: 13.7 m/ns is the wrong side.
    first = hits.time[track & (hits.layer == 0)].mean()
    last = hits.time[track & (hits.layer == N_LAYERS - 1)].mean()
    assert last - first == pytest.approx((N_LAYERS - 1) * PITCH / 299.79, rel=0.01)


def test_electron_showers_have_the_textbook_depth(calorimeter: Engine) -> None:
    """Between Grindhammer and Peters (6.7 layers at 10 GeV) and PDG's profile with b = 0.5 (7.2)."""
    hits = calorimeter.tiles(beam(11, 10_000.0, 24), np.arange(24))
    found = depths(hits)
    error = found.std(ddof=1) / np.sqrt(len(found))
    layer = 1.06  # radiation lengths
    y = np.log(10_000 / 21.68)
    pdg = (y - 0.5 + 1 / 0.5) / layer
    place, alpha = y - 0.812, 0.81 + (0.458 + 2.26 / 26) * y
    grindhammer = place * alpha / (alpha - 1) / layer
    assert grindhammer < pdg
    assert grindhammer - 2.5 * error < found.mean() < pdg + 2.5 * error
    assert error < 0.35
    response = sums(hits, hits.visible) / MIP / 10
    assert response.mean() == pytest.approx(50, rel=0.05)
    assert (sums(hits, hits.deposit) < 10_000).all()


def test_birks_and_the_gate_only_take_away(calorimeter: Engine) -> None:
    hits = calorimeter.tiles(beam(-211, 8_000.0, 6), np.arange(6))
    assert (hits.visible <= hits.deposit * (1 + 1e-6)).all()
    assert (hits.visible[hits.time > TIME_CUT] == 0).all()
    assert 0.5 < hits.visible.sum() / hits.deposit.sum() < 0.97


def test_geant4s_own_scoring_finds_the_same_deposits(calorimeter: Engine) -> None:
    n, seeds = 3, np.arange(3)
    slow = calorimeter.tiles(beam(11, 2_000.0, n), seeds)
    with Engine(ahcal(birks=None, time_cut=None), "stand-in") as engine:
        fast = engine.tiles(beam(11, 2_000.0, n), seeds)
    for name in ("offsets", "layer", "column", "row"):
        np.testing.assert_array_equal(getattr(slow, name), getattr(fast, name))
    np.testing.assert_allclose(slow.deposit, fast.deposit, rtol=1e-5)
    np.testing.assert_array_equal(fast.visible, fast.deposit)
    assert np.isnan(fast.time).all()


@pytest.mark.slow
def test_pions_show_less_than_electrons(calorimeter: Engine) -> None:
    """Pi/e at 20 GeV: 0.83 in another simulation of this stack, of showers that begin early."""
    n = 60
    pions = calorimeter.tiles(beam(-211, 20_000.0, n), np.arange(n))
    electrons = calorimeter.tiles(beam(11, 20_000.0, 10), np.arange(10))
    early = depths(pions) < 14
    response = sums(pions, pions.visible)[early]
    assert early.sum() > 20
    ratio = response.mean() / sums(electrons, electrons.visible).mean()
    error = response.std(ddof=1) / np.sqrt(len(response)) / sums(electrons, electrons.visible).mean()
    assert error < 0.04
    assert abs(ratio - 0.83) < 2.5 * np.hypot(error, 0.02)


def test_minimum_ionisation_in_argon() -> None:
    """PDG: 1.508 MeV cm2/g, 2.105 MeV/cm, at the minimum, 266 MeV for muons; all of it stays in 10 cm."""
    with Engine(Block(ARGON, (1000.0, 1000.0, 100.0), 3.0), "stand-in") as engine:
        steps = engine.steps(Primaries.single(13, 270.0, np.tile([0.0, 0.0, -50.0], (60, 1))), np.arange(60))
    assert sums(steps, steps.deposit).mean() / 10 == pytest.approx(2.105, rel=0.03)
    assert steps.length[steps.track == 1].max() <= 3.0 * (1 + 1e-5)


def test_protons_of_200_mev_stop_in_argon(argon: Engine) -> None:
    """Their range is 26 cm (PSTAR, recalled); some are lost to nuclei on the way."""
    n = 40
    protons = Primaries.single(2212, 200.0, np.tile([0.0, 0.0, -1500.0], (n, 1)))
    steps = argon.steps(protons, np.arange(n))
    ends = [event(steps, k)[0][event(steps, k)[5] == 1][:, 2].max() + 1500 for k in range(n)]
    assert np.median(ends) == pytest.approx(260, rel=0.02)
    assert (sums(steps, steps.deposit) < 203).all()  # and a few MeV of bound neutrons
    assert set(steps.pdg_id[steps.track == 1]) == {2212}


def test_steps_tell_particles_and_how_they_came_to_be(argon: Engine) -> None:
    """Events of several particles: a muon that stops and decays or is captured, an electron beside it."""
    primaries = Primaries(
        offsets=np.array([0, 2, 3]),
        pdg_id=np.array([-13, 22, 13], np.int32),
        energy=np.array([100.0, 50.0, 100.0]),
        position=np.zeros((3, 3)),
        direction=np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    )
    steps = argon.steps(primaries, [5, 6])
    (position, _, _, time, pdg_id, track, parent, process) = (event(steps, 0)[k] for k in range(8))
    assert len(steps.offsets) == 3
    muon = pdg_id == -13
    assert muon.any()
    assert (process[muon] == PROCESSES.index("primary")).all()
    assert (parent[muon] == 0).all()
    decayed = process == PROCESSES.index("Decay")
    assert set(pdg_id[decayed]) == {-11}
    assert set(parent[decayed]) == set(track[muon])
    assert time[decayed].min() > time[muon].max()
    assert position[muon][:, 2].max() > 200
    made = {PROCESSES[k] for k in np.unique(process)}
    assert "conv" in made or "compt" in made
    assert "other" not in made


def test_what_cannot_be_simulated_is_one_line(calorimeter: Engine) -> None:
    with pytest.raises(DataError, match="no particle with the PDG number 4242"):
        calorimeter.tiles(beam(4242, 1.0, 1), [1])
    assert len(calorimeter.tiles(beam(11, 100.0, 1), [1]).offsets) == 2  # and the engine goes on
    with pytest.raises(DataError, match="is a stack, whose steps are not kept"):
        calorimeter.steps(beam(11, 1.0, 1), [1])
    with pytest.raises(DataError, match="a seed >= 0 for each of 2 events"):
        calorimeter.tiles(beam(11, 1.0, 2), [1])
    empty = calorimeter.tiles(Primaries.single(11, np.empty(0), np.empty((0, 3))), [])
    assert len(empty.layer) == 0
    tungsten = Material("tungsten", 19.3, (("W", 1.0),))
    with pytest.raises(DataError, match=r"stand-in tables know .*Fe.*, found W"):
        Engine(Block(tungsten, (10.0, 10.0, 10.0), 1.0), "stand-in")
    with pytest.raises(DataError, match="sensitive layers of a stack must be of one kind, found 2"):
        Stack((Layer(STEEL, 1.0, sensitive=True), Layer(STEEL, 2.0, sensitive=True)), 4, 10.0, STEEL)


def test_geant4s_end_is_an_error_with_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Geant4 aborts where a table is missing; nothing is left running or lying about."""
    for name in DATA_SETS:
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    with pytest.raises(DataError, match=r"Geant4 ended \(exit status -6\): .*ENSDFSTATE.dat is not found"):
        Engine(ahcal(1))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_missing_data_are_said_before_geant4_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*DATA_SETS, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"Geant4's data sets G4NDL, G4EMLOW, .* are not there"):
        Engine(ahcal())
    monkeypatch.setattr(engine_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="Geant4 needs geant4_pybind: pip install"):
        Engine(ahcal(), "stand-in")


def test_a_process_shares_one_engine_and_a_second_geometry_ends_it() -> None:
    first = shared_engine(ahcal(2), "stand-in")
    assert shared_engine(ahcal(2), "stand-in") is first
    second = shared_engine(ahcal(3), "stand-in")
    assert first.closed
    with pytest.raises(DataError, match="this engine is closed"):
        first.tiles(beam(11, 1.0, 1), [1])
    second.close()
    third = shared_engine(ahcal(3), "stand-in")
    assert third is not second
    third.close()


def test_the_package_loads_no_geant4() -> None:
    code = "import sys, pd4ml.physics.geant4; sys.exit('geant4_pybind' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
