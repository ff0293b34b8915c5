"""What taggers of boosted tops used before networks: masses, subjets, N-subjettiness, energy correlations.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import prange
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.kinematics import delta_r, pseudorapidity
from pd4ml.storage.store import Array

__all__ = ["summary"]

_RADIUS = 0.8
_N_MAX = 80  # leading constituents that are clustered; energy correlations of three take _N_TRIPLES
_N_TRIPLES = 30
_NAMES = (
    *("mass", "pt", "abs_eta", "constituents", "width", "ptd", "leading_share", "five_share"),
    *("tau1", "tau21", "tau32", "sqrt_d12", "sqrt_d23", "e2", "C2", "D2"),
    *("subjet_mass_min", "subjet_mass_max", "subjet_mass_third", "subjet_pt_share"),
)


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each jet, masses and pT in GeV.

    Subjets are the exclusive kT jets (Nucl. Phys. B 406 (1993) 187) of the constituents; their axes
    are those of N-subjettiness (arXiv:1011.2268). Energy correlations: C2 of arXiv:1305.0007, D2 of
    arXiv:1409.6298, beta = 1.
    """
    constituents = np.ascontiguousarray(arrays["constituents"], np.float32)
    values = _summaries(constituents)
    return {name: values[:, k] for k, name in enumerate(_NAMES)}


@njit(cache=True, parallel=True)
def _summaries(constituents: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, len(_NAMES))."""
    out = np.zeros((len(constituents), len(_NAMES)))
    for i in prange(len(constituents)):
        n = 0
        while n < constituents.shape[1] and constituents[i, n, 0] > 0:
            n += 1
        if n > 0:
            _one(constituents[i, :n].astype(np.float64), out[i])
    return out


@njit(cache=True)
def _coordinates(p4: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3): pT, pseudorapidity, azimuth."""
    out = np.empty((len(p4), 3))
    for i in range(len(p4)):
        pt = max(math.hypot(p4[i, 1], p4[i, 2]), 1e-6)
        out[i, 0], out[i, 1], out[i, 2] = pt, pseudorapidity(pt, p4[i, 3]), math.atan2(p4[i, 2], p4[i, 1])
    return out


@njit(cache=True)
def _mass(p: NDArray[np.float64]) -> float:
    return math.sqrt(max(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0.0))


@njit(cache=True)
def _one(p4: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """The numbers of one jet of the constituents ``p4`` (n, 4)."""
    jet = np.zeros(4)
    for i in range(len(p4)):
        jet += p4[i]
    axis = _coordinates(jet.reshape(1, 4))[0]
    at = _coordinates(p4)
    total = at[:, 0].sum()
    out[0], out[1], out[2], out[3] = _mass(jet), axis[0], abs(axis[1]), len(p4)
    for i in range(len(p4)):
        out[4] += at[i, 0] * delta_r(at[i, 1], at[i, 2], axis[1], axis[2]) / total
        out[7] += at[i, 0] / total if i < 5 else 0.0
    out[5], out[6] = math.sqrt((at[:, 0] ** 2).sum()) / total, at[0, 0] / total
    _substructure(p4[:_N_MAX].copy(), at[:_N_MAX], out)
    _correlations(at[:_N_TRIPLES], total, out)


@njit(cache=True)
def _substructure(jets: NDArray[np.float64], at: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Cluster ``jets`` with kT down to one, and look at the last three, two and one."""
    n, places = len(jets), at.copy()
    tau = np.zeros(4)
    while n > 0:
        if n <= 3:
            tau[n] = _subjettiness(at, places[:n])
        if n == 3:
            _subjets(jets, places, out)
        if n == 1:
            break
        best, first, second = math.inf, 0, 1
        for i in range(n):
            for j in range(i + 1, n):
                r = delta_r(places[i, 1], places[i, 2], places[j, 1], places[j, 2])
                d = min(places[i, 0], places[j, 0]) * r
                if d < best:
                    best, first, second = d, i, j
        if n == 2:
            out[11] = best
        if n == 3:
            out[12] = best
        jets[first] += jets[second]
        places[first] = _coordinates(jets[first : first + 1])[0]
        jets[second], places[second] = jets[n - 1], places[n - 1]
        n -= 1
    out[8] = tau[1]
    out[9] = tau[2] / max(tau[1], 1e-6)
    out[10] = tau[3] / max(tau[2], 1e-6)


@njit(cache=True)
def _subjettiness(at: NDArray[np.float64], axes: NDArray[np.float64]) -> float:
    result, total = 0.0, 0.0
    for i in range(len(at)):
        nearest = math.inf
        for k in range(len(axes)):
            nearest = min(nearest, delta_r(at[i, 1], at[i, 2], axes[k, 1], axes[k, 2]))
        result += at[i, 0] * nearest
        total += at[i, 0]
    return result / (total * _RADIUS)


@njit(cache=True)
def _subjets(jets: NDArray[np.float64], places: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Masses of the pairs of three subjets, sorted: among them is the W's; share of the softest in pT."""
    masses = np.sort(np.array([_mass(jets[0] + jets[1]), _mass(jets[0] + jets[2]), _mass(jets[1] + jets[2])]))
    out[16], out[17], out[18] = masses[0], masses[2], masses[1]
    out[19] = places[:3, 0].min() / places[:3, 0].sum()


@njit(cache=True)
def _correlations(at: NDArray[np.float64], total: float, out: NDArray[np.float64]) -> None:
    """e2, C2 = e3 / e2^2 and D2 = e3 / e2^3 of the constituents ``at`` (n, 3)."""
    n = len(at)
    r = np.zeros((n, n))
    e2, e3 = 0.0, 0.0
    for i in range(n):
        for j in range(i):
            r[i, j] = delta_r(at[i, 1], at[i, 2], at[j, 1], at[j, 2])
            e2 += at[i, 0] * at[j, 0] * r[i, j]
            for k in range(j):
                e3 += at[i, 0] * at[j, 0] * at[k, 0] * r[i, j] * r[i, k] * r[j, k]
    e2, e3 = e2 / total**2, e3 / total**3
    out[13], out[14], out[15] = e2, e3 / max(e2, 1e-6) ** 2, e3 / max(e2, 1e-6) ** 3
