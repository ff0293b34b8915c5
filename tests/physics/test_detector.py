"""The detectors of `pd4ml.physics.detector_card`, particle by particle, against their numbers."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd4ml.physics import detector
from pd4ml.physics.detector import NEUTRAL_HADRON, PHOTON, TRACK, EnergyFlow, detector_response
from pd4ml.physics.detector_card import DETECTORS
from pd4ml.physics.detector_tables import Tables, tables
from pd4ml.physics.kinematics import delta_phi, pt_eta_phi_mass
from pd4ml.physics.pythia import Particles

PION, KAON_SHORT, NEUTRON, GAMMA, ELECTRON, MUON = 211, 310, 2112, 22, 11, 13
ECAL, HCAL = 0, 1
N = 20_000
TABLES = {name: tables(known) for name, known in DETECTORS.items()}
ATLAS = TABLES["atlas_2015"]

any_detector = pytest.mark.parametrize("name", DETECTORS)


def alone(pdg_id: int, energy: float, eta: float, n: int = N, vertex: tuple[float, ...] = (0, 0, 0)) -> Particles:
    """``n`` events of one massless particle each, all at the same place of the calorimeter."""
    pt = energy / math.cosh(eta)
    p4 = np.tile([energy, pt * math.cos(0.4), pt * math.sin(0.4), pt * math.sinh(eta)], (n, 1))
    at = np.tile(np.array(vertex, dtype=float), (n, 1))
    return Particles(np.arange(n + 1), np.full(n, pdg_id, dtype=np.int32), p4, at)


def together(*parts: Particles) -> Particles:
    """Events with one particle of each of ``parts``."""
    n, k = len(parts[0].pdg_id), len(parts)
    columns = [np.stack([getattr(p, c) for p in parts], axis=1) for c in ("pdg_id", "p4", "vertex")]
    return Particles(np.arange(0, k * n + 1, k), *(c.reshape(k * n, *c.shape[2:]) for c in columns))


def respond(particles: Particles, seed: int = 1, name: str = "atlas_2015") -> EnergyFlow:
    return detector_response(particles, np.random.default_rng(seed), DETECTORS[name])


def event_of(flow: EnergyFlow) -> np.ndarray:
    return np.repeat(np.arange(len(flow.offsets) - 1), np.diff(flow.offsets))


@any_detector
@pytest.mark.parametrize(
    ("pdg_id", "pt", "eta", "efficiency"),
    [
        (PION, 0.09, 0.1, 0.0),
        (-PION, 5.0, -1.0, 0.95),
        (PION, 0.9, 2.0, 0.60),
        (PION, 5.0, -2.0, 0.85),
        (PION, 50.0, 2.6, 0.0),
        (ELECTRON, 20.0, 1.0, 0.95),
        (-ELECTRON, 200.0, 1.0, 0.99),
        (ELECTRON, 0.9, 2.0, 0.50),
        (ELECTRON, 20.0, 2.0, 0.83),
        (ELECTRON, 200.0, -2.0, 0.90),
        (MUON, 20.0, 1.0, 0.99),
        (-MUON, 0.9, 2.0, 0.70),
        (MUON, 20.0, 2.0, 0.98),
        (GAMMA, 20.0, 1.0, 0.0),
    ],
)
def test_tracks_are_found_with_the_efficiency_of_the_card(
    name: str, pdg_id: int, pt: float, eta: float, efficiency: float
) -> None:
    flow = respond(alone(pdg_id, pt * math.cosh(eta), eta, N // 4), name=name)
    if DETECTORS[name].tracker.gaussian and efficiency:  # of which those below zero are lost
        kind = detector._kind(pdg_id)
        efficiency *= NormalDist().cdf(1 / detector.track_resolution(TABLES[name], kind, pt, eta))
    spread = math.sqrt(efficiency * (1 - efficiency) / (N // 4))
    assert np.count_nonzero(flow.kind == TRACK) / (N // 4) == pytest.approx(efficiency, abs=5 * spread)


def test_efficiencies_take_the_direction_in_which_a_particle_leaves_the_tracker() -> None:
    """A pion of 0.15 GeV turns back before the barrel and leaves through the end cap, beyond 2.5."""
    assert not (respond(alone(PION, 0.15, 0.1)).kind == TRACK).any()
    straight = respond(alone(PION, 0.5, 0.1))
    assert np.mean(straight.kind == TRACK) > 0.5


@pytest.mark.parametrize(
    ("name", "pdg_id", "pt", "eta", "constant", "slope"),
    [
        ("atlas_2015", MUON, 100.0, 2.0, 0.06, 6.0e-4),
        ("atlas", PION, 10.0, 0.2, 0.06, 1.3e-3),
        ("atlas", PION, 300.0, 1.0, 0.10, 1.7e-3),
        ("atlas", PION, 10.0, -2.0, 0.25, 3.1e-3),
        ("atlas", ELECTRON, 30.0, 1.0, 0.05, 1.7e-3),
        ("atlas", MUON, 100.0, 2.0, 0.025, 3.5e-4),
        ("cms", PION, 10.0, 0.2, 0.01, 1.5e-4),
    ],
)
def test_tracks_are_smeared_as_configured(
    name: str, pdg_id: int, pt: float, eta: float, constant: float, slope: float
) -> None:
    flow = respond(alone(pdg_id, pt * math.cosh(eta), eta), name=name)
    measured, directions, *_ = pt_eta_phi_mass(flow.p4[flow.kind == TRACK])
    resolution = math.hypot(constant, slope * pt)
    assert measured.mean() == pytest.approx(pt, rel=5 * resolution / math.sqrt(len(measured)))
    assert measured.std() / pt == pytest.approx(resolution, rel=0.08)
    np.testing.assert_allclose(directions, eta)  # only the size of a momentum is smeared


@pytest.mark.parametrize(
    ("name", "pdg_id", "kind", "energy", "eta", "sigma"),
    [
        ("atlas_2015", GAMMA, PHOTON, 50.0, 0.3, math.sqrt((0.0017 * 50) ** 2 + 0.101**2 * 50)),
        ("atlas", GAMMA, PHOTON, 400.0, -2.2, math.sqrt((0.0017 * 400) ** 2 + 0.101**2 * 400)),
        ("atlas_2015", NEUTRON, NEUTRAL_HADRON, 80.0, 0.3, math.sqrt(2.416**2 + 0.5205**2 * 80 + 1.59**2)),
        ("atlas", NEUTRON, NEUTRAL_HADRON, 80.0, -2.2, math.sqrt((0.05 * 80) ** 2 + 0.706**2 * 80)),
        ("atlas", -PION, NEUTRAL_HADRON, 400.0, 2.9, math.sqrt((0.05 * 400) ** 2 + 0.706**2 * 400)),
        ("cms", GAMMA, PHOTON, 50.0, 1.0, (1 + 0.64 * 0.99**2) * math.sqrt(0.4**2 + 0.11**2 * 50 + 0.40**2)),
        ("cms", GAMMA, PHOTON, 50.0, 2.0, 2.16 * math.sqrt(0.4**2 + 0.11**2 * 50 + 0.40**2)),
        ("cms", NEUTRON, NEUTRAL_HADRON, 80.0, 0.3, math.sqrt((0.05 * 80) ** 2 + 1.5**2 * 80)),
    ],
)
def test_towers_are_smeared_as_configured(
    name: str, pdg_id: int, kind: int, energy: float, eta: float, sigma: float
) -> None:
    flow = respond(alone(pdg_id, energy, eta), name=name)
    assert (flow.kind == kind).all()
    measured = flow.p4[:, 0]
    assert len(measured) == N
    assert measured.mean() == pytest.approx(energy, abs=5 * sigma / math.sqrt(N))
    assert measured.std() == pytest.approx(sigma, rel=0.05)


@any_detector
def test_kaons_share_their_energy_between_the_calorimeters(name: str) -> None:
    flow = respond(alone(KAON_SHORT, 400.0, 0.3), name=name)
    assert flow.p4[flow.kind == PHOTON, 0].mean() == pytest.approx(120, rel=0.01)
    assert flow.p4[flow.kind == NEUTRAL_HADRON, 0].mean() == pytest.approx(280, rel=0.01)


@any_detector
@pytest.mark.parametrize(("pdg_id", "layer", "threshold"), [(GAMMA, ECAL, 0.5), (NEUTRON, HCAL, 1.0)])
def test_faint_towers_are_dropped(name: str, pdg_id: int, layer: int, threshold: float) -> None:
    flow = respond(alone(pdg_id, 2.0, 2.2), name=name)
    energy = flow.p4[:, 0]
    assert energy.min() >= threshold
    table = TABLES[name]
    _, ring, _ = detector.tower_number(table, layer, 2.2, 0.4)
    centre = (table.edges[layer, ring] + table.edges[layer, ring + 1]) / 2
    sigma = np.array([detector.tower_resolution(table, layer, e, centre) for e in energy])
    assert (energy >= table.significance[layer] * sigma).all()


@any_detector
def test_muons_leave_tracks_only(name: str) -> None:
    assert (respond(alone(MUON, 100.0, 1.0), name=name).kind == TRACK).all()


@any_detector
def test_an_electron_is_not_counted_twice(name: str) -> None:
    flow = respond(alone(ELECTRON, 50.0, 0.2), name=name)
    total = np.bincount(event_of(flow), flow.p4[:, 0], N)
    assert total.mean() == pytest.approx(50, rel=0.03)


def test_a_photon_beside_a_track_is_the_excess_of_its_tower() -> None:
    # The electron is so stiff that it hits the tower of the photon.
    flow = respond(together(alone(ELECTRON, 400.0, 0.3), alone(GAMMA, 30.0, 0.3)), name="atlas")
    event = event_of(flow)
    both = np.flatnonzero((event[1:] == event[:-1]) & (flow.kind[:-1] == TRACK) & (flow.kind[1:] == PHOTON))
    assert both.size > N / 3
    sums = flow.p4[both, 0] + flow.p4[both + 1, 0]
    # Where the tower exceeds the track, the two add up to what the tower measured.
    assert sums.mean() == pytest.approx(430, rel=0.02)
    assert sums.std() == pytest.approx(detector.tower_resolution(TABLES["atlas"], ECAL, 430.0, 0.3), rel=0.1)


def test_poor_tracks_are_scaled_to_what_their_tower_shows_and_good_ones_are_not() -> None:
    """A pion of 200 GeV is measured by the HCAL to 5 %, by the tracker to 26 %: all energy is the tower's."""
    flow = respond(together(alone(PION, 200.0, 0.3), alone(NEUTRON, 100.0, 0.3)))
    tracks = np.bincount(event_of(flow), flow.kind == TRACK, N) == 1
    objects = np.bincount(event_of(flow), minlength=N)
    # Where there is a poor track, no neutral hadron; one measured far too low may still be a good one.
    assert np.mean(objects[tracks] == 1) > 0.99
    energy = np.bincount(event_of(flow), flow.p4[:, 0], N)[tracks & (objects == 1)]
    assert energy.mean() == pytest.approx(300, rel=0.01)
    assert energy.std() == pytest.approx(detector.tower_resolution(ATLAS, HCAL, 300.0, 0.25), rel=0.05)
    # At 5 GeV it is the tracker that measures better, and its momentum stays what it is.
    soft = respond(alone(PION, 5.0, 0.3))
    assert soft.p4[soft.kind == TRACK, 0].std() / 5.0 == pytest.approx(math.hypot(0.06, 1.3e-3 * 5.0), rel=0.1)


