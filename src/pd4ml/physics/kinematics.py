"""Kinematics of four-momenta (E, px, py, pz), in GeV; angles in radians, phi in [-pi, pi)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["delta_phi", "delta_r", "pseudorapidity", "pt_eta_phi_mass"]


@njit(cache=True)
def delta_phi(phi_a: float, phi_b: float) -> float:
    """phi_a - phi_b, wrapped into [-pi, pi)."""
    return (phi_a - phi_b + math.pi) % (2.0 * math.pi) - math.pi


@njit(cache=True)
def delta_r(eta_a: float, phi_a: float, eta_b: float, phi_b: float) -> float:
    """Distance in the plane of pseudorapidity and azimuth."""
    return math.hypot(eta_a - eta_b, delta_phi(phi_a, phi_b))


@njit(cache=True)
def pseudorapidity(pt: float, pz: float) -> float:
    """Pseudorapidity, asinh(pz / pt); plus or minus infinity along the beam."""
    if pt == 0.0:
        return math.copysign(math.inf, pz)
    return math.asinh(pz / pt)


def pt_eta_phi_mass(p4: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """Transverse momentum, pseudorapidity, azimuth and mass of ``p4`` (..., 4); each (...).

    A mass squared below zero, a rounding error of massless momenta, gives the mass 0; a momentum along the
    beam has an infinite pseudorapidity, the zero momentum (padding) the pseudorapidity 0.
    """
    energy, px, py, pz = np.moveaxis(np.asarray(p4, dtype=np.float64), -1, 0)
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.where((pt == 0) & (pz == 0), 0.0, np.arcsinh(pz / pt))
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return pt, eta, (np.arctan2(py, px) + np.pi) % (2 * np.pi) - np.pi, mass
