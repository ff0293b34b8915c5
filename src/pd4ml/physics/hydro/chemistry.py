"""A gas of hadrons whose numbers are frozen: partial chemical equilibrium.

Below a temperature of chemical freeze-out hadrons that live long keep their numbers, those in resonances included,
while resonances go on to be formed and to decay: their chemical potentials are the sums of those of their products
(Bebie, Gerber, Goity, Leutwyler, Nucl. Phys. B 378 (1992) 95; Hirano, Tsuda, Phys. Rev. C 66 (2002) 054905). Flow
without dissipation then keeps the ratios of numbers to the entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.hydro.resonances import PHOTON, STABLE, hadrons

__all__ = ["HBARC", "Chemistry", "freeze_chemistry"]

Floats = NDArray[np.float64]

HBARC = 0.1973269804  # GeV fm, CODATA 2018
# Whose numbers are fixed: hadrons that do not decay by strong forces within 10 fm, as in s95p-PCE165.
_FIXED = (*(name for name in STABLE if name != PHOTON), "eta", "eta'", "phi")
_MOMENTA = np.linspace(0.0, 4.0, 201)[1:]  # GeV
_COLDEST, _STEP = 0.08, 0.0025  # GeV


@dataclass(frozen=True, eq=False)
class Chemistry:
    """The gas at rising temperatures: arrays (n,).

    temperature: GeV; energy, pressure: GeV/fm3; entropy: 1/fm3; chemical: chemical potentials in GeV by name.
    """

    temperature: Floats
    energy: Floats
    pressure: Floats
    entropy: Floats
    chemical: dict[str, Floats]

    def potentials(self, temperature: float) -> tuple[tuple[str, float], ...]:
        """Chemical potentials (GeV) of all hadrons by name at a temperature (GeV); none above freeze-out."""
        if temperature >= self.temperature[-1]:
            return ()
        return tuple((n, float(np.interp(temperature, self.temperature, mu))) for n, mu in self.chemical.items())


def freeze_chemistry(temperature: float) -> Chemistry:
    """The gas whose numbers of hadrons are those of equilibrium at ``temperature`` (GeV), from 80 MeV up to it."""
    numbers = _numbers()
    mu = np.zeros(len(_FIXED))
    energy, pressure, entropy, density, _ = _gas(temperature, mu, numbers)
    ratio = density / entropy
    found = [(temperature, energy, pressure, entropy, numbers @ mu)]
    for t in np.arange(temperature, _COLDEST, -_STEP)[1:]:
        for _ in range(50):
            energy, pressure, entropy, density, change = _gas(float(t), mu, numbers)
            # Newton's step in the densities alone; what the entropy changes comes in by repetition.
            step = np.linalg.solve(change, ratio * entropy - density)
            mu = mu + step
            if np.abs(step).max() < 1e-7:
                break
        found.append((float(t), energy, pressure, entropy, numbers @ mu))
    t_, e_, p_, s_, mu_ = (np.array(column) for column in zip(*reversed(found), strict=True))
    return Chemistry(t_, e_, p_, s_, dict(zip(hadrons(), mu_.T, strict=True)))


def _numbers() -> Floats:
    """How many of the fixed hadrons each hadron counts for, (all hadrons, fixed ones)."""
    found: dict[str, Floats] = {PHOTON: np.zeros(len(_FIXED))}
    for name, hadron in hadrons().items():
        if name in _FIXED:
            found[name] = np.eye(len(_FIXED))[_FIXED.index(name)]
        else:
            found[name] = sum(
                (ratio * found[d] for ratio, daughters in hadron.decays for d in daughters), np.zeros(len(_FIXED))
            )
    return np.array([found[name] for name in hadrons()])


def _gas(temperature: float, mu: Floats, numbers: Floats) -> tuple[float, float, float, Floats, Floats]:
    """Energy density, pressure (GeV/fm3), entropy density, those of the fixed hadrons (1/fm3), their slopes."""
    gas = list(hadrons().values())
    mass, states, sign = (
        np.array([[v] for v in values])
        for values in zip(*((h.mass, h.states, 1.0 if h.fermion else -1.0) for h in gas), strict=True)
    )
    potential = (numbers @ mu)[:, None]
    e = np.hypot(_MOMENTA, mass)
    f = 1 / (np.exp((e - potential) / temperature) + sign)
    measure = states * _MOMENTA**2 * (_MOMENTA[1] - _MOMENTA[0]) / (2 * np.pi**2 * HBARC**3)
    n, energy = (measure * f).sum(axis=1), float((measure * f * e).sum())
    pressure = float((measure * f * _MOMENTA**2 / (3 * e)).sum())
    slope = (measure * f * (1 - sign * f)).sum(axis=1) / temperature
    entropy = (energy + pressure - float(n @ potential[:, 0])) / temperature
    return energy, pressure, entropy, n @ numbers, numbers.T @ (slope[:, None] * numbers)
