"""Pions with those from decays: numbers, energies, momenta, and where they go."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.physics.hydro import decays
from pd4ml.physics.hydro.cooper_frye import PION_MASS, all_pions, pion_spectrum
from pd4ml.physics.hydro.decays import MOMENTA, breakup, emission
from pd4ml.physics.hydro.equation_of_state import HBARC, s95p
from pd4ml.physics.hydro.freezeout import Surface
from pd4ml.physics.hydro.resonances import PHOTON, PION, STABLE, TABLE, hadrons

Floats = NDArray[np.float64]
PT, PHI = (np.arange(24) + 0.5) / 12, (np.arange(24) + 0.5) * np.pi / 12
RHO, FAR = hadrons()["rho"].mass, 30 * 0.15


def surface(velocity: tuple[float, float], normal: tuple[float, ...] = (1000.0, 0.0, 0.0)) -> Surface:
    """One element with a moving fluid."""
    return Surface(np.zeros((1, 3)), np.array([normal]), np.array([velocity]), 0.14)


def thermal(mass: float, temperature: float = 0.15) -> Floats:
    return np.stack(2 * [np.exp(-np.hypot(MOMENTA, mass) / temperature)])


def moment(values: Floats) -> float:
    return float(np.trapezoid(MOMENTA**2 * values, MOMENTA))


def test_the_table_is_of_hadrons_that_can_decay_as_it_says() -> None:
    known = hadrons()
    masses = [h.mass for h in known.values()]
    assert masses == sorted(masses)
    assert len(known) > 60
    for name, hadron in known.items():
        assert (not hadron.decays) == (name in STABLE)
        if hadron.decays:
            assert sum(ratio for ratio, _ in hadron.decays) == pytest.approx(1, abs=1e-3)
        for _, daughters in hadron.decays:
            assert sum(0.0 if d == PHOTON else known[d].mass for d in daughters) < hadron.mass
    assert {known[n].states for n in ("pi", "K", "rho", "N", "Delta")} == {3, 4, 9, 8, 32}
    assert {d: r for r, d in known["omega"].decays}["pi", "pi", "pi"] == pytest.approx(0.89, abs=0.02)


def test_the_table_is_what_its_script_makes() -> None:
    pytest.importorskip("pythia8mc")
    from importlib.metadata import version

    from pd4ml.physics.hydro.make_resonances import MADE_WITH, write_table

    if version("pythia8mc") != MADE_WITH:
        pytest.skip(f"made with Pythia {MADE_WITH}")
    file = io.StringIO()
    write_table(file)
    assert file.getvalue() == TABLE.read_text(encoding="utf-8")


def test_energy_and_momentum_are_shared_by_both_daughters() -> None:
    mother, kaon = hadrons()["K*"].mass, hadrons()["K"].mass
    before = thermal(mother)
    after = [decays._daughters(mother, before, a, b, FAR) for a, b in ((PION_MASS, kaon), (kaon, PION_MASS))]
    for daughter in after:
        assert moment(daughter[1]) == pytest.approx(moment(before[1]), rel=1e-3)
    energies = [np.hypot(MOMENTA, m) for m in (PION_MASS, kaon, mother)]
    energy = [moment(f[1] * e) for f, e in zip((*after, before), energies, strict=True)]
    assert energy[0] + energy[1] == pytest.approx(energy[2], rel=1e-3)
    flow = [moment(f[0] * MOMENTA**2 / e) for f, e in zip((*after, before), energies, strict=True)]
    assert flow[0] + flow[1] == pytest.approx(flow[2], rel=1e-3)


def test_daughters_have_the_momenta_of_decays_one_by_one() -> None:
    rng, n = np.random.default_rng(1), 200_000
    weight = MOMENTA**2 * thermal(RHO)[0]
    steps = np.append(0, np.cumsum((weight[1:] + weight[:-1]) * np.diff(MOMENTA)))
    k = np.interp(rng.random(n) * steps[-1], steps, MOMENTA)
    p = breakup(RHO, PION_MASS, PION_MASS)
    cosine = rng.uniform(-1, 1, n)
    along = np.hypot(k, RHO) / RHO * p * cosine + k / RHO * np.hypot(p, PION_MASS)
    found = np.histogram(np.hypot(along, p * np.sqrt(1 - cosine**2)), np.linspace(0, 1.5, 16))[0] / n
    density = decays._daughters(RHO, thermal(RHO), PION_MASS, PION_MASS, FAR)[1] * MOMENTA**2
    sums = np.append(0, np.cumsum((density[1:] + density[:-1]) * np.diff(MOMENTA)))
    expected = np.diff(np.interp(np.linspace(0, 1.5, 16), MOMENTA, sums / sums[-1]))
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_three_bodies_share_the_energy() -> None:
    mass = hadrons()["omega"].mass
    masses, weights = decays._recoil(mass, PION_MASS, (PION_MASS, PION_MASS))
    energies = [np.hypot(breakup(mass, PION_MASS, m), PION_MASS) for m in masses]
    assert np.dot(weights, energies) == pytest.approx(mass / 3, rel=5e-3)


@pytest.mark.parametrize("temperature", [0.13, 0.16])
def test_no_pion_is_lost(temperature: float) -> None:
    pions = {PHOTON: 0.0}
    total = 0.0
    for name, hadron in hadrons().items():
        pions[name] = float(name == PION) + sum(
            r * sum(pions[d] for d in daughters) for r, daughters in hadron.decays
        )
        f = hadron.states / (np.exp(np.hypot(MOMENTA, hadron.mass) / temperature) + (1 if hadron.fermion else -1))
        total += pions[name] * moment(f)
    assert moment(emission(temperature)[1]) == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (0.5, 0.3)])
@pytest.mark.parametrize("normal", [(1000.0, 0.0, 0.0), (200.0, 300.0, -600.0)])
def test_the_number_from_a_surface_is_that_of_the_gas(
    velocity: tuple[float, float], normal: tuple[float, ...]
) -> None:
    element = surface(velocity, normal)
    pt = (np.arange(80) + 0.5) / 20
    number = all_pions(element, pt, PHI, s95p()).sum() * (pt[1] - pt[0]) * np.pi / 12
    density = moment(emission(0.14)[1]) / (2 * np.pi**2 * HBARC**3)
    assert number == pytest.approx(density * float((element.normal * element.four_velocity).sum()), rel=3e-3)


def test_between_temperatures_there_is_what_decays_give_there() -> None:
    at_rest = Surface(np.zeros((1, 3)), np.array([[1000.0, 0, 0]]), np.zeros((1, 2)), 0.13625)
    pt = np.array([0.1, 0.3, 0.6, 1.0, 1.5])
    found = all_pions(at_rest, pt, PHI, s95p())[:, 0]
    # E dN/d3p = V E f2 for an element at rest, at all rapidities together.
    y = np.linspace(-8, 8, 2001)[:, None]
    energy = np.hypot(pt, PION_MASS) * np.cosh(y)
    f2 = np.exp(np.interp(np.sqrt(energy**2 - PION_MASS**2), MOMENTA, np.log(emission(0.13625)[1])))
    expected = 1000 * pt * np.trapezoid(energy * f2, y[:, 0], axis=0) / (2 * np.pi * HBARC) ** 3
    np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_decays_give_many_soft_pions_that_flow_with_the_fluid() -> None:
    element = surface((0.5, 0.0))
    direct, total = pion_spectrum(element, PT, PHI), all_pions(element, PT, PHI, s95p())
    decayed = total - direct
    assert (decayed[PT < 1] > 0).all()
    assert decayed.min() > -1e-4 * decayed.max()  # of fits, where next to nothing is emitted
    # A hadron gas at 140 MeV has about as many pions hidden in resonances as free ones.
    assert 0.8 < decayed.sum() / direct.sum() < 1.2
    mean = [float((s.sum(axis=1) * PT).sum() / s.sum()) for s in (direct, decayed)]
    assert mean[1] < mean[0]
    forward = np.cos(PHI) > 0
    assert decayed[:, forward].sum() > 1.5 * decayed[:, ~forward].sum()
    turned = all_pions(surface((0.0, 0.5)), PT, PHI, s95p())
    np.testing.assert_allclose(np.roll(total, 6, axis=1), turned, rtol=1e-4)
