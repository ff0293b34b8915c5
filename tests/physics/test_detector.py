import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd4ml.physics import detector
from pd4ml.physics.detector import NEUTRAL_HADRON, PHOTON, TRACK, EnergyFlow, detector_response
from pd4ml.physics.kinematics import delta_phi, pt_eta_phi_mass
from pd4ml.physics.pythia import Particles

PION, KAON_SHORT, NEUTRON, GAMMA, ELECTRON, MUON = 211, 310, 2112, 22, 11, 13
N = 20_000


def alone(pdg_id: int, energy: float, eta: float, n: int = N) -> Particles:
    """``n`` events of one massless particle each, all at the same place of the calorimeter."""
    pt = energy / math.cosh(eta)
    p4 = np.tile([energy, pt * math.cos(0.4), pt * math.sin(0.4), pt * math.sinh(eta)], (n, 1))
    return Particles(np.arange(n + 1), np.full(n, pdg_id, dtype=np.int32), p4)


def respond(particles: Particles, seed: int = 1) -> EnergyFlow:
    return detector_response(particles, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("pdg_id", "pt", "eta", "efficiency"),
    [
        (PION, 0.09, 0.1, 0.0),
        (PION, 0.5, 1.0, 0.70),
        (-PION, 5.0, -1.0, 0.95),
        (PION, 0.5, 2.0, 0.60),
        (PION, 5.0, -2.0, 0.85),
        (PION, 50.0, 2.6, 0.0),
        (ELECTRON, 0.5, 1.0, 0.73),
        (ELECTRON, 20.0, 1.0, 0.95),
        (-ELECTRON, 200.0, 1.0, 0.99),
        (ELECTRON, 0.5, 2.0, 0.50),
        (ELECTRON, 20.0, 2.0, 0.83),
        (ELECTRON, 200.0, -2.0, 0.90),
        (MUON, 0.5, 1.0, 0.75),
        (MUON, 20.0, 1.0, 0.99),
        (-MUON, 0.5, 2.0, 0.70),
        (MUON, 20.0, 2.0, 0.98),
        (GAMMA, 20.0, 1.0, 0.0),
    ],
)
def test_tracks_are_found_with_the_efficiency_of_the_card(
    pdg_id: int, pt: float, eta: float, efficiency: float
) -> None:
    flow = respond(alone(pdg_id, pt * math.cosh(eta), eta))
    spread = math.sqrt(efficiency * (1 - efficiency) / N)
    assert np.count_nonzero(flow.kind == TRACK) / N == pytest.approx(efficiency, abs=5 * spread)


@pytest.mark.parametrize(
    ("pdg_id", "pt", "eta", "constant", "slope"),
    [
        (PION, 10.0, 0.2, 0.06, 1.3e-3),
        (PION, 300.0, 1.0, 0.10, 1.7e-3),
        (PION, 10.0, -2.0, 0.25, 3.1e-3),
        (ELECTRON, 30.0, 1.0, 0.05, 1.7e-3),
        (MUON, 100.0, 2.0, 0.025, 3.5e-4),
    ],
)
def test_tracks_are_smeared_as_configured(
    pdg_id: int, pt: float, eta: float, constant: float, slope: float
) -> None:
    flow = respond(alone(pdg_id, pt * math.cosh(eta), eta))
    measured, directions, *_ = pt_eta_phi_mass(flow.p4[flow.kind == TRACK])
    resolution = math.hypot(constant, slope * pt)
    assert measured.mean() == pytest.approx(pt, rel=5 * resolution / math.sqrt(len(measured)))
    assert measured.std() / pt == pytest.approx(resolution, rel=0.08)
    np.testing.assert_allclose(directions, eta)  # only the size of a momentum is smeared


@pytest.mark.parametrize(
    ("pdg_id", "kind", "energy", "eta", "sigma"),
    [
        (GAMMA, PHOTON, 50.0, 0.3, math.sqrt((0.0017 * 50) ** 2 + 0.101**2 * 50)),
        (GAMMA, PHOTON, 400.0, -2.2, math.sqrt((0.0017 * 400) ** 2 + 0.101**2 * 400)),
        (NEUTRON, NEUTRAL_HADRON, 80.0, 0.3, math.sqrt((0.0302 * 80) ** 2 + 0.5205**2 * 80 + 1.59**2)),
        (NEUTRON, NEUTRAL_HADRON, 80.0, -2.2, math.sqrt((0.05 * 80) ** 2 + 0.706**2 * 80)),
        (-PION, NEUTRAL_HADRON, 400.0, 2.9, math.sqrt((0.05 * 400) ** 2 + 0.706**2 * 400)),
    ],
)
def test_towers_are_smeared_as_configured(pdg_id: int, kind: int, energy: float, eta: float, sigma: float) -> None:
    flow = respond(alone(pdg_id, energy, eta))
    assert (flow.kind == kind).all()
    measured = flow.p4[:, 0]
    assert len(measured) == N
    assert measured.mean() == pytest.approx(energy, abs=5 * sigma / math.sqrt(N))
    assert measured.std() == pytest.approx(sigma, rel=0.05)


def test_kaons_share_their_energy_between_the_calorimeters() -> None:
    flow = respond(alone(KAON_SHORT, 200.0, 0.3))
    assert flow.p4[flow.kind == PHOTON, 0].mean() == pytest.approx(60, rel=0.01)
    assert flow.p4[flow.kind == NEUTRAL_HADRON, 0].mean() == pytest.approx(140, rel=0.01)


