"""LArTPC: readout against closed forms, interactions against kinematics, the room against its contract."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pd4ml import LArPixels, LArTPC
from pd4ml.contribute import check_dataset
from pd4ml.datasets.lar_tpc.config import Config
from pd4ml.datasets.lar_tpc.features import MIP, PLANE_DISTANCE, features
from pd4ml.datasets.lar_tpc.graph import MAX_NODES, graphs
from pd4ml.datasets.lar_tpc.interactions import CLASSES, interact
from pd4ml.datasets.lar_tpc.kinematics import boosted, decay, mass_of
from pd4ml.datasets.lar_tpc.queue import LABELS, LOW_ENERGY, MICHEL, TRACK
from pd4ml.datasets.lar_tpc.readout import charges, drift_velocity, image, pixels, recombination
from pd4ml.datasets.lar_tpc.simulator import PIXEL_SIMULATOR, SIMULATOR, simulate, simulate_pixels
from pd4ml.datasets.lar_tpc.summary import summary
from pd4ml.datasets.lar_tpc.transport import Deposits
from pd4ml.errors import DataError
from pd4ml.storage.ragged import entries, ragged


def spots(position: Any, energy: float = 1.0, dedx: float = 1.8) -> Deposits:
    position = np.atleast_2d(np.asarray(position, np.float64))
    n = len(position)
    return Deposits(position, np.full(n, energy), np.full(n, dedx), np.ones(n, np.int64))


def simulated(n: int, seed: int = 1, **config: Any) -> dict[str, Any]:
    return simulate(n, np.random.SeedSequence(seed), Config(**config))


def test_the_contract() -> None:
    checks = check_dataset(LArTPC, n_events=120, workers=1, train=False)
    assert [check for check in checks if check.state == "failed"] == []


def test_velocity_and_recombination_are_the_known_ones() -> None:
    """larnd-sim's mobility gives 0.160 cm/us at 0.5 kV/cm; R = 0.71 of a minimum-ionising particle there."""
    assert drift_velocity(0.5) == pytest.approx(160, rel=0.01)
    assert drift_velocity(0.273) == pytest.approx(112, rel=0.02)
    mip = np.array([1.8])
    assert recombination(mip, 0.5, "box")[0] == pytest.approx(0.71, abs=0.01)
    assert recombination(mip, 0.273, "box")[0] == pytest.approx(0.66, abs=0.01)
    assert recombination(mip, 0.5, "birks")[0] == pytest.approx(0.71, abs=0.01)
    dense = recombination(np.linspace(1, 100, 100), 0.5, "box")
    assert (np.diff(dense[1:]) < 0).all()
    assert dense[0] == pytest.approx(0.716, abs=0.001)


def test_charge_is_neither_lost_nor_found() -> None:
    """Every plane sees all charge that arrives; it fades as exp(-t / lifetime)."""
    deposits = spots(np.random.default_rng(1).uniform([80, -20, -20], [160, 20, 20], (500, 3)))
    config = Config(noise=0.0, lifetime=3.0)
    arrived, time = charges(deposits, config)
    escaped = 1 / 23.6e-6 / 1000 * recombination(np.array([1.8]), 0.5, "box")[0]
    np.testing.assert_allclose(arrived, escaped * np.exp(-time / 3.0))
    found = image(deposits, np.array([120.0, 0, 0]), config)
    np.testing.assert_allclose(found.sum(axis=(0, 2, 3)), arrived.sum(), rtol=1e-5)
    assert found[1].sum() == pytest.approx(found.sum())  # all of it was left by tracks


def test_charge_from_outside_the_detector_is_not_seen() -> None:
    assert charges(spots([[-1, 0, 0], [257, 0, 0]]), Config())[0].sum() == 0


def test_where_a_spot_is_seen() -> None:
    """Wires at an angle t to the vertical count z cos t + y sin t; columns count the drift."""
    centre = np.array([100.0, 0, 0])
    shift = np.array([4.5, 9.0, 18.0]) * 0.9 + 0.45  # pixels in x, y, z, and half a one
    config = Config(diffusion_along=0.0, diffusion_across=0.0)
    found = image(spots(centre + shift), centre, config).sum(axis=0)
    _, rows, columns = np.nonzero(found)
    cosine, sine = np.cos(np.radians([60, -60, 0])), np.sin(np.radians([60, -60, 0]))
    np.testing.assert_array_equal(rows, np.floor((shift[2] * cosine + shift[1] * sine) / 0.9 + 64))
    np.testing.assert_array_equal(columns, [64 + 5] * 3)


