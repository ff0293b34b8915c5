"""Monte-Carlo Glauber initial states (Miller et al., Ann. Rev. Nucl. Part. Sci. 57 (2007) 205)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["SYSTEMS", "Collision", "System", "collide", "eccentricity", "entropy_density", "impact_parameter"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """Two like nuclei at one energy.

    nucleons: mass number; radius, diffuseness: of the Woods-Saxon density in fm; cross_section: inelastic
    nucleon-nucleon, fm2; total: inelastic nucleus-nucleus, fm2, which turns centralities into impact parameters;
    entropy: per unit of rapidity, for a pair of wounded nucleons (below), tuned to the charged multiplicity of
    central collisions.
    """

    nucleons: int
    radius: float
    diffuseness: float
    cross_section: float
    total: float
    entropy: float


# Densities and cross sections as in nucl-ex/0701025 (Au) and arXiv:1301.4361 (Pb, 64 mb). The entropies
# correspond to dN_ch/deta of about 690 (PHOBOS, arXiv:1011.1940) and 1600 (ALICE, arXiv:1012.1657) in the 5 % most
# central collisions, at 7.5 units of entropy a charged particle.
SYSTEMS = {
    "Au+Au": System(197, 6.38, 0.535, 4.2, 685.0, 17.5),
    "Pb+Pb": System(208, 6.62, 0.546, 6.4, 770.0, 30.0),
}
# Share of binary collisions in the entropy: dN/deta ~ (1 - x) N_part / 2 + x N_coll with x of about 0.13 to 0.15
# at both energies (nucl-ex/0701025, arXiv:1301.4361).
_HARD = 0.14


@dataclass(frozen=True)
class Collision:
    """Where entropy goes: positions (M, 2) in fm, and its amount at each of them, (M,)."""

    positions: Floats
    entropy: Floats


def impact_parameter(system: System, centrality: float) -> float:
    """Impact parameter in fm of a geometric ``centrality`` (per cent)."""
    return float(np.sqrt(centrality / 100 * system.total / np.pi))


def collide(system: System, b: float, fluctuation: float, rng: np.random.Generator) -> Collision:
    """Collide two nuclei at impact parameter ``b`` (fm) along x; drawn again until nucleons collide.

    Nucleons are black discs. Each wounded one deposits (1 - x)/2 and each binary collision x of the entropy,
    times a gamma-distributed weight of mean 1 and variance 1 / ``fluctuation`` (0: none).
    """
    while True:
        shift = np.array([b / 2, 0])
        first, second = _nucleus(system, rng) - shift, _nucleus(system, rng) + shift
        distance2 = ((first[:, None] - second) ** 2).sum(axis=-1)
        hits = distance2 < system.cross_section / np.pi
        if hits.any():
            break
    i, j = np.nonzero(hits)
    wounded = np.concatenate([first[hits.any(axis=1)], second[hits.any(axis=0)]])
    positions = np.concatenate([wounded, (first[i] + second[j]) / 2])
    share = np.repeat([(1 - _HARD) / 2, _HARD], [len(wounded), len(i)])
    weight = rng.gamma(fluctuation, 1 / fluctuation, len(share)) if fluctuation else 1.0
    return Collision(positions, system.entropy * share * weight)


def entropy_density(collision: Collision, tau: float, n_cells: int, cell: float, width: float) -> Floats:
    """Entropy density at ``tau`` in 1/fm3, (n_cells, n_cells): a Gaussian of ``width`` (fm) at every position.

    The grid's middle is the centre of the entropy, x is the first axis.
    """
    positions = collision.positions - np.average(collision.positions, axis=0, weights=collision.entropy)
    density = np.zeros((n_cells, n_cells))
    _deposit(positions / cell + (n_cells - 1) / 2, collision.entropy, width / cell, density)
    return density / (2 * np.pi * width**2 * tau)


@njit(cache=True)
def _deposit(places: Floats, weights: Floats, width: float, density: Floats) -> None:
    """Add Gaussians of height ``weights`` at ``places`` (n, 2), in cells; beyond six widths they are nothing."""
    n, reach = len(density), math.ceil(6 * width)
    along, across = np.empty(2 * reach + 1), np.empty(2 * reach + 1)
    for (x, y), weight in zip(places, weights):  # noqa: B905  numba knows no strict
        first_x, first_y = math.floor(x) - reach, math.floor(y) - reach
        for k in range(len(along)):
            along[k] = weight * math.exp(-((first_x + k - x) ** 2) / (2 * width**2))
            across[k] = math.exp(-((first_y + k - y) ** 2) / (2 * width**2))
        low, high = max(first_y, 0), min(first_y + len(across), n)
        for i in range(max(first_x, 0), min(first_x + len(along), n)):
            factor = along[i - first_x]
            for j in range(low, high):
                density[i, j] += factor * across[j - first_y]


def eccentricity(density: Floats, cell: float, order: int = 2) -> tuple[float, float]:
    """Eccentricity epsilon_n of ``density`` and its participant-plane angle (arXiv:1003.0194)."""
    x, y = (cell * (np.indices(density.shape)[k] - (density.shape[k] - 1) / 2) for k in (0, 1))
    x, y = (a - np.average(a, weights=density) for a in (x, y))
    z = np.average((x + 1j * y) ** order, weights=density) / np.average(np.hypot(x, y) ** order, weights=density)
    return float(abs(z)), float((np.angle(z) + np.pi) / order)


def _nucleus(system: System, rng: np.random.Generator) -> Floats:
    """Transverse positions (A, 2) of independent nucleons with a Woods-Saxon density."""
    found = np.empty(0)
    while len(found) < system.nucleons:
        r = 3 * system.radius * rng.random(16 * system.nucleons) ** (1 / 3)
        # Kept with the probability 1 / (1 + exp((r - R) / a)), written so that it cannot overflow.
        keep = rng.random(len(r)) < 0.5 * (1 - np.tanh((r - system.radius) / (2 * system.diffuseness)))
        found = np.concatenate([found, r[keep]])
    direction = rng.normal(size=(system.nucleons, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return np.asarray(found[: system.nucleons, None] * direction[:, :2])
