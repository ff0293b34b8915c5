"""Depth of the shower maximum: generalised Gumbel distributions fitted to EPOS-LHC (JCAP 07 (2013) 050)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MASS_NUMBERS", "draw_xmax", "gumbel_parameters"]

# Primary nuclei and their mass numbers.
MASS_NUMBERS = {"p": 1, "He": 4, "N": 14, "O": 16, "Si": 28, "Fe": 56}

# Rows: powers of lg(E/eV) - 19; columns: powers of ln A.
_MU = np.array([[775.589, -7.047, -2.427], [57.589, -0.743, 0.214], [-0.820, -0.169, -0.027]])  # g/cm2
_SIGMA = np.array([[29.403, 13.553, -3.154], [0.096, -0.961, 0.150]])  # g/cm2
_LAMBDA = np.array([[0.563, 0.711, 0.058], [0.039, 0.067, -0.004]])

Floats = NDArray[np.float64]


def gumbel_parameters(lg_energy: Floats, mass: Floats) -> tuple[Floats, Floats, Floats]:
    """Location mu and scale sigma (g/cm2) and shape lambda for lg(E/eV) and mass number, each (N,).

    With psi the digamma function, mean = mu - sigma (psi(lambda) - ln lambda), variance = sigma^2 psi'(lambda).
    """
    energy, ln_mass = np.asarray(lg_energy) - 19.0, np.log(mass)
    mu, sigma, shape = (
        sum(
            value * energy**row * ln_mass**column
            for row, line in enumerate(table)
            for column, value in enumerate(line)
        )
        for table in (_MU, _SIGMA, _LAMBDA)
    )
    return mu, sigma, shape


def draw_xmax(lg_energy: Floats, mass: Floats, deepest: Floats, rng: np.random.Generator) -> Floats:
    """Xmax in g/cm2, (N,), for lg(E/eV) and mass number; drawn again while it is deeper than ``deepest``.

    X = mu - sigma ln G, with G from a gamma distribution of shape lambda and mean 1.
    """
    mu, sigma, shape = gumbel_parameters(lg_energy, mass)
    xmax, again = np.empty(len(mu)), np.arange(len(mu))
    while len(again):
        gamma = rng.gamma(shape[again], 1 / shape[again])
        xmax[again] = mu[again] - sigma[again] * np.log(gamma)
        again = again[xmax[again] > deepest[again]]
    return xmax