@pytest.mark.parametrize(("pdg_id", "threshold"), [(GAMMA, 0.5), (NEUTRON, 1.0)])
def test_faint_towers_are_dropped(pdg_id: int, threshold: float) -> None:
    energy = respond(alone(pdg_id, 1.0, 2.2)).p4[:, 0]
    assert energy.min() >= threshold
    sigma = [detector.tower_resolution(pdg_id == GAMMA, e, 2.2) for e in energy]
    assert (energy >= 2 * np.array(sigma)).all()


def test_muons_leave_tracks_only() -> None:
    flow = respond(alone(MUON, 100.0, 1.0))
    assert (flow.kind == TRACK).all()


def test_an_electron_is_not_counted_twice() -> None:
    flow = respond(alone(ELECTRON, 50.0, 0.2))
    total = np.bincount(np.repeat(np.arange(N), np.diff(flow.offsets)), flow.p4[:, 0], N)
    assert total.mean() == pytest.approx(50, rel=0.03)


def test_a_photon_beside_a_track_is_the_excess_of_its_tower() -> None:
    photon = alone(GAMMA, 30.0, 0.3)
    # The electron is so stiff that it hits the tower of the photon.
    electron = alone(ELECTRON, 400.0, 0.3)
    p4 = np.stack([electron.p4, photon.p4], axis=1).reshape(-1, 4)
    pdg_id = np.tile(np.array([ELECTRON, GAMMA], dtype=np.int32), N)
    flow = respond(Particles(np.arange(0, 2 * N + 1, 2), pdg_id, p4))
    event = np.repeat(np.arange(N), np.diff(flow.offsets))
    both = np.flatnonzero((event[1:] == event[:-1]) & (flow.kind[:-1] == TRACK) & (flow.kind[1:] == PHOTON))
    assert both.size > N / 3
    together = flow.p4[both, 0] + flow.p4[both + 1, 0]
    # Where the tower exceeds the track, the two add up to what the tower measured.
    assert together.mean() == pytest.approx(430, rel=0.02)
    assert together.std() == pytest.approx(detector.tower_resolution(True, 430.0, 0.3), rel=0.1)


def test_objects_are_massless_and_lie_in_their_tower() -> None:
    flow = respond(alone(GAMMA, 50.0, 0.3))
    _, eta, phi, _ = pt_eta_phi_mass(flow.p4)
    centre, phi_centre, width, phi_width = detector.tower_bounds(detector.tower_number(True, 0.3, 0.4))
    assert np.ptp(eta) == pytest.approx(width, rel=0.01)  # smeared over the whole tower
    assert np.abs(eta - centre).max() <= width / 2 + 1e-9
    assert np.abs(phi - phi_centre).max() <= phi_width / 2 + 1e-9
    np.testing.assert_allclose(np.linalg.norm(flow.p4[:, 1:], axis=1), flow.p4[:, 0])


@given(st.booleans(), st.floats(-3.19, 3.19), st.floats(-20, 20))
def test_a_point_lies_in_the_tower_it_is_counted_in(is_ecal: bool, eta: float, phi: float) -> None:
    tower = detector.tower_number(is_ecal, eta, phi)
    if is_ecal and abs(eta) >= 2.958:
        assert tower == -1
        return
    assert (tower < detector._N_ECAL) == is_ecal
    centre, phi_centre, width, phi_width = detector.tower_bounds(tower)
    assert abs(eta - centre) <= width / 2 + 1e-9
    assert abs(delta_phi(phi, phi_centre)) <= phi_width / 2 + 1e-9
    assert detector.tower_number(is_ecal, centre, phi_centre) == tower


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 50), st.floats(-2.4, 2.4), st.floats(-3, 3), st.sampled_from([-1, 1]))
def test_the_helix_ends_where_small_steps_end(pt: float, eta: float, phi: float, q: int) -> None:
    radius = pt / (0.299792458 * 2.0)
    slope = math.sinh(eta)
    # A track that turns more than once crosses the field for long: only its end in z matters then.
    longest = 3.51 / max(abs(slope), 1e-3)
    path = np.linspace(0, min(longest, 2 * math.pi * radius + 2.0, 40.0), 40_001)
    # The Lorentz force turns a positive charge clockwise in a field along +z.
    angle = phi - q * path / radius
    x = np.cumsum(np.cos(angle)) * path[1]
    y = np.cumsum(np.sin(angle)) * path[1]
    outside = np.flatnonzero(np.hypot(x, y) >= 1.15)
    found_eta, found_phi = detector.calorimeter_position(pt, eta, phi, q)
    if outside.size:
        k = outside[0]
    elif path[-1] == longest and abs(slope) > 1e-3:
        k = path.size - 1
    else:
        return  # turns in the barrel for longer than followed here
    distance = math.hypot(x[k], y[k])
    if distance < 0.01:
        return  # back at the beam, where a direction means little
    assert found_eta == pytest.approx(math.asinh(path[k] * slope / distance), rel=1e-2, abs=1e-2)
    assert delta_phi(found_phi, math.atan2(y[k], x[k])) == pytest.approx(0, abs=1e-2)


def test_neutral_and_stiff_particles_fly_straight() -> None:
    assert detector.calorimeter_position(1.0, 0.7, 0.4, 0) == (0.7, 0.4)
    assert detector.calorimeter_position(1e9, 0.7, 0.4, 1) == pytest.approx((0.7, 0.4), abs=1e-6)
    assert detector.calorimeter_position(0.1, 0.0, 0.4, 1)[0] == math.inf  # never leaves the tracker


def test_the_response_depends_on_the_generator_only() -> None:
    particles = alone(PION, 20.0, 0.8, n=500)
    first, again, other = respond(particles, 3), respond(particles, 3), respond(particles, 4)
    assert first.p4.tobytes() == again.p4.tobytes()
    assert first.p4.tobytes() != other.p4.tobytes()
