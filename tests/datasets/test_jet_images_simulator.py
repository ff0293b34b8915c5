"""Simulated jet images: the calorimeter, how a jet becomes an image, and what both classes share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.jet_images import simulator
from pd4ml.datasets.jet_images.calorimeter import cells
from pd4ml.datasets.jet_images.card import CARD
from pd4ml.datasets.jet_images.images import images, places, subjet_distance
from pd4ml.datasets.jet_images.simulator import Config, select, simulate
from pd4ml.errors import DataError
from pd4ml.physics.jets import Jets
from pd4ml.storage.writer import check_arrays

Arrays = dict[str, NDArray[Any]]


def massless(pt: Any, y: Any, phi: Any) -> NDArray[np.float64]:
    pt, y, phi = np.broadcast_arrays(*map(np.atleast_1d, (pt, y, phi)))
    return np.stack([pt * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y)], axis=1)


def make(n_events: int, seed: int = 1, **config: Any) -> Arrays:
    """Without multiple parton interactions, which take most of the time."""
    return dict(simulate(n_events, np.random.SeedSequence(seed), Config(mpi=False, **config)))


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(60)


def test_cells_hold_the_energy_of_their_particles() -> None:
    inside = massless([3.0, 4.0, 5.0], [0.02, 0.08, -2.31], [0.01, 0.04, 3.1])
    beyond = massless([1.0], [5.05], [0.0])
    p4 = np.concatenate([inside, beyond, massless([7.0], [1.0], [-3.1])])
    found, offsets = cells(p4, np.array([0, 4, 4, 5]))
    assert offsets.tolist() == [0, 2, 2, 3]
    np.testing.assert_allclose(np.sort(found[:2, 0]), np.sort([p4[0, 0] + p4[1, 0], p4[2, 0]]))
    at = places(found)
    np.testing.assert_allclose(np.sort(at[:, 1]), [-2.35, 0.05, 1.05], atol=1e-9)
    np.testing.assert_allclose(found[:, 0], np.linalg.norm(found[:, 1:], axis=1))


def one_jet(*subjets: NDArray[np.float64]) -> tuple[NDArray[np.float64], Jets]:
    """A jet of subjets with the given cells."""
    ends = np.cumsum([0, *map(len, subjets)])
    total = np.array([s.sum(axis=0) for s in subjets])
    p4 = np.concatenate(subjets)
    return p4, Jets(total, np.zeros(len(subjets), np.int64), ends, np.arange(len(p4)))


@pytest.mark.parametrize("centre", [(0.0, 0.0), (1.3, 3.1), (-2.0, -3.1)])
@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, -2.0])
@pytest.mark.parametrize("mirrored", [1, -1])
def test_wherever_a_jet_lies_its_image_is_the_same(
    centre: tuple[float, float], angle: float, mirrored: int
) -> None:
    """The second subjet 0.6 from the first, the third off to one side; turned, moved and mirrored."""
    offsets = np.array([[0.0, 0.0], [0.6, 0.0], [0.2, 0.41 * mirrored]])
    turned = offsets @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    y, phi = (np.array(centre) + turned).T
    p4, subjets = one_jet(*(massless(pt, a, b) for pt, a, b in zip((150, 80, 30), y, phi, strict=True)))
    (image,) = images(p4, subjets, 1, 0.1, True)
    expected = np.zeros((25, 25))
    expected[12, 12], expected[12 - 6, 12], expected[12 - 2, 12 + 4] = 150, 80, 30
    np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-9)
    assert subjet_distance(subjets, 1)[0] == pytest.approx(0.6)


def test_without_rotation_images_are_only_moved() -> None:
    p4, subjets = one_jet(massless(150, 1.0, 2.0), massless(80, 1.3, 2.5))
    (image,) = images(p4, subjets, 1, 0.1, False)
    assert image[12, 12] == pytest.approx(150)
    assert image[12 + 5, 12 + 3] == pytest.approx(80)
    assert images(p4, subjets, 1, 0.02, False).sum() == pytest.approx(150), "the second lies outside"


@pytest.mark.parametrize("side", [1, -1])
def test_of_two_subjets_the_larger_sum_is_on_the_right(side: int) -> None:
    first = np.concatenate([massless(200, 0.0, 0.0), massless(20, side * 0.21, 0.02)])
    p4, subjets = one_jet(first, massless(50, 0.0, 0.6))
    (image,) = images(p4, subjets, 1, 0.1, True)
    assert image[:, 13:].sum() > image[:, :12].sum()


def test_one_subjet_has_the_longer_tail_of_its_axis_below() -> None:
    p4, subjets = one_jet(massless([100, 30, 5], [0.0, 0.3, -0.3], [0.0, 0.3, -0.3]))
    (image,) = images(p4, subjets, 1, 0.1, True)
    row = np.indices(image.shape)[0]
    assert image.sum() == pytest.approx(135, rel=1e-5)
    assert (image * row).sum() / image.sum() == pytest.approx(12, abs=0.5)
    assert image[:10].sum() == pytest.approx(30, rel=1e-5)
    assert subjet_distance(subjets, 1)[0] == 0


def test_the_leading_jet_is_trimmed_before_it_is_cut() -> None:
    w = [massless(180, 0.0, 0.0), massless(95, 0.0, 0.6), massless(5, 0.5, 0.3)]  # the last is trimmed away
    softer = massless(240, 2.5, 3.0)
    events = [np.concatenate([softer, *w]), softer, np.concatenate([massless(400, -2.0, 3.0), *w])]
    offsets = np.cumsum([0, *map(len, events)])
    found = select(np.concatenate(events), offsets, Config())
    assert found["event_id"].tolist() == [0], "in the third another jet leads"
    total = (w[0] + w[1])[0]
    mass = np.sqrt(total[0] ** 2 - (total[1:] ** 2).sum())
    assert found["mass"][0] == pytest.approx(mass, rel=1e-5)
    assert found["pt"][0] == pytest.approx(np.hypot(*total[1:3]), rel=1e-5)
    assert found["image"].sum() == pytest.approx(275, rel=1e-5)
    assert found["tau21"][0] == pytest.approx(0, abs=1e-6)
    assert found["delta_r"][0] == pytest.approx(0.6)


def test_jets_are_in_the_window_and_their_images_hold_them(batch: Arrays) -> None:
    check_arrays(CARD, batch, 60)
    assert 250 <= batch["pt"].min() <= batch["pt"].max() <= 300
    assert 65 <= batch["mass"].min() <= batch["mass"].max() <= 95
    assert len(np.unique(batch["event_id"])) == 60
    assert (batch["delta_r"] > 0.2).all()
    image = batch["image"]
    # The sum of the pixels is above the pT of the sum by what the opening takes, some per cent.
    ratio = image.sum(axis=(1, 2)) / batch["pt"]
    assert 1.0 <= ratio.min() <= np.median(ratio) < 1.1
    assert (image[:, :12].sum(axis=(1, 2)) > image[:, 13:].sum(axis=(1, 2))).mean() > 0.95


def test_w_jets_have_their_mass_and_two_prongs(batch: Arrays) -> None:
    w, qcd = (batch["label"] == k for k in (1, 0))
    assert np.median(batch["mass"][w]) == pytest.approx(80, abs=2.5)
    assert np.median(batch["tau21"][w]) < np.median(batch["tau21"][qcd]) - 0.1


@pytest.mark.parametrize("n_events", [1, 2, 7, 40])
def test_both_classes_have_the_same_pt(n_events: int) -> None:
    found = make(n_events, seed=n_events)
    counts = [np.histogram(found["pt"][found["label"] == k], np.linspace(250, 300, 6))[0] for k in (0, 1)]
    assert abs(counts[0] - counts[1]).sum() == n_events % 2


def test_unmatched_jets_come_with_their_own_pt(batch: Arrays) -> None:
    free = make(60, match_pt=False)
    w, qcd = (np.sort(batch["pt"][batch["label"] == k]) for k in (1, 0))
    np.testing.assert_array_equal(np.sort(free["pt"][free["label"] == 1]), w)
    assert not np.array_equal(np.sort(free["pt"][free["label"] == 0]), qcd)
    edges = np.linspace(250, 300, 6)
    assert not np.array_equal(np.histogram(free["pt"][free["label"] == 0], edges)[0], np.histogram(w, edges)[0])


def test_normalised_images_are_the_same_over_their_norm(batch: Arrays) -> None:
    normalised = make(60, normalise=True)
    np.testing.assert_array_equal(normalised["mass"], batch["mass"])
    np.testing.assert_allclose(np.square(normalised["image"]).sum(axis=(1, 2)), 1, rtol=1e-5)
    share = batch["image"] / batch["image"].sum(axis=(1, 2), keepdims=True)
    again = normalised["image"] / normalised["image"].sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(again, share, rtol=1e-4, atol=1e-7)


def test_a_window_without_jets_ends_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "_MAX_EVENTS_PER_JET", 10)
    with pytest.raises(DataError, match=r"only 0 QCD jets .* choose another window or range of pTHat"):
        make(4, pthat_min=50.0, pthat_max=60.0)
    with pytest.raises(DataError, match="pt_max must not be below pt_min, found 200 and 250"):
        Config(pt_max=200.0)
