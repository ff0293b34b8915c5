from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.belle_events import decays
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.detector import HYPOTHESES, Seen, see, track

pytest.importorskip("pythia8mc")

QUIET = Config(background_photons=0.0, background_tracks=0.0)
PERFECT = replace(
    QUIET, tracking_efficiency=1.0, track_resolution=0.0, photon_efficiency=1.0, photon_resolution=0.0
)


def watch(config: Config, seed: int = 3) -> Seen:
    return see(decays(), config, np.random.default_rng(seed))


def theta(p3: NDArray[np.float64]) -> NDArray[np.float64]:
    angle: NDArray[np.float64] = np.degrees(np.arctan2(np.hypot(p3[:, 0], p3[:, 1]), p3[:, 2]))
    return angle


def test_a_perfect_detector_sees_the_truth() -> None:
    d, perfect = decays(), watch(PERFECT)
    for objects in (perfect.tracks, perfect.photons):
        np.testing.assert_allclose(objects.p3, d.p4[objects.source, 1:], atol=1e-5)  # Pythia rounds masses
        event = np.repeat(np.arange(len(d)), np.diff(objects.offsets))
        assert (d.event[objects.source] == event).all()


def test_only_the_acceptance_is_seen() -> None:
    wide, narrow = watch(PERFECT), watch(replace(PERFECT, theta_min=40.0, theta_max=100.0))
    for objects, low, high in ((wide, 17.0, 150.0), (narrow, 40.0, 100.0)):
        for p3 in (objects.tracks.p3, objects.photons.p3):
            assert low < theta(p3).min() < low + 1
            assert high - 1 < theta(p3).max() < high
    assert np.linalg.norm(wide.photons.p3, axis=1).min() > 0.09


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
    d, photons = decays(), watch(QUIET).photons
    measured = np.linalg.norm(photons.p3, axis=1)
    truth = d.p4[photons.source, 0]
    for low, high in ((0.2, 0.3), (0.5, 0.8), (1.0, 2.0)):
        chosen = (truth > low) & (truth < high)
        pull = measured[chosen] / truth[chosen] - 1
        energy = truth[chosen].mean()
        expected = np.sqrt((0.002 / energy) ** 2 + 0.016**2 / np.sqrt(energy) + 0.012**2)
        assert np.std(pull) == pytest.approx(expected, rel=0.1)
        cosine = (photons.p3[chosen] * d.p4[photons.source[chosen], 1:]).sum(axis=1)
        angle = np.arccos(np.clip(cosine / measured[chosen] / truth[chosen], -1, 1))
        assert np.sqrt(np.mean(angle**2) / 2) == pytest.approx(0.004 / np.sqrt(energy), rel=0.1)


def test_identification() -> None:
    d, tracks = decays(), watch(replace(QUIET, identification=3.0)).tracks
    code = np.abs(d.pdg_id[tracks.source])
    assert set(np.unique(code)) == set(HYPOTHESES)
    np.testing.assert_allclose(tracks.probability.sum(axis=1), 1)
    for i, kind in enumerate(HYPOTHESES):
        # Their sum is the number of tracks of that kind, as far as the rough prior is right.
        assert tracks.probability[:, i].sum() == pytest.approx(np.sum(code == kind), rel=0.5)
    likeliest = np.array(HYPOTHESES)[tracks.probability.argmax(axis=1)]
    assert np.mean(likeliest[code == 321] == 321) > 0.8
    assert np.mean(likeliest[code == 211] == 321) < 0.05
    worse = watch(replace(QUIET, identification=1.0)).tracks
    assert worse.probability[code == 321, 3].mean() < tracks.probability[code == 321, 3].mean() - 0.2


def test_charges_are_those_of_the_particles() -> None:
    particle = pytest.importorskip("particle")
    d, tracks = decays(), watch(QUIET).tracks
    expected = [particle.PDGID(code).charge for code in d.pdg_id[tracks.source].tolist()]
    assert (tracks.charge == expected).all()


def test_daughters_of_k_shorts_miss_the_beams() -> None:
    d, tracks = decays(), watch(PERFECT).tracks
    mother = d.pdg_id[d.mother[tracks.source] + d.offsets[d.event[tracks.source]]]
    from_k_short = mother == 310
    assert from_k_short.sum() / np.sum(d.pdg_id == 310) > 0.6  # of 1.38
    d0 = np.abs(tracks.impact[:, 0])
    assert np.median(d0[from_k_short]) > 0.2  # cm
    assert np.median(d0[np.isin(np.abs(mother), [511, 413, 421, 411])]) < 0.02
    assert np.hypot(*d.vertex[tracks.source, 1:3].T).max() < 40


def test_background_is_what_is_asked_for() -> None:
    noisy = watch(replace(QUIET, background_photons=3.0, background_tracks=0.5))
    n = len(decays())
    assert np.mean(noisy.tracks.source < 0) * len(noisy.tracks.source) / n == pytest.approx(0.5, abs=0.06)
    photons = noisy.photons.source < 0  # those above the thresholds
    assert 0.5 < photons.sum() / n < 3
    assert np.linalg.norm(noisy.photons.p3[photons], axis=1).mean() < 0.25


@pytest.mark.parametrize(
    ("kind", "config"),
    [("tracks", replace(QUIET, tracking_efficiency=0.5)), ("photons", replace(QUIET, photon_efficiency=0.5))],
)
def test_less_efficiency_sees_less(kind: str, config: Config) -> None:
    fewer = watch(config, seed=12)
    ratio = len(getattr(fewer, kind).source) / len(getattr(watch(QUIET), kind).source)
    assert ratio == pytest.approx(0.5 / 0.95, abs=0.02)
