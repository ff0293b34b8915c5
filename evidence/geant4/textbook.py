"""What textbooks say of the same showers and tracks, each with its source."""

from __future__ import annotations

import numpy as np

from pd4ml.physics.geant4 import Material, Stack
from pd4ml.physics.geant4.atoms import ELEMENTS

__all__ = [
    "CRITICAL",
    "RADIATION_LENGTH",
    "critical_energy",
    "depth_grindhammer",
    "depth_pdg",
    "radiation_length",
    "tiles",
]

# PDG, atomic and nuclear properties: g/cm2.
RADIATION_LENGTH = {
    "H": 63.04,
    "C": 42.70,
    "N": 37.99,
    "O": 34.24,
    "Si": 21.82,
    "Cl": 19.28,
    "Ar": 19.55,
    "Mn": 14.64,
    "Fe": 13.84,
    "Cu": 12.86,
}
CRITICAL = {"Fe": 21.68, "Ar": 32.84}  # PDG, MeV, Rossi's definition, argon as a liquid
_B = 0.5  # PDG's section on electromagnetic cascades: about that for all but the lightest elements
_Z = {element.symbol: element for element in ELEMENTS.values()}


def radiation_length(material: Material) -> float:
    """G/cm2 of a mixture."""
    return 1 / sum(share / RADIATION_LENGTH[symbol] for symbol, share in material.composition)


def critical_energy(material: Material) -> float:
    """MeV: 2.66 (X0 Z / A)^1.1 (Grindhammer and Peters, eq. 8), elements weighted by their share of X0."""
    total = 0.0
    for symbol, share in material.composition:
        element, x0 = _Z[symbol], RADIATION_LENGTH[symbol]
        total += share / x0 * 2.66 * (x0 * element.z / element.mass) ** 1.1
    return total * radiation_length(material)


def depth_pdg(energy: float, critical: float) -> float:
    """Mean depth of an electron's shower in X0: a / b of PDG's gamma profile, ln(E/Ec) - 0.5 + 1 / b."""
    return float(np.log(energy / critical) - 0.5 + 1 / _B)


def depth_grindhammer(energy: float, critical: float, z: float) -> float:
    """The same of Grindhammer and Peters (hep-ex/0001020), homogeneous media.

    T alpha / (alpha - 1) with T = ln y - 0.812 and alpha = 0.81 + (0.458 + 2.26 / Z) ln y, as Geant4's gflash has
    them too.
    """
    log = np.log(energy / critical)
    place, alpha = log - 0.812, 0.81 + (0.458 + 2.26 / z) * log
    return float(place * alpha / (alpha - 1))


def tiles(stack: Stack) -> tuple[np.ndarray, float, float]:
    """Depth of the middle of each sensitive layer in X0; critical energy and mean Z of the stack, both by X0."""
    depth, places, critical, z = 0.0, [], 0.0, 0.0
    for layer in stack.layers:
        material = layer.material
        x0 = layer.thickness / 10 * material.density / radiation_length(material)
        if layer.sensitive:
            places.append(depth + x0 / 2)
        critical += x0 * critical_energy(material)
        z += x0 * sum(share * _Z[symbol].z for symbol, share in material.composition)
        depth += x0
    return np.array(places), critical / depth, z / depth