def test_the_crossing_of_tracker_and_hcal_lies_at_42_to_49_gev() -> None:
    """Where the published second constituents have a spike in energy (in the middle, within 0.5)."""
    poor = [detector.is_poor(ATLAS, HCAL, e, math.hypot(0.06, 1.3e-3 * e), 0.05) for e in np.arange(20, 100, 0.5)]
    crossing = 20 + 0.5 * poor.index(True)
    assert poor == sorted(poor)  # once
    assert 42 <= crossing <= 49


def test_photon_and_neutral_hadron_of_a_common_tower_have_one_position() -> None:
    both = together(alone(GAMMA, 50.0, 0.3, 200), alone(NEUTRON, 200.0, 0.3, 200))
    for name, common in (("atlas_2015", True), ("atlas", False)):
        flow = respond(both, name=name)
        _, eta, phi, _ = pt_eta_phi_mass(flow.p4.reshape(200, 2, 4))
        assert np.allclose(eta[:, 0], eta[:, 1]) == common
        assert np.allclose(phi[:, 0], phi[:, 1]) == common
        assert len(np.unique(eta[:, 0].round(6))) > 150  # another one in every event


@any_detector
@pytest.mark.parametrize(("pdg_id", "layer"), [(GAMMA, ECAL), (NEUTRON, HCAL)])
def test_objects_are_massless_and_lie_in_their_tower(name: str, pdg_id: int, layer: int) -> None:
    table = TABLES[name]
    flow = respond(alone(pdg_id, 80.0, 0.3), name=name)
    _, eta, phi, _ = pt_eta_phi_mass(flow.p4)
    _, ring, column = detector.tower_number(table, layer, 0.3, 0.4)
    low, high = table.edges[layer, ring], table.edges[layer, ring + 1]
    assert np.ptp(eta) == pytest.approx(high - low, rel=0.01)  # smeared over the whole tower
    assert low - 1e-9 <= eta.min() <= eta.max() <= high + 1e-9
    width = 2 * math.pi / table.n_phi[layer, ring]
    assert np.abs(phi - (column + 0.5) * width).max() <= width / 2 + 1e-9
    np.testing.assert_allclose(np.linalg.norm(flow.p4[:, 1:], axis=1), flow.p4[:, 0])


