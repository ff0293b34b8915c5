"""Bremsstrahlung of electrons in the field of an atom, from below the electron's mass to full screening.

Born's cross section of the bare nucleus (Bethe and Heitler; formula 3BN of Koch and Motz, Rev. Mod. Phys. 31
(1959) 920) with Elwert's Coulomb factor, and on top of it what screening takes away: the difference of Tsai's
screened cross section (Rev. Mod. Phys. 46 (1974) 815, eqs. 3.38 to 3.41, 3.83) and its own unscreened limit. Both
limits come out exactly: 3BN where screening does not matter, Tsai's, whose integral is the radiation length,
where it is complete.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4.atoms import ALPHA, AVOGADRO, ELECTRON_MASS, ELECTRON_RADIUS_2, atomic_mass

__all__ = ["born", "coulomb_correction", "photon_spectrum", "radiated_fraction", "radiation_length"]

Floats = NDArray[np.float64]

# A photon takes at most this share of the kinetic energy: at the tip the electron stops, and 3BN is 0 / 0.
_TIP = 0.9999


def coulomb_correction(z: int) -> float:
    """f(Z) of Davies, Bethe and Maximon (Phys. Rev. 93 (1954) 788), as in PDG's chapter on passage (eq. 34.27)."""
    a2 = (ALPHA * z) ** 2
    return float(a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3))


def born(total: Floats, photon: Floats) -> Floats:
    """K dsigma/dk over alpha r_e^2 Z^2 of 3BN; energies in electron masses."""
    e0, k = total, photon
    e = e0 - k
    p0, p = np.sqrt(e0**2 - 1), np.sqrt(e**2 - 1)
    eps0, eps = 2 * np.log(e0 + p0), 2 * np.log(e + p)
    log = 2 * np.log((e0 * e + p0 * p - 1) / k)
    bracket = (
        8 / 3 * e0 * e / (p0 * p)
        + k**2 * ((e0 * e) ** 2 + (p0 * p) ** 2) / (p0 * p) ** 3
        + k
        / (2 * p0 * p)
        * ((e0 * e + p0**2) / p0**3 * eps0 - (e0 * e + p**2) / p**3 * eps + 2 * k * e0 * e / (p * p0) ** 2)
    )
    rest = (
        4 / 3
        - 2 * e0 * e * (p**2 + p0**2) / (p0 * p) ** 2
        + eps0 * e / p0**3
        + eps * e0 / p**3
        - eps * eps0 / (p0 * p)
    )
    return np.asarray(p / p0 * (rest + log * bracket))


def _elwert(z: int, total: Floats, photon: Floats) -> Floats:
    """Elwert's factor (Ann. Phys. 34 (1939) 178; Koch and Motz, eq. II-6)."""
    beta0, beta = (np.sqrt(1 - 1 / e**2) for e in (total, total - photon))
    a = 2 * np.pi * ALPHA * z
    return np.asarray(beta0 / beta * np.expm1(-a / beta0) / np.expm1(-a / beta))


def _screened(z: int, total: Floats, photon: Floats) -> tuple[Floats, Floats]:
    """Tsai's cross section less that of a bare nucleus, and his of the atom's electrons; as in ``born``."""
    y = photon / total
    momentum = 100 * photon / (total * (total - photon))
    g, e = momentum / z ** (1 / 3), momentum / z ** (2 / 3)
    phi1 = 20.863 - 2 * np.log1p((0.55846 * g) ** 2) - 4 * (1 - 0.6 * np.exp(-0.9 * g) - 0.4 * np.exp(-1.5 * g))
    psi1 = 28.340 - 2 * np.log1p((3.621 * e) ** 2) - 4 * (1 - 0.7 * np.exp(-8 * e) - 0.3 * np.exp(-29.2 * e))
    phi12 = 2 / 3 / (1 + 6.5 * g + 6 * g**2)
    psi12 = 2 / 3 / (1 + 40 * e + 400 * e**2)
    shape = 4 / 3 - 4 / 3 * y + y**2
    bare = 20.863 - 4 - 4 * np.log(0.55846) - 4 * np.log(g)  # phi1 for large g
    nucleus = shape * (phi1 - bare - 4 * coulomb_correction(z)) + 2 / 3 * (1 - y) * phi12
    electrons = shape * (psi1 - 8 / 3 * np.log(z)) + 2 / 3 * (1 - y) * psi12
    return nucleus, electrons / z


def photon_spectrum(z: int, kinetic: Floats, fraction: Floats) -> Floats:
    """beta^2 / Z^2 k dsigma/dk in mb, as Seltzer and Berger scale it (At. Data Nucl. Data Tables 35 (1986) 345).

    ``kinetic`` is the electron's energy in MeV, ``fraction`` the share of it that the photon takes. Radiation in
    the field of the atom's own electrons fades as T / (T + m), since slow pairs of electrons have no dipole: a
    choice of ours, which matters where almost nothing is radiated.
    """
    total = 1 + np.asarray(kinetic, np.float64) / ELECTRON_MASS
    photon = np.clip(fraction, 1e-9, _TIP) * (total - 1)
    beta2 = 1 - 1 / total**2
    nucleus, electrons = _screened(z, total, photon)
    scaled = born(total, photon) * _elwert(z, total, photon) + nucleus / beta2
    scaled = scaled + electrons * (1 - 1 / total)
    # Tsai's atom is none for slow electrons; 3BN's tip is zero without Coulomb's field.
    return np.asarray(1000 * ALPHA * ELECTRON_RADIUS_2 * beta2 * np.maximum(scaled, 0.1))


def radiated_fraction(z: int, kinetic: float) -> float:
    """The share of its kinetic energy that an electron radiates on 1 g/cm2: a little more than 1 / X0 if fast."""
    fraction = np.linspace(0, 1, 4001)
    energy = np.full_like(fraction, kinetic)
    beta2 = 1 - (1 + kinetic / ELECTRON_MASS) ** -2
    per_atom = np.trapezoid(photon_spectrum(z, energy, fraction), fraction) * z**2 / beta2 / 1000
    return float(per_atom * AVOGADRO / atomic_mass(z))


def radiation_length(z: int) -> float:
    """X0 in g/cm2 from ``photon_spectrum`` at 1 TeV, by its definition (PDG, eqs. 34.25 to 34.29).

    With complete screening an electron loses 1 / X0 + (Z^2 + Z) / 18 of 4 alpha r_e^2 N / A.
    """
    unit = 4 * ALPHA * ELECTRON_RADIUS_2 * AVOGADRO / atomic_mass(z)
    return 1 / (radiated_fraction(z, 1e6) - unit * (z**2 + z) / 18)
