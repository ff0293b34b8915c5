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

__all__ = [
    "EOSQ_ENERGY_HADRON",
    "EOSQ_ENERGY_PLASMA",
    "EOSQ_TC",
    "HBARC",
    "EquationOfState",
    "conformal",
    "eosq",
    "s95p",
]

HBARC = 0.1973269804  # GeV fm, CODATA 2018
# Critical temperature in GeV, energy densities in GeV/fm3 at which the mixed phase of EOSQ ends and begins;
# Kolb, Sollfrank, Heinz, Phys. Rev. C 62 (2000) 054909, hep-ph/0006129.
EOSQ_TC, EOSQ_ENERGY_HADRON, EOSQ_ENERGY_PLASMA = 0.164, 0.45, 1.6

_STEP, _N_NODES = 0.003, 2400  # of (e / GeV fm^-3)^(1/4): up to e = 2,680 GeV/fm3, T of about 1 GeV

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EquationOfState:
    """Thermodynamics at the nodes of a table; all arrays (n,) float64, rising with the energy density.

    energy, pressure: GeV/fm3; temperature: GeV; entropy: 1/fm3. ``step`` is the distance of the nodes in
    (e / GeV fm^-3)^(1/4); the first node is the vacuum.
    """

    name: str
    energy: Floats
    pressure: Floats
    temperature: Floats
    entropy: Floats
    step: float = _STEP

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
def eosq() -> EquationOfState:
    """EOSQ: first order; hadron gas and bag-model plasma joined by a Maxwell construction (hep-ph/0006129).

    The published hadron gas is a sum over resonances. Here it is that of s95p, whose pressure is changed
    by a term in T^30 such that the energy density at Tc = 164 MeV is the published 0.45 GeV/fm3 (it would be 6 %
    more otherwise): at freeze-out both equations of state describe nearly the same gas. The plasma's bag constant
    and its degrees of freedom follow from e_Q and the common pressure at Tc; B^(1/4) comes out close to the
    published 230 MeV.
    """
    energy = _nodes()
    pressure_c = float(_hadron_gas(np.array([EOSQ_TC]))[1][0])
    bag = (EOSQ_ENERGY_PLASMA - 3 * pressure_c) / 4
    plasma = energy > EOSQ_ENERGY_PLASMA
    temperature = np.full(len(energy), EOSQ_TC)
    hadrons = energy < EOSQ_ENERGY_HADRON
    temperature[hadrons] = _temperature(energy[hadrons], _hadron_gas, 1.01 * EOSQ_TC)
    temperature[plasma] *= ((energy[plasma] - bag) / (EOSQ_ENERGY_PLASMA - bag)) ** 0.25
    pressure = np.full(len(energy), pressure_c)
    pressure[hadrons] = _hadron_gas(temperature[hadrons])[1]
    pressure[plasma] = (energy[plasma] - 4 * bag) / 3
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


def _hadron_gas(temperature: Floats) -> tuple[Floats, Floats]:
    """Energy density and pressure of EOSQ's hadron gas (GeV/fm3)."""
    power = 30
    missing = EOSQ_ENERGY_HADRON - float(_s95p_gas(np.array([EOSQ_TC]))[0][0])
    added = missing / (power - 1) * (temperature / EOSQ_TC) ** power
    energy, pressure = _s95p_gas(temperature)
    return energy + (power - 1) * added, pressure + added
