"""The tables of the equations of state: thermodynamics, and what the literature says of them."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.physics.hydro.equation_of_state import (
    EOSQ_ENERGY_HADRON,
    EOSQ_ENERGY_PLASMA,
    EOSQ_PRESSURE,
    EOSQ_TC,
    HBARC,
    EquationOfState,
    conformal,
    eosq,
    s95p,
    s95p_pce,
)

ALL = [s95p(), eosq(), conformal()]


@pytest.mark.parametrize("eos", ALL, ids=lambda e: e.name)
def test_the_entropy_is_the_derivative_of_the_pressure(eos: EquationOfState) -> None:
    t, p, s = eos.temperature, eos.pressure, eos.entropy
    rising = np.flatnonzero((np.diff(t) > 1e-9) & (t[:-1] > 0.01))
    one_phase = (eos.name != "EOSQ") | ((t[rising] != EOSQ_TC) & (t[rising + 1] != EOSQ_TC))
    i = rising[one_phase]
    slope, middle = (p[i + 1] - p[i]) / (t[i + 1] - t[i]), (s[i + 1] + s[i]) / 2
    np.testing.assert_allclose(slope, middle, rtol=2e-2)
    np.testing.assert_allclose(slope[t[i] > 0.1], middle[t[i] > 0.1], rtol=2e-4)
    np.testing.assert_allclose(eos.energy + p, t * s, rtol=1e-12)


@pytest.mark.parametrize("eos", ALL, ids=lambda e: e.name)
def test_entropy_and_energy_follow_each_other(eos: EquationOfState) -> None:
    e, s, t = eos.energy, eos.entropy, eos.temperature
    np.testing.assert_allclose(np.diff(s)[10:], (np.diff(e) / (t[1:] + t[:-1]) * 2)[10:], rtol=5e-3)  # ds = de / T
    assert (np.diff(s) > 0).all()
    assert (np.diff(eos.pressure) >= 0).all()
    assert (eos.lines[:, 1] < 0.34).all()


def test_eosl_is_the_parametrisation_of_s95p() -> None:
    eos = s95p()
    for temperature in (0.1, 0.15, 0.18, 0.2, 0.3, 0.5):
        e = eos.energy_of_temperature(temperature)
        p = float(eos.pressure_of_energy(np.array([e]))[0])
        t = temperature
        if t < 0.1838:
            expected = 4.654 * t - 879 * t**3 + 8081 * t**4 - 7039000 * t**10
        else:
            expected = 0.2660 / t**2 + 2.403e-3 / t**4 - 2.809e-7 / t**10 + 6.073e-23 / t**30
        assert (e - 3 * p) * HBARC**3 / t**4 == pytest.approx(expected, rel=2e-3)
    lowest = eos.energy_of_temperature(0.07)
    assert float(eos.pressure_of_energy(np.array([lowest]))[0]) * HBARC**3 / 0.07**4 == pytest.approx(
        0.1661, rel=1e-3
    )


def test_eosl_is_a_cross_over_that_softens() -> None:
    eos = s95p()
    cs2, t = eos.lines[:, 1], eos.temperature[:-1]
    region = (t > 0.1) & (t < 0.6)
    assert cs2[region].min() > 0.12
    assert 0.13 < t[region][cs2[region].argmin()] < 0.21
    assert cs2[t > 0.5].min() > 0.29


def test_eosq_has_the_latent_heat_of_its_mixed_phase() -> None:
    eos = eosq()
    mixed = eos.temperature == EOSQ_TC
    e, p, s = (a[mixed] for a in (eos.energy, eos.pressure, eos.entropy))
    assert e.min() == pytest.approx(EOSQ_ENERGY_HADRON, rel=0.02)
    assert e.max() == pytest.approx(EOSQ_ENERGY_PLASMA, rel=0.02)
    assert np.ptp(p) == 0
    np.testing.assert_allclose(np.ptp(e), EOSQ_TC * np.ptp(s), rtol=1e-12)  # latent heat
    assert np.ptp(e) == pytest.approx(1.206, rel=0.02)
    assert p[0] == EOSQ_PRESSURE
    last = np.flatnonzero(eos.energy < EOSQ_ENERGY_HADRON)[-1]
    assert eos.temperature[last] == pytest.approx(EOSQ_TC, rel=2e-3)  # no jump at its ends
    assert eos.temperature[np.flatnonzero(mixed)[-1] + 1] == pytest.approx(EOSQ_TC, rel=4e-3)
    plasma = eos.energy > EOSQ_ENERGY_PLASMA
    bag = (eos.energy - 3 * eos.pressure)[plasma] / 4
    assert np.ptp(bag) < 1e-9
    assert 4 * bag[0] == pytest.approx(1.457, abs=1e-3)
    assert (bag[0] * HBARC**3) ** 0.25 == pytest.approx(0.230, abs=0.01)


@pytest.mark.parametrize(
    ("energy", "ratio", "temperature"),
    [(0.065, 0.196, 0.1253), (0.145, 0.180, 0.1403), (0.245, 0.171, 0.1506), (0.445, 0.162, 0.1627)],
)
def test_eosq_has_the_hadron_gas_of_the_published_tables(energy: float, ratio: float, temperature: float) -> None:
    """Rows of the tables aa1 and aa2 of VISHNew, as far as their digits go."""
    eos = eosq()
    assert np.interp(energy, eos.energy, eos.temperature) == pytest.approx(temperature, abs=1.2e-4)
    assert float(eos.pressure_of_energy(np.array([energy]))[0]) / energy == pytest.approx(ratio, rel=5e-3)


@pytest.mark.parametrize(("temperature", "energy"), [(0.115, 0.158), (0.137, 0.281), (0.145, 0.335)])
def test_frozen_numbers_keep_the_energy_of_the_published_table(temperature: float, energy: float) -> None:
    """s95p-PCE165-v0; its gas has more heavy hadrons than ours. In equilibrium there is half of this or less."""
    assert s95p_pce().energy_of_temperature(temperature) == pytest.approx(energy, rel=0.04)
    assert s95p().energy_of_temperature(temperature) < 0.7 * energy


def test_frozen_numbers_keep_the_entropy_that_a_flow_has() -> None:
    eos = s95p_pce()
    e, p, s, t = eos.energy, eos.pressure, eos.entropy, eos.temperature
    gas = np.flatnonzero((t[:-1] > 0.1) & (t[1:] < 0.1645))
    np.testing.assert_allclose((np.diff(s)[gas] / s[gas]), np.diff(e)[gas] / (e + p)[gas], rtol=0.03)
    for table in (p, s, t):
        assert (np.diff(table) >= 0).all()
    assert (eos.lines[:, 1] < 0.34).all()
    assert eos.potentials(0.17) == s95p().potentials(0.13) == ()
    potentials = dict(eos.potentials(0.13))
    assert potentials["rho"] == pytest.approx(2 * potentials["pi"])
    assert potentials["Delta"] == pytest.approx(potentials["N"] + potentials["pi"], rel=5e-3)


def test_at_freeze_out_both_describe_the_same_gas() -> None:
    for temperature in (0.13, 0.14, 0.15):
        a, b = (eos.energy_of_temperature(temperature) for eos in (s95p(), eosq()))
        assert a == pytest.approx(b, rel=0.01)


def test_inverses() -> None:
    for eos in ALL:
        s = np.array([0.0, 0.5, 3.0, 8.0, 40.0, 600.0])
        np.testing.assert_allclose(np.interp(eos.energy_of_entropy(s), eos.energy, eos.entropy), s, atol=1e-12)
    assert eosq().energy_of_temperature(EOSQ_TC) <= EOSQ_ENERGY_HADRON + 0.01
    with pytest.raises(DataError, match="s95p knows every entropy density"):
        s95p().energy_of_entropy(np.array([1e6]))
    with pytest.raises(DataError, match="temperature in GeV from 0 to"):
        s95p().energy_of_temperature(5.0)
