"""Pions from decays: numbers, energies, and where they go."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.physics.hydro.cooper_frye import PION_MASS, pion_spectrum, spectrum
from pd4ml.physics.hydro.decays import RESONANCES, Resonance, _momenta, decay_kernel, decay_pions
from pd4ml.physics.hydro.freezeout import Surface

every_resonance = pytest.mark.parametrize("resonance", RESONANCES, ids=lambda r: r.name)
PT, PHI = (np.arange(24) + 0.5) / 12, (np.arange(24) + 0.5) * np.pi / 12


def surface(velocity: tuple[float, float], temperature: float = 0.14, volume: float = 1000.0) -> Surface:
    """One element of a volume at rest in time, with a moving fluid."""
    return Surface(np.zeros((1, 3)), np.array([[volume, 0.0, 0.0]]), np.array([velocity]), temperature)


@every_resonance
def test_energy_is_shared_as_it_must_be(resonance: Resonance) -> None:
    momentum, weight = _momenta(resonance)
    energy = float((weight * np.sqrt(momentum**2 + PION_MASS**2)).sum())
    m = resonance.mass
    if len(resonance.other) == 2:  # three equal particles
        assert energy == pytest.approx(m / 3, rel=2e-3)
    else:
        assert energy == pytest.approx((m**2 + PION_MASS**2 - resonance.other[0] ** 2) / (2 * m), rel=1e-12)


@every_resonance
def test_no_pion_is_lost_and_momentum_is_conserved(resonance: Resonance) -> None:
    kernel = decay_kernel(resonance, 0.1, 10, 60, 24)
    np.testing.assert_allclose(kernel.sum(axis=(1, 2)), resonance.pions, rtol=1e-9)
    pt, angle = (np.arange(60) + 0.5) * 0.1, np.arange(24) * np.pi / 12
    along = (kernel * pt[:, None] * np.cos(angle)).sum(axis=(1, 2)) / resonance.pions
    across = (kernel * pt[:, None] * np.sin(angle)).sum(axis=(1, 2))
    np.testing.assert_allclose(across, 0, atol=1e-9)
    # A pion carries the share of its mother's momentum that it has of its energy at rest.
    momentum, weight = _momenta(resonance)
    share = (weight * np.sqrt(momentum**2 + PION_MASS**2)).sum() / resonance.mass
    np.testing.assert_allclose(along, share * (np.arange(10) + 0.5) * 0.1, rtol=0.02, atol=0.004)


def test_the_number_of_pions_is_that_of_the_mothers() -> None:
    wide = (np.arange(60) + 0.5) / 12
    element = surface((0.0, 0.0))
    found = decay_pions(element, wide, PHI).sum()
    mothers = [
        r.pions * spectrum(element, wide, PHI, r.mass, r.degeneracy, fermions=r.fermion).sum() for r in RESONANCES
    ]
    assert found == pytest.approx(sum(mothers), rel=2e-3)


def test_decays_give_many_soft_pions_that_flow_with_the_fluid() -> None:
    element = surface((0.5, 0.0))
    direct, decayed = pion_spectrum(element, PT, PHI), decay_pions(element, PT, PHI)
    assert (decayed > 0).all()
    # A hadron gas at 140 MeV has about as many pions hidden in resonances as free ones.
    assert 0.4 < decayed.sum() / direct.sum() < 2.0
    mean = [float((s.sum(axis=1) * PT).sum() / s.sum()) for s in (direct, decayed)]
    assert mean[1] < mean[0]
    forward = np.cos(PHI) > 0
    assert decayed[:, forward].sum() > 1.5 * decayed[:, ~forward].sum()
    turned = decay_pions(surface((0.0, 0.5)), PT, PHI)
    np.testing.assert_allclose(np.roll(decayed, 6, axis=1), turned, rtol=1e-4)
