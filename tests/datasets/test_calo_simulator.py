"""Showers in the calorimeter: the laws they follow, the readout, Geant4 beside them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pd4ml.datasets.calo_test_beam import CaloParticles, CaloTestBeam
from pd4ml.datasets.calo_test_beam import simulator as simulator_module
from pd4ml.datasets.calo_test_beam.cascade import energy_of, range_of
from pd4ml.datasets.calo_test_beam.readout import Tiles, read_out, starts
from pd4ml.datasets.calo_test_beam.shower import PARAMETERS, seen_with
from pd4ml.datasets.calo_test_beam.simulator import CLASSES, Config, events, simulate
from pd4ml.datasets.calo_test_beam.stack import BIRKS, LIGHT, N_LAYERS, N_TILES, PITCH, TILE_DEPTH
from pd4ml.errors import DataError
from pd4ml.physics.geant4.data import DATA_SETS
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Store

YARDSTICK = Path(__file__).parents[2] / "evidence" / "calo_test_beam" / "yardstick.json"
IDEAL: dict[str, Any] = {"calibration_spread": 0.0, "noise": 0.0, "noise_hits": 0.0, "dead": 0.0}


def make(n: int = 40, seed: int = 1, **config: Any) -> dict[str, Any]:
    return simulate(n, np.random.SeedSequence(seed), Config(**config))


def beam(energy: float, n: int, particle: str = "pi-", **config: Any) -> tuple[Any, Tiles, Any]:
    fixed = Config(particles={particle: 1.0}, energy_min=energy, energy_max=energy, spread=0.0, **config)
    return events(n, fixed, np.random.default_rng(3))


def one_tile(mip: float, n: int = 4000, cell: int = 12 * N_TILES + 12) -> Tiles:
    return Tiles(n, np.arange(n), np.full(n, cell), np.full(n, mip), np.zeros(n))


def sums(arrays: dict[str, Any]) -> Any:
    hits, offsets = entries(arrays["hits"])
    return np.add.reduceat(hits[:, 3].astype(float), offsets[:-1])


def test_hits_lie_on_the_tiles_and_fall_in_energy() -> None:
    hits, offsets = entries(make()["hits"])
    x, y, z, energy, time = hits.T
    column, row, layer = x / 30 + 11.5, y / 30 + 11.5, (z - TILE_DEPTH) / PITCH
    for place, most in ((column, N_TILES), (row, N_TILES), (layer, N_LAYERS)):
        np.testing.assert_allclose(place, np.rint(place), atol=1e-4)
        assert place.min() > -0.5
        assert place.max() < most
    assert energy.min() > 0.5
    assert time.min() > -5
    falls = np.diff(energy) <= 0
    falls[offsets[1:-1] - 1] = True
    assert falls.all()
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    tile = np.rint(((event * N_LAYERS + layer) * N_TILES + column) * N_TILES + row)
    assert len(np.unique(tile)) == len(tile), "a tile is one hit"


def test_the_response_leaves_what_happens_alone() -> None:
    nominal, varied = make(30), make(30, scale=0.9, noise=0.1, threshold=0.4, detector=7)
    for name in CaloTestBeam.simulator().truth:
        np.testing.assert_array_equal(nominal[name], varied[name])
    plain, scaled = (sums(make(30, **IDEAL, threshold=0.0, scale=s)) for s in (1.0, 0.9))
    np.testing.assert_allclose(scaled / plain, 0.9, rtol=1e-3)


def test_energies_are_uniform_and_steps_are_steps() -> None:
    energy = make(400)["energy"]
    assert 10 <= energy.min() < 13
    assert 77 < energy.max() <= 80
    assert abs(energy.mean() - 45) < 4 * 20.2 / 20
    assert len(np.unique(energy)) == 400
    assert set(make(60, steps=True)["energy"]) <= set(range(10, 90, 10))


def test_showers_begin_where_they_are_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make(60, latest_start=2)["start_layer"].max() <= 2
    found = make(60, latest_start=0)
    assert found["start_layer"].max() > 10
    depth = found["interaction_depth"]
    late = (depth > 8) & (found["start_layer"] > 0)
    assert (found["start_layer"][late] > 6).mean() > 0.9
    monkeypatch.setattr(simulator_module, "starts", lambda tiles, energy: np.full(tiles.n, -1))
    with pytest.raises(DataError, match="set latest_start = 0"):
        make(600)


def test_the_rule_for_the_start_finds_a_step() -> None:
    layer = np.repeat(np.arange(10, 20), 30)
    tiles = Tiles(
        2,
        np.zeros(len(layer), int),
        layer * N_TILES**2 + np.tile(np.arange(30), 10),
        np.full(300, 2.0),
        np.zeros(300),
    )
    assert starts(tiles, np.array([20.0, 20.0])).tolist() == [10, -1]


def test_the_mean_of_photo_electrons_pixels_and_scale() -> None:
    for mip in (2.0, 50.0, 120.0):
        hits, offsets = read_out(one_tile(mip), Config(**IDEAL), np.random.default_rng(1))
        assert np.diff(offsets).tolist() == [1] * 4000
        spread = np.sqrt(mip / 13) / np.sqrt(4000)
        assert hits[:, 3].mean() == pytest.approx(mip, abs=6 * spread)
    full, _ = read_out(one_tile(5000.0, 10), Config(**IDEAL), np.random.default_rng(1))
    assert full[:, 3] == pytest.approx(2668 * np.log(2668) / 13, rel=1e-5)  # all pixels but one
    hits, offsets = read_out(
        one_tile(5.0), Config(**IDEAL | {"dead": 0.5, "calibration_spread": 0.3}), np.random.default_rng(1)
    )
    assert np.diff(offsets).std() == 0, "the same tile is dead, or alive, in all events"


def test_times_are_lights_and_the_gate_closes() -> None:
    tiles = one_tile(5.0)
    hits, _ = read_out(tiles, Config(**IDEAL), np.random.default_rng(1))
    assert hits[:, 4].mean() == pytest.approx(TILE_DEPTH / LIGHT, abs=0.1)
    assert hits[:, 4].std() == pytest.approx(1.0, rel=0.05)
    late = Tiles(tiles.n, tiles.event, tiles.cell, tiles.mip, np.full(tiles.n, 200.0))
    assert len(read_out(late, Config(**IDEAL), np.random.default_rng(1))[0]) == 0


def test_electrons_muons_and_pions() -> None:
    _, electron, _ = beam(20, 60, "e-")
    total = np.bincount(electron.event, electron.mip)
    assert total.mean() / 20 == pytest.approx(PARAMETERS.electron, rel=0.03)
    assert total.std() / total.mean() * np.sqrt(20) == pytest.approx(0.19, rel=0.35)
    _, muon, _ = beam(40, 40, "mu-", latest_start=0)
    seen = muon.mip > 0.5
    assert seen.sum() / 40 == pytest.approx(41.2, rel=0.15)  # Geant4's: one a layer, and what it knocks on
    assert np.median(muon.mip[seen]) == pytest.approx(1.2, rel=0.1)
    truth, pion, _ = beam(20, 1000)
    mip = np.bincount(pion.event, pion.mip)
    assert np.corrcoef(truth.share, mip)[0, 1] > 0.4, "the electromagnetic part is seen better"


def test_the_electromagnetic_share_follows_the_power_law() -> None:
    """1 - E^(m - 1) (Gabriel et al., Nucl. Instrum. Meth. A 338 (1994) 336); Geant4 has m of 0.76 to 0.82 here."""
    means = []
    for energy in (10.0, 20.0, 40.0, 80.0):
        found = beam(energy, 1000, latest_start=0)[0]
        share = found.share[found.depth < 15]
        assert 0.12 < share.std() < 0.3
        power = 1 + np.log(1 - share.mean()) / np.log(energy)
        assert 0.75 < power < 0.87, energy
        means.append(share.mean())
    assert (np.diff(means) > -0.02).all()
    assert means[3] > means[0] + 0.08


def test_ranges_are_bethes() -> None:
    """Of protons in iron, by PDG's formula without corrections, I = 286 eV; a layer is 14.9 g/cm2 of it."""
    beta_2 = np.linspace(1e-3, 0.8, 200_000)
    gamma = 1 / np.sqrt(1 - beta_2)
    log = np.log(2 * 0.511e6 * beta_2 * gamma**2 / 286)
    loss = 0.307075 * 26 / 55.845 / beta_2 * (log - beta_2)  # MeV cm2/g
    kinetic = 938.27 * (gamma - 1)
    inside = kinetic > 2
    bethe = np.cumsum(np.gradient(kinetic[inside]) / loss[inside])
    for energy in (0.05, 0.1, 0.2, 0.5):
        expected = np.interp(1e3 * energy, kinetic[inside], bethe) / 14.9
        assert range_of(energy, 0.9383) == pytest.approx(expected, rel=0.16), energy
        assert energy_of(range_of(energy, 0.9383), 0.9383) == pytest.approx(energy)