@given(st.sampled_from(sorted(TABLES)), st.sampled_from([ECAL, HCAL]), st.floats(-3.5, 3.5), st.floats(-20, 20))
def test_a_point_lies_in_the_tower_it_is_counted_in(name: str, layer: int, eta: float, phi: float) -> None:
    table = TABLES[name]
    tower, ring, column = detector.tower_number(table, layer, eta, phi)
    edges = table.edges[layer][np.isfinite(table.edges[layer])]
    if tower < 0:
        assert eta < edges[0] or eta >= edges[-1]
        return
    assert 0 <= tower < table.n_towers
    assert table.edges[layer, ring] <= eta <= table.edges[layer, ring + 1]
    width = 2 * math.pi / table.n_phi[layer, ring]
    assert abs(delta_phi(phi, (column + 0.5) * width)) <= width / 2 + 1e-9
    common = DETECTORS[name].ecal.rings == DETECTORS[name].hcal.rings
    assert common or (tower < table.n_phi[ECAL].sum()) == (layer == ECAL)


def test_common_towers_are_those_of_the_published_jets() -> None:
    """Edges every 0.1 from -2.5 to 2.6, then -3.2 and 3.3; bins of 10 degrees."""
    assert ATLAS.n_towers == 36 * (51 + 2)
    assert detector.tower_number(ATLAS, ECAL, -3.0, 0.1)[1] == detector.tower_number(ATLAS, ECAL, -2.51, 0.1)[1]
    assert detector.tower_number(ATLAS, ECAL, 0.05, 0.1) == detector.tower_number(ATLAS, HCAL, 0.09, 0.17)
    assert detector.tower_number(ATLAS, ECAL, 0.05, 0.17)[2] != detector.tower_number(ATLAS, ECAL, 0.05, 0.18)[2]


