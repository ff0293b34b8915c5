"""Neutrons below 20 MeV: smooth curves through well-known values, without the resonances.

Hydrogen follows from the effective range of nuclear forces (Blatt and Weisskopf, Theoretical Nuclear Physics,
1952, ch. II). Iron and carbon go through a dozen points each, recalled from evaluated data and smoothed by eye:
a test holds their totals at 14 MeV to the textbook's. What is not known is scaled with the nucleus's area,
A^(2/3), from carbon below A = 20 and from iron above. Capture falls as 1 / v from its value for thermal neutrons
(Mughabghab's atlas, recalled).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4.atoms import atomic_mass

__all__ = ["capture", "elastic", "inelastic", "proton_scattering"]

Floats = NDArray[np.float64]

_THERMAL = 25.3e-9  # MeV
# Barn, of thermal neutrons.
_CAPTURE = {
    1: 0.3326,
    6: 0.0035,
    7: 0.075,
    8: 0.00019,
    14: 0.171,
    17: 33.5,
    18: 0.675,
    25: 13.3,
    26: 2.56,
    29: 3.78,
}
# MeV, barn.
_ELASTIC = {
    6: ((1e-9, 4.75), (0.1, 4.5), (1, 2.58), (3, 1.6), (8, 1.0), (14, 0.82), (20, 0.95)),
    26: ((1e-9, 11.6), (1e-3, 8), (0.03, 3.0), (1, 2.6), (3, 2.2), (10, 1.5), (14, 1.22), (20, 1.2)),
}
_INELASTIC = {
    6: ((4.8, 0.01), (7, 0.25), (10, 0.35), (14, 0.5), (20, 0.45)),
    26: ((0.86, 0.05), (2, 0.8), (4, 1.35), (8, 1.42), (14, 1.38), (20, 1.2)),
}


def _model(z: int) -> tuple[int, float]:
    """The nucleus that stands for this one, and the ratio of their areas."""
    known = 6 if atomic_mass(z) < 20 else 26
    return known, (atomic_mass(z) / atomic_mass(known)) ** (2 / 3)


def proton_scattering(energy: Floats) -> Floats:
    """Neutrons on protons, in barn: triplet and singlet scattering lengths and effective ranges.

    5.42, 1.76, -23.74 and 2.77 fm (Bohr and Mottelson, Nuclear Structure I, section 2-5, recalled).
    """
    k2 = 939.0 * energy / 2 / 197.327**2  # fm^-2, in the centre of mass, where half of the energy is
    return np.asarray(
        0.01
        * np.pi
        * sum(w / (k2 + (1 / a - r * k2 / 2) ** 2) for w, a, r in ((3, 5.42, 1.76), (1, -23.74, 2.77)))
    )


def elastic(z: int, energy: Floats) -> Floats:
    """Elastic cross section in barn; ``energy`` in MeV."""
    if z == 1:
        return proton_scattering(energy)
    known, area = _model(z)
    points = np.log(_ELASTIC[known])
    return np.asarray(area * np.exp(np.interp(np.log(energy), points[:, 0], points[:, 1])))


def inelastic(z: int, energy: Floats) -> Floats:
    """All that is neither elastic nor capture, in barn: nothing below the first level."""
    if z == 1:
        return np.zeros_like(energy)
    known, area = _model(z)
    points = np.asarray(_INELASTIC[known])
    return np.asarray(area * np.interp(energy, points[:, 0], points[:, 1], left=0.0))


def capture(z: int, energy: Floats) -> Floats:
    """Capture in barn."""
    return np.asarray(_CAPTURE[z] * np.sqrt(_THERMAL / energy))
