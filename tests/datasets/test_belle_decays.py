import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.belle_events import decays
from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.datasets.belle.decays import DecayGenerator, boost

pytest.importorskip("pythia8mc")
particle = pytest.importorskip("particle")

C = 29.9792458  # cm / ns


def mothers() -> np.ndarray:
    """(M,) the mother of each particle among all, -1 for none."""
    d = decays()
    return np.where(d.mother < 0, -1, d.mother + d.offsets[d.event])


def test_events_have_about_forty_particles() -> None:
    sizes = np.diff(decays().offsets)
    assert sizes.mean() == pytest.approx(41, abs=2)
    assert sizes.max() < 110


def test_mother_indices_form_one_tree_and_point_backwards() -> None:
    d = decays()
    place = np.arange(len(d.pdg_id)) - d.offsets[d.event]
    assert (d.mother < place).all()
    assert ((d.mother == -1) == (place == 0)).all()
    assert (d.pdg_id[d.offsets[:-1]] == 300553).all()
    assert (np.abs(d.pdg_id[d.offsets[:-1, None] + [1, 2]]) == 511).all()
    assert (d.final == ~np.isin(np.arange(len(d.pdg_id)), mothers())).all()


def test_four_momentum_and_charge_are_conserved_at_every_decay() -> None:
    d, up = decays(), mothers()
    daughter = up >= 0
    p4 = np.zeros_like(d.p4)
    np.add.at(p4, up[daughter], d.p4[daughter])
    np.testing.assert_allclose(p4[~d.final], d.p4[~d.final], atol=1e-9)
    three_charge = {code: particle.PDGID(code).three_charge for code in np.unique(d.pdg_id).tolist()}
    charge = np.array([three_charge[code] for code in d.pdg_id.tolist()])
    total = np.bincount(up[daughter], charge[daughter], len(charge))
    assert (total[~d.final] == charge[~d.final]).all()


def test_a_production_vertex_is_where_and_when_the_mother_decays() -> None:
    d, up = decays(), mothers()
    daughter = np.flatnonzero(up >= 0)
    flight = d.vertex[daughter] - d.vertex[up[daughter]]
    velocity = d.p4[up[daughter], 1:] / d.p4[up[daughter], :1]
    np.testing.assert_allclose(flight[:, 1:], C * flight[:, :1] * velocity, atol=1e-9)
    assert (flight[:, 0] >= -1e-12).all()
    decay = np.full((len(up), 4), np.nan)
    decay[up[daughter]] = d.vertex[daughter]
    np.testing.assert_array_equal(decay[up[daughter]], d.vertex[daughter])  # all daughters together


@pytest.mark.parametrize("code", [511, 411, 421, 431, 15, 4122, 310, 3122])
def test_flight_lengths_follow_gamma_beta_c_tau(code: int) -> None:
    d, up = decays(), mothers()
    chosen = np.flatnonzero((np.abs(d.pdg_id) == code) & ~d.final)
    first = np.full(len(up), -1)
    first[up[up >= 0]] = np.flatnonzero(up >= 0)
    flight = np.linalg.norm(d.vertex[first[chosen], 1:] - d.vertex[chosen, 1:], axis=1)
    momentum = np.linalg.norm(d.p4[chosen, 1:], axis=1)
    mass = np.sqrt(d.p4[chosen, 0] ** 2 - momentum**2)
    c_tau = flight / (momentum / mass)
    expected = particle.Particle.from_pdgid(code).ctau / 10  # cm
    n = len(chosen)
    assert n > 100
    # Within 4 standard errors and the few per cent by which Pythia's table is older than the package's.
    assert c_tau.mean() == pytest.approx(expected, rel=4 / np.sqrt(n) + 0.05)
    assert np.median(c_tau) == pytest.approx(np.log(2) * expected, rel=5 / np.sqrt(n) + 0.05)