def leave(
    table: Tables, pt: float, eta: float, phi: float, q: int, vertex: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> tuple[float, float]:
    p4 = np.array([pt * math.cosh(eta), pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)])
    return detector.exit_point(p4, np.array(vertex), q, table)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.05, 50),
    st.floats(-2.4, 2.4),
    st.floats(-3, 3),
    st.sampled_from([-1, 0, 1]),
    st.floats(0, 1.1),
    st.floats(-3, 3),
    st.floats(-3.4, 3.4),
)
def test_the_path_ends_where_small_steps_end(
    pt: float, eta: float, phi: float, q: int, r: float, angle_of_vertex: float, z: float
) -> None:
    table, slope = ATLAS, math.sinh(eta)
    radius = pt / (0.299792458 * 2.0)
    vertex = (r * math.cos(angle_of_vertex), r * math.sin(angle_of_vertex), z)
    # A track that turns more than once crosses the field for long: only its end in z matters then.
    longest = (math.copysign(3.51, slope) - z) / slope if abs(slope) > 1e-3 else math.inf
    path = np.linspace(0, min(longest, 2 * math.pi * radius + 3.0, 40.0), 40_001)
    # The Lorentz force turns a positive charge clockwise in a field along +z.
    angle = phi - q * (path[1:] + path[:-1]) / 2 / radius
    x = vertex[0] + np.concatenate([[0], np.cumsum(np.cos(angle))]) * path[1]
    y = vertex[1] + np.concatenate([[0], np.cumsum(np.sin(angle))]) * path[1]
    outside = np.flatnonzero(np.hypot(x, y) >= 1.15)
    found_eta, found_phi = leave(table, pt, eta, phi, q, vertex)
    if outside.size:
        k = outside[0]
        if np.hypot(x, y)[k:].max() < 1.1501:
            return  # grazes the barrel
    elif path[-1] == longest:
        k = path.size - 1
        if np.hypot(x, y).max() > 1.1499:
            return
    else:
        return  # turns in the barrel for longer than followed here
    distance = math.hypot(x[k], y[k])
    if distance < 0.02:
        return  # back at the beam, where a direction means little
    assert found_eta == pytest.approx(math.asinh((z + path[k] * slope) / distance), rel=1e-2, abs=1e-2)
    assert delta_phi(found_phi, math.atan2(y[k], x[k])) == pytest.approx(0, abs=1e-2)


