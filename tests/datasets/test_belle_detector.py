from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.belle_events import decays, seen
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.detector import KAON, OTHER, PION, Seen, see, track

pytest.importorskip("pythia8mc")

PERFECT = Config(tracking_efficiency=1.0, track_resolution=0.0, photon_efficiency=1.0, photon_resolution=0.0)


def watch(config: Config, seed: int = 3) -> Seen:
    return see(decays(), config, np.random.default_rng(seed))


def theta(p4: NDArray[np.float64]) -> NDArray[np.float64]:
    angle: NDArray[np.float64] = np.degrees(np.arctan2(np.hypot(p4[:, 1], p4[:, 2]), p4[:, 3]))
    return angle


def test_a_perfect_detector_sees_the_truth() -> None:
    d, perfect = decays(), watch(PERFECT)
    for objects in (perfect.tracks, perfect.photons, perfect.k_shorts):
        np.testing.assert_allclose(objects.p4[:, 1:], d.p4[objects.source, 1:], atol=1e-5)  # Pythia rounds masses
        event = np.repeat(np.arange(len(d)), np.diff(objects.offsets))
        assert (d.event[objects.source] == event).all()
    pions = perfect.tracks.kind == PION
    true_pions = pions & (np.abs(d.pdg_id[perfect.tracks.source]) == 211)
    np.testing.assert_allclose(
        perfect.tracks.p4[true_pions, 0], d.p4[perfect.tracks.source[true_pions], 0], atol=1e-4
    )


def test_only_the_acceptance_is_seen() -> None:
    wide, narrow = watch(PERFECT), watch(replace(PERFECT, theta_min=40.0, theta_max=100.0))
    for objects, low, high in ((wide, 17.0, 150.0), (narrow, 40.0, 100.0)):
        for p4 in (objects.tracks.p4, objects.photons.p4):
            assert low < theta(p4).min() < low + 1
            assert high - 1 < theta(p4).max() < high
    assert wide.photons.p4[:, 0].min() > 0.09


@pytest.mark.parametrize(("momentum", "mass"), [(0.2, 0.1396), (1.0, 0.1396), (1.0, 0.4937), (3.0, 0.1396)])
def test_track_resolution(momentum: float, mass: float) -> None:
    n = 20_000
    p3, found = track(np.tile([momentum, 0.0, 0.0], (n, 1)), np.full(n, mass), Config(), np.random.default_rng(1))
    pt = np.hypot(p3[:, 0], p3[:, 1])
    beta = momentum / np.hypot(momentum, mass)
    expected = np.hypot(0.001 * momentum, 0.003 / beta)
    assert np.mean(pt) == pytest.approx(momentum, rel=1e-3)
    assert np.std(pt) / momentum == pytest.approx(expected, rel=0.04)
    assert np.std(np.arctan2(p3[:, 1], p3[:, 0])) == pytest.approx(0.001, rel=0.05)
    assert np.mean(found) == pytest.approx(0.95 * (1 - np.exp(-(momentum - 0.05) / 0.06)), abs=0.01)


def test_tracks_too_soft_are_not_found() -> None:
    p3 = np.tile([0.03, 0.0, 0.0], (100, 1))
    assert not track(p3, np.full(100, 0.1396), Config(), np.random.default_rng(1))[1].any()


def test_photon_resolution() -> None:
    d, photons = decays(), seen()[0].photons
    truth = d.p4[photons.source, 0]
    for low, high in ((0.2, 0.3), (0.5, 0.8), (1.0, 2.0)):
        chosen = (truth > low) & (truth < high)
        pull = photons.p4[chosen, 0] / truth[chosen] - 1
        energy = truth[chosen].mean()
        expected = np.sqrt((0.002 / energy) ** 2 + 0.016**2 / np.sqrt(energy) + 0.012**2)
        assert np.std(pull) == pytest.approx(expected, rel=0.1)
        cosine = (photons.p4[chosen, 1:] * d.p4[photons.source[chosen], 1:]).sum(axis=1)
        angle = np.arccos(np.clip(cosine / photons.p4[chosen, 0] / truth[chosen], -1, 1))
        assert np.sqrt(np.mean(angle**2) / 2) == pytest.approx(0.004 / np.sqrt(energy), rel=0.1)


def test_identification() -> None:
    d, tracks = decays(), watch(Config(kaon_efficiency=0.8, kaon_fake_rate=0.1)).tracks
    code = np.abs(d.pdg_id[tracks.source])
    assert np.mean(tracks.kind[code == 321] == KAON) == pytest.approx(0.8, abs=0.03)
    assert np.mean(tracks.kind[code == 211] == KAON) == pytest.approx(0.1, abs=0.01)
    assert np.mean(tracks.kind[(code == 11) | (code == 13)] == OTHER) == pytest.approx(0.9, abs=0.03)
    assert set(np.unique(code)) == {11, 13, 211, 321, 2212}


def test_charges_are_those_of_the_particles() -> None:
    particle = pytest.importorskip("particle")
    d, tracks = decays(), seen()[0].tracks
    expected = [particle.PDGID(code).charge for code in d.pdg_id[tracks.source].tolist()]
    assert (tracks.charge == expected).all()


def test_k_shorts_are_pairs_of_pions_of_the_right_mass() -> None:
    d, k_shorts = decays(), seen()[0].k_shorts
    mass = np.sqrt(k_shorts.p4[:, 0] ** 2 - (k_shorts.p4[:, 1:] ** 2).sum(axis=1))
    assert mass == pytest.approx(0.4976, abs=1e-3)
    assert (d.pdg_id[k_shorts.source] == 310).all()
    made = np.sum(d.pdg_id == 310)
    assert 0.25 < len(mass) / made < 0.69  # at most the branching fraction


@pytest.mark.parametrize(
    ("kind", "config"),
    [("tracks", Config(tracking_efficiency=0.5)), ("photons", Config(photon_efficiency=0.5))],
)
def test_less_efficiency_sees_less(kind: str, config: Config) -> None:
    fewer = watch(config, seed=12)
    ratio = len(getattr(fewer, kind).source) / len(getattr(seen()[0], kind).source)
    assert ratio == pytest.approx(0.5 / 0.95, abs=0.02)
