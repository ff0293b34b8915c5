"""The elements that stand-in tables are written for, and what is known of each.

Masses are standard atomic weights (IUPAC, abridged), K edges those of the X-ray Data Booklet (LBNL, section
1.1), attenuation of photons of 10 keV is NIST's (Hubbell and Seltzer, NISTIR 5632, table 3). All are written
down from memory; tests hold what follows from them to PDG's radiation lengths, to NIST's attenuation at other
energies and to the trend with Z.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ALPHA",
    "AVOGADRO",
    "ELECTRON_MASS",
    "ELECTRON_RADIUS_2",
    "ELEMENTS",
    "Element",
    "atomic_mass",
]

# CODATA 2018.
ALPHA = 1 / 137.035999
ELECTRON_MASS = 0.51099895  # MeV
ELECTRON_RADIUS_2 = 0.0794077  # barn, square of the classical radius
AVOGADRO = 0.602214076  # per mol and barn: barn an atom over g/mol gives cm2/g


@dataclass(frozen=True)
class Element:
    """An element: its mass in g/mol, K edge in MeV, attenuation of 10 keV photons in cm2/g, stable isotopes."""

    symbol: str
    z: int
    mass: float
    k_edge: float
    attenuation_10_kev: float
    isotopes: tuple[int, ...]


_ELEMENTS = (
    Element("H", 1, 1.008, 13.6e-6, 0.3854, (1, 2)),
    Element("C", 6, 12.011, 284.2e-6, 2.373, (12, 13)),
    Element("N", 7, 14.007, 409.9e-6, 3.879, (14, 15)),
    Element("O", 8, 15.999, 543.1e-6, 5.952, (16, 17, 18)),
    Element("Si", 14, 28.085, 1838.9e-6, 33.89, (28, 29, 30)),
    Element("Cl", 17, 35.45, 2822.4e-6, 57.25, (35, 37)),
    Element("Ar", 18, 39.948, 3205.9e-6, 63.16, (36, 38, 40)),
    Element("Mn", 25, 54.938, 6539.0e-6, 151.4, (55,)),
    Element("Fe", 26, 55.845, 7112.0e-6, 170.6, (54, 56, 57, 58)),
    Element("Cu", 29, 63.546, 8979.0e-6, 215.9, (63, 65)),
)
ELEMENTS = {element.z: element for element in _ELEMENTS}


def atomic_mass(z: int) -> float:
    """Mass in g/mol of any element: Weizsaecker's valley of stability where it is not in ``ELEMENTS``.

    A follows from 2 Z = A / (1 + 0.0078 A^(2/3)), the least mass of an isobar (Fermi, Nuclear Physics, 1950, ch.
    I).
    """
    if z in ELEMENTS:
        return ELEMENTS[z].mass
    mass = 2.0 * z
    for _ in range(20):
        mass = 2 * z * (1 + 0.0078 * mass ** (2 / 3))
    return mass