def test_neutral_and_stiff_particles_fly_straight() -> None:
    assert leave(ATLAS, 1.0, 0.7, 0.4, 0) == pytest.approx((0.7, 0.4))
    for pt in (1e4, 1e6, 1e9):
        assert leave(ATLAS, pt, 0.7, 0.4, 1) == pytest.approx((0.7, 0.4), abs=1e-4)
    assert leave(ATLAS, 0.1, 0.0, 0.4, 1)[0] == math.inf  # never leaves the tracker


@any_detector
def test_what_is_produced_outside_the_tracker_is_not_seen(name: str) -> None:
    tracker = DETECTORS[name].tracker
    for vertex in ((tracker.radius + 0.01, 0, 0), (0, 0, -tracker.half_length - 0.01)):
        assert len(respond(alone(GAMMA, 50.0, 0.3, 10, vertex), name=name).p4) == 0
    assert len(respond(alone(GAMMA, 50.0, 0.3, 10, (tracker.radius - 0.01, 0, 0)), name=name).p4) == 10


def test_a_photon_of_a_displaced_vertex_hits_where_it_flies() -> None:
    """Produced 0.5 m away along z it hits the barrel further on, but points where it pointed."""
    table = ATLAS
    expected, _ = leave(table, 50.0, 0.3, 0.4, 0, (0.0, 0.0, 0.5))
    assert math.sinh(expected) == pytest.approx(math.sinh(0.3) + 0.5 / 1.15)
    eta = pt_eta_phi_mass(respond(alone(GAMMA, 50.0, 0.3, 500, (0.0, 0.0, 0.5))).p4)[1]
    _, ring, _ = detector.tower_number(table, ECAL, expected, 0.4)
    assert table.edges[ECAL, ring] <= eta.min() <= eta.max() <= table.edges[ECAL, ring + 1]


def test_the_response_depends_on_the_generator_only() -> None:
    particles = alone(PION, 20.0, 0.8, n=500)
    first, again, other = respond(particles, 3), respond(particles, 3), respond(particles, 4)
    assert first.p4.tobytes() == again.p4.tobytes()
    assert first.p4.tobytes() != other.p4.tobytes()