def test_more_birks_and_a_shorter_gate_show_less() -> None:
    changed: tuple[dict[str, Any], ...] = ({}, {"birks": 0.2}, {"time_gate": 5.0})
    assert seen_with(PARAMETERS, BIRKS, 150.0) == PARAMETERS
    nominal, quenched, gated = (sums(make(60, **IDEAL, latest_start=0, **other)) for other in changed)
    assert 0.75 < (quenched / nominal).mean() < 0.99
    assert 0.9 < (gated / nominal).mean() < 0.999


@pytest.mark.parametrize("energy", [10, 40])
def test_pions_are_the_yardsticks(energy: int) -> None:
    """Of few showers; ``evidence`` has many, and the README says how far off the profile is."""
    yardstick = json.loads(YARDSTICK.read_text())["pions"][f"{energy}"]
    _, tiles, begin = beam(energy, 250)
    seen = np.random.default_rng(1).poisson(tiles.mip * 13) / 13
    kept = seen > 0.5
    total = np.bincount(tiles.event[kept], seen[kept], tiles.n)
    hits = np.bincount(tiles.event[kept], minlength=tiles.n)
    for found, name, wanted in ((total / energy, "response", 0.03), (hits, "hits", 0.1)):
        mean, error = yardstick[name]
        own = found.std() / np.sqrt(len(found))
        assert abs(found.mean() - mean) < wanted * mean + 2 * np.hypot(error, own), name
    layer = tiles.cell[kept] // N_TILES**2 - begin[tiles.event[kept]]
    inside = (layer >= 0) & (layer < 15)
    profile = np.bincount(layer[inside], seen[kept][inside], 15) / tiles.n / energy
    wanted_profile = np.array([x[0] for x in yardstick["profile"]])
    error = np.array([x[1] for x in yardstick["profile"]])
    assert (np.abs(profile - wanted_profile) < 0.1 * wanted_profile.max() + 2.5 * error).all()


