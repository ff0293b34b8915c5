"""Substructure of jets, against FastJet's contribs and against jets whose numbers are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.physics.substructure import substructure

Floats = NDArray[np.float64]
RADIUS = 0.8


def p4_of(pt: Floats, eta: Floats, phi: Floats, mass: float = 0.0) -> Floats:
    pz = pt * np.sinh(eta)
    return np.stack([np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2), pt * np.cos(phi), pt * np.sin(phi), pz], axis=1)


def random_jets(seed: int, mass: float = 0.139570) -> tuple[Floats, NDArray[np.int64]]:
    """Jets of one to three prongs, of 1 to 150 constituents, some across phi = pi."""
    rng = np.random.default_rng(seed)
    sizes = np.array([1, 2, 3, 17, 60, 150])
    parts = []
    for n in sizes:
        prongs = rng.normal(0, 0.3, (3, 2))[rng.integers(0, rng.integers(1, 4), n)]
        place = prongs + rng.normal(0, 0.08, (n, 2)) + [rng.uniform(-2, 2), np.pi]
        parts.append(p4_of(rng.exponential(10, n) + 0.1, place[:, 0], place[:, 1], mass))
    return np.concatenate(parts), np.concatenate([[0], np.cumsum(sizes)])


@pytest.mark.parametrize("seed", range(5))
def test_fastjet_gives_the_same(seed: int) -> None:
    fastjet, ak = pytest.importorskip("fastjet"), pytest.importorskip("awkward")
    p4, offsets = random_jets(seed)
    columns = [ak.contents.NumpyArray(np.ascontiguousarray(p4[:, i])) for i in (1, 2, 3, 0)]
    record = ak.contents.RecordArray(columns, ["px", "py", "pz", "E"])
    events = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
    sequence = fastjet.ClusterSequence(events, fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0))
    dropped = sequence.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=0.1, R0=RADIUS)
    tau = ak.to_numpy(sequence.njettiness(njets=[1, 2], axes_definition="KT_Axes", beta=1.0, R0=RADIUS))
    found = substructure(p4, offsets, RADIUS)
    np.testing.assert_allclose(found.groomed_mass, ak.to_numpy(dropped.msoftdrop), rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(found.tau21[1:], tau[1:, 1] / tau[1:, 0], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(found.multiplicity, np.diff(offsets))


def test_two_prongs_have_no_tau2_and_the_mass_of_their_angle() -> None:
    pt, distance = np.array([300.0, 200.0]), 0.5
    p4 = p4_of(pt, np.array([0.1, 0.1 + distance]), np.array([1.0, 1.0]))
    found = substructure(p4, np.array([0, 2]), RADIUS)
    mass = np.sqrt(2 * pt[0] * pt[1] * (np.cosh(distance) - 1))
    np.testing.assert_allclose(found.mass, mass, rtol=1e-9)
    np.testing.assert_allclose(found.groomed_mass, mass, rtol=1e-9)
    np.testing.assert_allclose(found.pt, 500)
    np.testing.assert_allclose(found.tau21, 0, atol=1e-9)
    # The axis of the sum lies by about z of the distance from the harder prong.
    np.testing.assert_allclose(found.width, 2 * 0.6 * 0.4 * distance, rtol=0.02)


@pytest.mark.parametrize(("share", "kept"), [(0.08, False), (0.12, True)])
def test_soft_drop_takes_away_what_carries_less_than_a_tenth(share: float, kept: bool) -> None:
    """A narrow pair, W-like, and one soft emission at the jet's edge."""
    pt = np.array([250.0, 250.0, 500 * share / (1 - share)])
    p4 = p4_of(pt, np.array([0.0, 0.3, 0.15]), np.array([0.0, 0.0, 0.7]))
    found = substructure(p4, np.array([0, 3]), RADIUS)
    pair = np.sqrt(2 * 250.0**2 * (np.cosh(0.3) - 1))
    wanted = found.mass[0] if kept else pair
    np.testing.assert_allclose(found.groomed_mass[0], wanted, rtol=1e-9)
    assert found.mass[0] > pair + 5


def test_nothing_depends_on_the_order_or_on_where_the_jet_lies() -> None:
    p4, offsets = random_jets(9, mass=0.0)
    rng = np.random.default_rng(1)
    mixed = np.concatenate([rng.permutation(p4[a:b]) for a, b in itertools.pairwise(offsets)])
    boost, angle = 0.7, 2.0
    moved = mixed.copy()
    moved[:, 0] = np.cosh(boost) * mixed[:, 0] + np.sinh(boost) * mixed[:, 3]
    moved[:, 3] = np.sinh(boost) * mixed[:, 0] + np.cosh(boost) * mixed[:, 3]
    moved[:, 1] = np.cos(angle) * mixed[:, 1] - np.sin(angle) * mixed[:, 2]
    moved[:, 2] = np.sin(angle) * mixed[:, 1] + np.cos(angle) * mixed[:, 2]
    one, other = substructure(p4, offsets, RADIUS), substructure(moved, offsets, RADIUS)
    for name in ("pt", "mass", "width", "tau21", "groomed_mass"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=2e-5)


def test_one_constituent_is_a_jet() -> None:
    found = substructure(p4_of(np.array([50.0]), np.array([1.0]), np.array([2.0]), 0.5), np.array([0, 1]), RADIUS)
    np.testing.assert_allclose([*found.pt, *found.mass, *found.groomed_mass], [50, 0.5, 0.5], rtol=1e-6)
    assert found.tau21[0] == 0
    assert found.width[0] == pytest.approx(0, abs=1e-9)
    assert substructure(np.empty((0, 4)), np.zeros(1, np.int64), RADIUS).pt.shape == (0,)