def test_diffusion_has_the_width_that_it_must_have() -> None:
    """Of a spot in the middle of a pixel erf(w / 2 / sqrt(2) / sigma) stays there, with sigma^2 = 2 D t."""
    centre, config = np.array([200.0, 0, 0]), Config(diffusion_along=20.0, diffusion_across=0.0)
    found = image(spots(centre + 0.45), centre, config).sum(axis=(0, 1, 2))
    sigma = math.sqrt(2 * 20.0 * 200.45 / drift_velocity(0.5) / 1000)
    assert found[64] / found.sum() == pytest.approx(math.erf(0.45 / math.sqrt(2) / sigma), rel=1e-5)
    assert found[63] == pytest.approx(found[65])


def test_noise_and_threshold() -> None:
    """Without charge as many pixels are above threshold as of a Gaussian; the brightest come first."""
    rng, nothing = np.random.default_rng(1), np.zeros((5, 3, 128, 128), np.float32)
    config = Config(noise=2.0, threshold=4.0)
    counts = [len(pixels(nothing, config, rng)[0]) for _ in range(20)]
    expected = 3 * 128 * 128 * 0.02275  # above two standard deviations
    assert np.mean(counts) == pytest.approx(expected, rel=5 / np.sqrt(20 * expected))
    found, label = pixels(nothing, Config(noise=2.0, threshold=4.0, dead=0.5), rng)
    assert len(found) == pytest.approx(expected / 2, rel=0.2)
    assert len(np.unique(found[:, 0] * 128 + found[:, 1])) < 230
    assert (np.diff(found[:, 3]) <= 0).all()
    assert set(label) == {4}
    cut = pixels(nothing, Config(noise=2.0, threshold=4.0, side=64), rng)[0]
    assert cut[:, 1:3].min() >= 32
    assert cut[:, 1:3].max() < 96


def test_decays_and_boosts_keep_four_momentum() -> None:
    rng = np.random.default_rng(1)
    mother = np.array([5.0, 1.0, -2.0, 3.0])
    products = decay(mother, [0.938, 0.14, 0.14, 0.135], rng)
    np.testing.assert_allclose(np.sum(products, axis=0), mother, atol=1e-12)
    np.testing.assert_allclose([mass_of(p) for p in products], [0.938, 0.14, 0.14, 0.135], atol=1e-7)
    at_rest = np.array([mass_of(mother), 0, 0, 0])
    np.testing.assert_allclose(boosted(at_rest, mother), mother, atol=1e-12)


@pytest.mark.parametrize("label", range(3))
def test_interactions_have_the_right_lepton_and_no_energy_of_their_own(label: int) -> None:
    rng, config = np.random.default_rng(label), Config(knocked_out=0.0)
    for _ in range(300):
        event = interact(label, config, rng)
        names = [name for name, _ in event.particles]
        assert (13 in names, 11 in names) == ((True, False), (False, True), (False, False))[label]
        assert mass_of(event.lepton) == pytest.approx((0.105658, 0.000511, 0.0)[label], abs=1e-4)
        masses = {13: 0.105658, 11: 0.000511, 2212: 0.938272, 2112: 0.939565, 211: 0.13957, 22: 0.0}
        # Nucleons of the nucleus become free: only energy that moves, and mesons, come from the neutrino.
        made = sum(p[0] - masses[abs(name)] * (name in (2212, 2112)) for name, p in event.particles)
        assert made < event.energy + 0.12  # of the gas: 34 MeV for each nucleon, and its mass in the laboratory


def test_harder_axial_mass_and_less_absorption_do_what_they_say() -> None:
    def of(**config: Any) -> tuple[float, float]:
        rng = np.random.default_rng(1)
        events = [interact(2, Config(**config), rng) for _ in range(1500)]
        q2 = [2 * e.energy * (e.lepton[0] - e.lepton[3]) for e in events]
        pions = [sum(abs(name) == 211 for name, _ in e.particles) for e in events]
        return float(np.mean(q2)), float(np.mean(pions))

    nominal, hard, absorbed = of(), of(axial_mass=1.4), of(absorption=0.6)
    assert hard[0] > 1.05 * nominal[0]
    assert absorbed[1] < 0.75 * nominal[1]


def test_the_detector_s_variants_are_of_the_same_interactions() -> None:
    nominal, noisy = simulated(20), simulated(20, noise=1.8, field=0.273)
    for name in SIMULATOR.truth:
        np.testing.assert_array_equal(nominal[name], noisy[name])
    assert len(entries(noisy["pixels"])[0]) > len(entries(nominal["pixels"])[0])
    assert len(entries(simulated(20, cosmics=3.0)["pixels"])[0]) > 1.2 * len(entries(nominal["pixels"])[0])


def test_classes_differ_as_they_must() -> None:
    """Only electron neutrinos always shower; muons leave long tracks."""
    arrays = simulated(150, seed=2)
    content, offsets = entries(arrays["pixels"])
    what = entries(arrays["pixel_label"])[0]
    event = np.repeat(np.arange(150), np.diff(offsets))
    shower, track = (np.bincount(event, content[:, 3] * (what == k), 150) for k in (0, 1))
    label = arrays["label"]
    assert np.median(shower[label == 1]) > 10 * max(np.median(shower[label == 0]), 1)
    assert np.median(track[label == 0]) > 1.2 * np.median(track[label == 2])
    assert np.bincount(label, minlength=len(CLASSES)).min() > 30


