import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd4ml.physics.kinematics import delta_phi, delta_r, pseudorapidity, pt_eta_phi_mass

angles = st.floats(-50, 50)


@given(angles, angles)
def test_delta_phi_is_wrapped_and_the_same_angle(a: float, b: float) -> None:
    difference = delta_phi(a, b)
    assert -math.pi <= difference < math.pi
    assert math.cos(difference) == pytest.approx(math.cos(a - b), abs=1e-9)
    assert math.sin(difference) == pytest.approx(math.sin(a - b), abs=1e-9)


def test_delta_r_is_pythagoras_across_the_seam() -> None:
    assert delta_r(1.0, 3.1, 1.3, -3.1) == pytest.approx(math.hypot(0.3, 2 * math.pi - 6.2))


@given(st.floats(0.01, 1e4), st.floats(-5, 5), st.floats(-3.1, 3.1), st.floats(0.1, 1e3))
def test_kinematics_invert_the_four_momentum(pt: float, eta: float, phi: float, mass: float) -> None:
    pz = pt * math.sinh(eta)
    energy = math.sqrt(pt**2 + pz**2 + mass**2)
    p4 = np.array([[energy, pt * math.cos(phi), pt * math.sin(phi), pz]])
    found = [column[0] for column in pt_eta_phi_mass(p4)]
    assert found[:3] == pytest.approx([pt, eta, phi])
    assert found[3] == pytest.approx(mass, abs=1e-4 * energy)  # cancellation of large energies
    assert pseudorapidity(pt, pz) == pytest.approx(eta)


def test_edges_are_defined() -> None:
    p4 = np.array([[0, 0, 0, 0], [5, 0, 0, -5], [1, -1, 0, 0]], dtype=np.float32)
    pt, eta, phi, mass = pt_eta_phi_mass(p4)
    assert pt.tolist() == [0, 0, 1]
    assert eta.tolist() == [0, -math.inf, 0]
    assert phi[2] == -math.pi  # phi lies in [-pi, pi)
    assert mass.tolist() == [0, 0, 0]
    assert pseudorapidity(0.0, -5.0) == -math.inf