def test_particles_of_the_second_task() -> None:
    simulator = CaloParticles.simulator()
    found = simulator.simulate(90, np.random.SeedSequence(2), simulator.config({}), "train")
    assert set(found["label"]) == {0, 1, 2}
    kinds = {
        CLASSES[int(label)]: int(pdg_id) for label, pdg_id in zip(found["label"], found["pdg_id"], strict=True)
    }
    assert kinds == {"electron": 11, "muon": 13, "pion": -211}
    n_hits = np.diff(entries(found["hits"])[1])
    assert n_hits[found["label"] == 1].mean() < 60 < n_hits[found["label"] == 2].mean()


@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs the extra [geant4]")
def test_geant4_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DATA_SETS, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match="tables = 'stand-in'"):
        CaloTestBeam.generate(tmp_path, 4, variant="geant4")
    assert not list(tmp_path.glob("CaloTestBeam/*"))
    settings: dict[str, Any] = {"simulator": "geant4", "tables": "stand-in", "energy_max": 11.0}
    store: Store = CaloTestBeam.generate(tmp_path, 4, variant="few", **settings)
    facts = store.manifest.provenance["facts"]
    assert facts["tables"] == "stand-in"
    assert len(facts["tables_sha256"]) == 64
    found = CaloTestBeam.open("train", tmp_path, source="generated", variant="few")
    assert (np.asarray(found["em_fraction"]) == -1).all()
    hits, offsets = entries(found["hits"])
    assert 250 < np.add.reduceat(hits[:, 3], offsets[:-1]).mean() < 600
