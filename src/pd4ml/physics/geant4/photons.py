"""Photons below pair production: photoelectric effect, coherent scattering, attenuation; and giant resonances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4.atoms import (
    ALPHA,
    AVOGADRO,
    ELECTRON_MASS,
    ELECTRON_RADIUS_2,
    ELEMENTS,
    Element,
    atomic_mass,
)

__all__ = ["attenuation", "coherent", "giant_resonance", "incoherent", "k_jump", "photoelectric"]

Floats = NDArray[np.float64]
_ANCHOR = np.array([0.010])  # MeV


def incoherent(energy: Floats) -> Floats:
    """Klein and Nishina's cross section in barn of one electron; ``energy`` in MeV."""
    a = energy / ELECTRON_MASS
    b = 1 + 2 * a
    log = np.log1p(2 * a)
    first = (1 + a) / a**2 * (2 * (1 + a) / b - log / a)
    return np.asarray(2 * np.pi * ELECTRON_RADIUS_2 * (first + log / (2 * a) - (1 + 3 * a) / b**2))


def coherent(z: int, energy: Floats) -> Floats:
    """Rayleigh scattering in barn, of an atom whose electrons screen as exp(-r/a) / r.

    Thomson's cross section times the square of the form factor Z / (1 + q^2 a^2), with Thomas and Fermi's
    a = 0.885 a0 Z^(-1/3) (Jackson, Classical Electrodynamics, sections 13.5 and 14.8).
    """
    radius = 0.885 / (ALPHA * ELECTRON_MASS) / z ** (1 / 3)  # hbar c / MeV
    b = 2 * (np.asarray(energy) * radius) ** 2
    # The integral of (1 + c^2) / (1 + b (1 - c))^2 over the cosine c: closed, or by points where that cancels.
    cosine, weight = np.polynomial.legendre.leggauss(16)
    points = (1 + cosine**2) / (1 + np.minimum(b, 0.1)[:, None] * (1 - cosine)) ** 2 @ weight
    large = np.maximum(b, 0.1)
    s, u = 1 + 1 / large, 1 + 2 * large
    closed = ((1 + s**2) * (1 - 1 / u) - 2 * s / large * np.log(u) + 2 / large) / large
    return np.asarray(np.pi * ELECTRON_RADIUS_2 * z**2 * np.where(b < 0.1, points, closed))


def k_jump(z: int) -> float:
    """What the cross section falls by below the K edge: 125 / Z + 3.5 (recalled; a test holds it to NIST's)."""
    return 125 / z + 3.5


def photoelectric(z: int, energy: Floats) -> Floats:
    """Cross section in barn: Sauter's for fast electrons, Stobbe's close to the edge (Heitler, section 21).

    Both are of the K shell of hydrogen, so that the size is taken from NIST's attenuation at 10 keV.
    """
    element = ELEMENTS[z]
    scattered = z * incoherent(_ANCHOR) + coherent(z, _ANCHOR)
    anchor = element.attenuation_10_kev * element.mass / AVOGADRO - scattered
    above = np.maximum(energy, element.k_edge)
    found = anchor * _hydrogenic(element, above) / _hydrogenic(element, _ANCHOR)
    slope = np.where(energy < element.k_edge, (element.k_edge / energy) ** 2.7 / k_jump(z), 1.0)
    return np.asarray(found * slope)


def _hydrogenic(element: Element, energy: Floats) -> Floats:
    """The shape of the K shell's cross section: Sauter's relativistic one times Stobbe's factor."""
    g = 1 + energy / ELECTRON_MASS
    root = np.sqrt(g**2 - 1)
    log = np.log((g + root) / (g - root))
    # For slow electrons the bracket is a difference of large numbers: its limit is 4/3.
    slow = energy < 1e-4 * ELECTRON_MASS
    bracket = np.where(slow, 4 / 3, 4 / 3 + g * (g - 2) / (g + 1) * (1 - log / (2 * g * root)))
    sauter = (ELECTRON_MASS / energy) ** 5 * root**3 * bracket
    xi = np.sqrt(element.k_edge / np.maximum(energy - element.k_edge, 1e-6 * element.k_edge))
    stobbe = np.sqrt(element.k_edge / energy) * np.exp(-4 * xi * np.arctan2(1, xi)) / -np.expm1(-2 * np.pi * xi)
    return np.asarray(sauter * stobbe)


def attenuation(z: int, energy: Floats) -> Floats:
    """Attenuation in cm2/g below the threshold of pairs: what NIST's tables hold."""
    barn = photoelectric(z, energy) + z * incoherent(energy) + coherent(z, energy)
    return np.asarray(barn * AVOGADRO / atomic_mass(z))


def giant_resonance(z: int, energy: Floats) -> Floats:
    """Photonuclear cross section in barn: a Lorentz curve that holds the dipole sum rule, 60 N Z / A MeV mb.

    Its place, 31.2 A^(-1/3) + 20.6 A^(-1/6) MeV, is the systematics of Berman and Fultz (Rev. Mod. Phys. 47 (1975)
    713), its width of 5 MeV a typical one. Hydrogen has none.
    """
    if z == 1:
        return np.zeros_like(energy)
    a = atomic_mass(z)
    place, width = 31.2 * a ** (-1 / 3) + 20.6 * a ** (-1 / 6), 5.0
    curve = 1 / (1 + ((energy**2 - place**2) / np.maximum(energy * width, 1e-9)) ** 2)
    return np.asarray(0.060 * (a - z) * z / a * 2 / (np.pi * width) * curve)
