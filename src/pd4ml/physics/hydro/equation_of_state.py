"""Equations of state of QCD matter without net baryons, as tables over the energy density.

A table has its nodes at equal steps of e^(1/4), which is about proportional to the temperature; between nodes the
pressure is linear in e, so that ideal gases, bag-model plasmas and Maxwell constructions are met exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.physics.hydro.chemistry import HBARC, Chemistry, freeze_chemistry

__all__ = [
    "EOSQ_ENERGY_HADRON",
    "EOSQ_ENERGY_PLASMA",
    "EOSQ_PRESSURE",
    "EOSQ_TC",
    "HBARC",
    "EquationOfState",
    "conformal",
    "eosq",
    "s95p",
    "s95p_pce",
]


# Critical temperature in GeV, pressure there and energy densities in GeV/fm3 at which the mixed phase of EOSQ
# ends and begins: as in the tables that the VISHNew code is published with, of the equation of state of Kolb,
# Sollfrank, Heinz, Phys. Rev. C 62 (2000) 054909, hep-ph/0006129, whose text rounds them to 164 MeV, 0.45 and
# 1.6.
EOSQ_TC, EOSQ_PRESSURE, EOSQ_ENERGY_HADRON, EOSQ_ENERGY_PLASMA = 0.1646, 0.0783, 0.486, 1.692

_STEP, _N_NODES = 0.003, 2400  # of (e / GeV fm^-3)^(1/4): up to e = 2,680 GeV/fm3, T of about 1 GeV

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EquationOfState:
    """Thermodynamics at the nodes of a table; all arrays (n,) float64, rising with the energy density.

    energy, pressure: GeV/fm3; temperature: GeV; entropy: 1/fm3. ``step`` is the distance of the nodes in
    (e / GeV fm^-3)^(1/4); the first node is the vacuum. ``chemistry``: of a gas whose hadrons do not keep their
    equilibrium.
    """

    name: str
    energy: Floats
    pressure: Floats
    temperature: Floats
    entropy: Floats
    step: float = _STEP
    chemistry: Chemistry | None = None

    @property
    def lines(self) -> Floats:
        """The pressure between nodes i and i + 1 is ``lines[i, 0] + lines[i, 1] * e``; (n - 1, 2)."""
        slope = np.diff(self.pressure) / np.diff(self.energy)
        return np.stack([self.pressure[:-1] - slope * self.energy[:-1], slope], axis=1)

    def energy_of_entropy(self, entropy: Floats) -> Floats:
        """Energy density (GeV/fm3) at an entropy density (1/fm3); DataError beyond the table."""
        return self._inverse(entropy, self.entropy, "entropy density in 1/fm3")

    def energy_of_temperature(self, temperature: float) -> float:
        """Energy density (GeV/fm3) at a temperature (GeV); the hadron side of a phase transition."""
        return float(self._inverse(np.array([temperature]), self.temperature, "temperature in GeV")[0])

    def pressure_of_energy(self, energy: Floats) -> Floats:
        """Pressure (GeV/fm3) at an energy density (GeV/fm3)."""
        return np.interp(energy, self.energy, self.pressure)

    def potentials(self, temperature: float) -> tuple[tuple[str, float], ...]:
        """Chemical potentials (GeV) of hadrons by name at a temperature (GeV), of those that have one."""
        return self.chemistry.potentials(temperature) if self.chemistry else ()

    def _inverse(self, values: Floats, table: Floats, what: str) -> Floats:
        if not (np.min(values) >= 0 and np.max(values) <= table[-1]):
            message = (
                f"{self.name} knows every {what} from 0 to {table[-1]:.4g}, "
                f"asked for {np.min(values):.4g} to {np.max(values):.4g}"
            )
            raise DataError(message)
        keep = np.concatenate([[True], np.diff(table) > 0])  # the temperature stands still in a mixed phase
        return np.asarray(np.interp(values, table[keep], self.energy[keep]))


@lru_cache(maxsize=1)
def conformal() -> EquationOfState:
    """P = e/3, with the entropy of a plasma of three massless flavours: for solutions that are known exactly."""
    energy = _nodes()
    per_t4 = (16 + 10.5 * 3) * np.pi**2 / 90 / HBARC**3
    temperature = (energy / (3 * per_t4)) ** 0.25
    return EquationOfState("conformal", energy, energy / 3, temperature, 4 * per_t4 * temperature**3)


@lru_cache(maxsize=1)
def s95p() -> EquationOfState:
    """A cross-over, s95p-v1: lattice QCD joined to a hadron resonance gas (arXiv:0912.2541)."""
    energy = _nodes()
    temperature = _temperature(energy, _s95p_gas, 1.5)
    pressure = _s95p_gas(temperature)[1]
    return EquationOfState("s95p", energy, pressure, temperature, _entropy(energy, pressure, temperature))


@lru_cache(maxsize=1)
def s95p_pce() -> EquationOfState:
    """A cross-over whose numbers of stable hadrons are frozen below 165 MeV, like s95p-PCE165 (arXiv:0912.2541).

    Above it is s95p-v1, below it a gas of the hadrons of `resonances` whose resonances go on to decay and to be
    formed (`chemistry`), times a factor that makes the pressures meet: that gas lacks some heavy hadrons of
    s95p's.
    """
    above, frozen = s95p(), freeze_chemistry(_FROZEN)
    energy = _nodes()
    scale = float(_s95p_gas(np.array([_FROZEN]))[1][0]) / frozen.pressure[-1]
    gas = energy < scale * frozen.energy[-1]
    ratio = frozen.energy[0] / frozen.pressure[0]
    # Below the coldest gas that is known (long after any freeze-out) a power of T joins, as in `_s95p_gas`.
    thin = np.minimum(energy[gas] / (scale * frozen.energy[0]), 1.0)
    pressure, temperature, entropy = above.pressure.copy(), above.temperature.copy(), above.entropy.copy()
    for values, known, power in (
        (pressure, scale * frozen.pressure, 1.0),
        (temperature, frozen.temperature, 1 / (1 + ratio)),
        (entropy, scale * frozen.entropy, ratio / (1 + ratio)),
    ):
        values[gas] = np.interp(energy[gas], scale * frozen.energy, known) * thin**power
        np.maximum.accumulate(
            values, out=values
        )  # the energy densities of both gases at their joint differ by 2 %
    return EquationOfState("s95p-PCE", energy, pressure, temperature, entropy, chemistry=frozen)


@lru_cache(maxsize=1)
def eosq() -> EquationOfState:
    """EOSQ: first order; hadron gas and bag-model plasma joined by a Maxwell construction (hep-ph/0006129).

    The plasma is that of the published tables. The hadron gas is that of s95p with temperature and pressure
    scaled (by 1 and 7 %), so that it meets both the pressure and the energy density at Tc; it is then within 0.3
    % of the tables' p/e, and 0.1 MeV of their temperatures, at all energy densities
    (`test_hydro_equation_of_state`).
    """
    energy = _nodes()
    four_bags = EOSQ_ENERGY_PLASMA - 3 * EOSQ_PRESSURE
    hadrons, plasma = energy < EOSQ_ENERGY_HADRON, energy > EOSQ_ENERGY_PLASMA
    temperature, pressure = np.full(len(energy), EOSQ_TC), np.full(len(energy), EOSQ_PRESSURE)
    temperature[hadrons] = _temperature(energy[hadrons], _hadron_gas, 1.01 * EOSQ_TC)
    pressure[hadrons] = _hadron_gas(temperature[hadrons])[1]
    temperature[plasma] *= ((4 * energy[plasma] - four_bags) / (4 * EOSQ_ENERGY_PLASMA - four_bags)) ** 0.25
    pressure[plasma] = (energy[plasma] - four_bags) / 3
    return EquationOfState("EOSQ", energy, pressure, temperature, _entropy(energy, pressure, temperature))


def _nodes() -> Floats:
    return np.asarray((_STEP * np.arange(_N_NODES)) ** 4, np.float64)


def _entropy(energy: Floats, pressure: Floats, temperature: Floats) -> Floats:
    """The entropy density (e + P) / T, without net baryons; 0 in the vacuum."""
    return np.divide(energy + pressure, temperature, out=np.zeros_like(energy), where=temperature > 0)


def _temperature(energy: Floats, gas: Callable[[Floats], tuple[Floats, Floats]], highest: float) -> Floats:
    """Temperature (GeV) up to ``highest`` at which ``gas`` has this energy density; 0 in the vacuum."""
    fine = np.geomspace(1e-4, highest, 40_000)
    known = np.log(gas(fine)[0])
    with np.errstate(divide="ignore"):
        return np.where(energy > 0, np.exp(np.interp(np.log(energy), known, np.log(fine))), 0.0)


# (e - 3P)/T^4 of s95p-v1 as coefficients of powers of T/GeV, below and above 183.8 MeV (arXiv:0912.2541).
_BELOW = {1: 4.654, 3: -879.0, 4: 8081.0, 10: -7_039_000.0}
_ABOVE = {-2: 0.2660, -4: 2.403e-3, -10: -2.809e-7, -30: 6.073e-23}
_JOINT, _LOWEST, _P_LOWEST = 0.1838, 0.07, 0.1661  # GeV, GeV, P/T^4 there
_FROZEN = 0.165  # GeV, below which s95p-PCE165 has its numbers of hadrons fixed


def _series(terms: dict[int, float], temperature: Floats) -> tuple[Any, Any]:
    """The trace anomaly over T^4 and the integral of it over dT/T, up to a constant."""
    powers = [(c * temperature ** float(k), k) for k, c in terms.items()]
    return np.sum([p for p, _ in powers], axis=0), np.sum([p / k for p, k in powers], axis=0)


def _s95p_gas(temperature: Floats) -> tuple[Floats, Floats]:
    """Energy density and pressure (GeV/fm3); below 70 MeV, where s95p ends, a power of T that joins smoothly."""
    t = np.maximum(temperature, _LOWEST)
    marks = np.array([_LOWEST, _JOINT])
    low, high = _series(_BELOW, np.minimum(t, _JOINT)), _series(_ABOVE, np.maximum(t, _JOINT))
    at_marks, at_joint = _series(_BELOW, marks)[1], _series(_ABOVE, marks[1:])[1]
    per_t4 = _P_LOWEST + low[1] - at_marks[0] + np.where(t > _JOINT, high[1] - at_joint[0], 0.0)
    pressure = np.asarray(per_t4 * t**4 / HBARC**3, np.float64)
    ratio = 3 + np.where(t > _JOINT, high[0], low[0]) / per_t4  # e/P
    pressure = pressure * (np.minimum(temperature, _LOWEST) / _LOWEST) ** (1 + ratio)
    return ratio * pressure, pressure


@lru_cache(maxsize=1)
def _scales() -> tuple[float, float]:
    """Factors of temperature and pressure with which the gas of s95p is that of EOSQ at Tc."""
    fine = np.linspace(0.12, 0.18, 6001)
    energy, pressure = _s95p_gas(fine)
    ratio = EOSQ_PRESSURE / EOSQ_ENERGY_HADRON
    softest = int((pressure / energy).argmin())
    at_tc = float(np.interp(-ratio, -(pressure / energy)[:softest], fine[:softest]))
    return at_tc / EOSQ_TC, EOSQ_PRESSURE / float(np.interp(at_tc, fine, pressure))


def _hadron_gas(temperature: Floats) -> tuple[Floats, Floats]:
    """Energy density and pressure of EOSQ's hadron gas (GeV/fm3)."""
    heat, scale = _scales()
    energy, pressure = _s95p_gas(heat * temperature)
    return scale * energy, scale * pressure