def test_labels_of_pixels_are_those_of_the_nodes_in_their_order() -> None:
    """The same events as LArTPC's; of larger images the brightest pixels have labels, as they have nodes."""
    seed, config = np.random.SeedSequence(3), Config(noise=2.2, threshold=4.0)  # some 1,700 pixels of noise alone
    images, labels = simulate(6, seed, config), simulate_pixels(6, np.random.SeedSequence(3), config)
    (content, offsets), what = entries(images["pixels"]), labels["pixel_label"]
    np.testing.assert_array_equal(entries(labels["pixels"])[0], content)
    packed = graphs(labels, {}, edges=False)
    assert what.dtype == np.int8
    assert what.shape == (6, MAX_NODES)
    assert np.diff(offsets).max() > MAX_NODES
    np.testing.assert_array_equal((what >= 0).sum(axis=1), packed.sizes)
    for event, graph in enumerate(packed):
        n, here = len(graph.nodes), slice(offsets[event], offsets[event + 1])
        np.testing.assert_array_equal(what[event, :n], entries(images["pixel_label"])[0][here][:n])
        np.testing.assert_array_equal(graph.nodes, features(content[here][:n]))
    charge = np.concatenate([content[a : a + MAX_NODES, 3] for a in offsets[:-1]])
    assert np.median(charge[what[what >= 0] == LOW_ENERGY]) < 0.2 * np.median(charge[what[what >= 0] == TRACK])
    assert LArPixels.card.classes == LABELS
    assert "pixel_label" not in PIXEL_SIMULATOR.truth  # noise changes which pixels there are


def test_michel_electrons_lie_where_tracks_end() -> None:
    """Electrons of at most 53 MeV go at most 25 cm; some of their photons go further."""
    arrays = simulated(60, flux_peak=0.4)
    (content, offsets), what = entries(arrays["pixels"]), entries(arrays["pixel_label"])[0]
    away = []
    for low, high in pairwise(offsets):
        places, kinds = content[low:high, :3], what[low:high]
        for place in places[kinds == MICHEL]:
            tracks = places[(kinds == TRACK) & (places[:, 0] == place[0])]
            away.append(0.9 * np.hypot(*(tracks[:, 1:] - place[1:]).T).min(initial=np.inf))
    assert len(away) > 100
    assert np.quantile(away, 0.75) < 25


def test_features_and_graph() -> None:
    rows = np.array([[0, 0, 127, MIP], [2, 63, 64, 0.0]], np.float32)
    found = features(rows)
    np.testing.assert_allclose(found[0], [-PLANE_DISTANCE, -63.5 / 64, 63.5 / 64, np.log(2), 0], rtol=1e-6)
    np.testing.assert_allclose(found[1], [PLANE_DISTANCE, -0.5 / 64, 0.5 / 64, 0, 1], rtol=1e-6)
    for wrong in ([3, 0, 0, 1], [0, 128, 0, 1], [0, 0, 0, np.nan], [0, 0, 0, -1]):
        with pytest.raises(DataError, match="planes 0 to 2"):
            features(np.array([wrong], np.float32))
    arrays = simulated(10)
    packed = graphs(arrays, {})
    plane = packed.nodes[:, 0]
    counts = {(e, p): (g.nodes[:, 0] == p).sum() for e, g in enumerate(packed) for p in (-3, 0, 3)}
    if min(counts.values()) > 8:  # else there are not enough of the plane
        assert (plane[packed.edge_index[0]] == plane[packed.edge_index[1]]).all()
    long = ragged(np.tile(rows[:1], (MAX_NODES + 5, 1)), np.array([0, MAX_NODES + 5]))
    assert len(graphs({"pixels": long}, {}, edges=False).nodes) == MAX_NODES


def test_two_blobs_and_the_gap_between_them() -> None:
    square = [(r, c) for r in range(3) for c in range(3)]
    places = [(10 + r, 10 + c) for r, c in square] + [(10 + r, 17 + c) for r, c in square[:6]] + [(100, 100)]
    rows = np.array([[1, r, c, 10.0] for r, c in places], np.float32)
    found = summary({"pixels": ragged(rows, np.array([0, len(rows), len(rows)]))})
    assert (found["blobs_1"][0], found["gap_1"][0], found["pixels_1"][0]) == (2, 5, 16)
    assert found["largest_blob_1"][0] == pytest.approx(9 / 16)
    assert found["log_charge_1"][0] == pytest.approx(np.log(160))
    assert found["extent_1"][0] == 91
    assert all(values[1] == 0 for values in found.values())  # nothing is seen
    assert found["blobs_0"][0] == 0