def test_no_quarks_are_left() -> None:
    code = np.abs(decays().pdg_id)
    assert not np.isin(code, [*range(1, 7), 21, 81, 82, 83, 91, 92, 93]).any()
    assert not ((code > 1000) & (code < 10_000) & (code // 10 % 10 == 0)).any()  # diquarks
    assert 0 < 3000 - len(decays()) < 15


def test_what_lives_long_is_final_and_nothing_else() -> None:
    d = decays()
    stable = {11, 12, 13, 14, 16, 22, 130, 211, 321, 2112, 2212}
    assert set(np.abs(d.pdg_id[d.final]).tolist()) <= stable
    assert not set(np.abs(d.pdg_id[~d.final]).tolist()) & stable
    c_tau = [particle.Particle.from_pdgid(code).ctau for code in stable]
    assert min(c for c in c_tau if c is not None) > 1000  # mm


def test_the_frame_is_that_of_the_laboratory() -> None:
    d, config = decays(), Config()
    upsilon = d.p4[d.offsets[:-1]]
    assert upsilon[:, 0].mean() == pytest.approx(11.007, abs=0.002)
    assert upsilon[:, 1].mean() == pytest.approx(11.007 * np.sin(0.0415), abs=0.001)
    assert upsilon[:, 3].mean() == pytest.approx(3.007 * np.cos(0.0415), abs=0.001)
    mass = np.sqrt(upsilon[:, 0] ** 2 - (upsilon[:, 1:] ** 2).sum(axis=1))
    assert mass.mean() == pytest.approx(config.cm_energy, abs=0.001)
    assert config.cm_energy == pytest.approx(10.5794, abs=0.001)  # the Upsilon(4S)
    b = d.p4[d.offsets[:-1] + 1]
    assert np.sqrt(b[:, 0] ** 2 - (b[:, 1:] ** 2).sum(axis=1)) == pytest.approx(B_MASS, abs=1e-6)


def test_b_mesons_prefer_to_leave_across_the_beams() -> None:
    d = decays()
    beams = np.array(Config().beams)
    velocity = -beams.sum(axis=0)[1:] / beams[:, 0].sum()
    axis, b = boost(beams[:1], velocity)[0, 1:], boost(d.p4[d.offsets[:-1] + 1], velocity)[:, 1:]
    cosine = b @ axis / np.linalg.norm(axis) / np.linalg.norm(b, axis=1)
    assert np.mean(cosine**2) == pytest.approx(0.2, abs=4 * 0.17 / np.sqrt(len(d)))  # 1 - cos^2: 1/5, not 1/3
    assert np.mean(cosine) == pytest.approx(0, abs=4 * 0.45 / np.sqrt(len(d)))


def test_the_two_b_oscillate_together() -> None:
    d = decays()
    first, second = d.pdg_id[d.offsets[:-1] + 1], d.pdg_id[d.offsets[:-1] + 2]
    x = 0.5069 * 1.517
    mixed = x**2 / (2 * (1 + x**2))
    error = np.sqrt(mixed * (1 - mixed) / len(d))
    assert np.mean(first == second) == pytest.approx(mixed, abs=4 * error)


def test_events_lie_in_the_published_ranges() -> None:
    d = decays()
    # Published: px, py within +-2.7, pz from -2 to 3.5 GeV, in fewer events.
    assert 2.3 < np.abs(d.p4[:, 1:3]).max() < 3.0
    assert -2.3 < d.p4[:, 3].min() < -1.5
    assert 3.0 < d.p4[:, 3].max() < 3.8
    b = d.p4[np.abs(d.pdg_id) == 511, 0]
    assert 5.25 < b.min() < b.max() < 5.75


def test_other_beams_make_another_boost() -> None:
    config = Config(electron_energy=8.0, positron_energy=3.5, crossing_angle=0.022)
    d = DecayGenerator(config, 1, np.random.default_rng(1))(50)
    assert d.p4[d.offsets[:-1], 3].mean() == pytest.approx(4.5, abs=0.01)


numbers = st.floats(-3, 3)


@given(st.tuples(numbers, numbers, numbers), st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_boosts_keep_masses_and_can_be_undone(p: tuple[float, ...], velocity: tuple[float, ...]) -> None:
    p4 = np.array([[np.sqrt(1 + np.dot(p, p)), *p]])
    moved = boost(p4, np.array(velocity))
    assert moved[0, 0] ** 2 - moved[0, 1:] @ moved[0, 1:] == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(boost(moved, -np.array(velocity)), p4, atol=1e-9)
    rest = boost(np.array([[1.0, 0, 0, 0]]), np.array(velocity))
    np.testing.assert_allclose(rest[0, 1:] / rest[0, 0], velocity, atol=1e-12)
