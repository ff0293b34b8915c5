"""Cold matter with two phases, as a barotropic fluid sees it: in its unstable form and in Maxwell's construction.

All follows from the square of the speed of sound against the density n (over the critical one):

    c^2(n) = dense n^(2/3) / (1 + n^(2/3)) - dip exp(-ln^2(n) / (2 width^2))

Dilute, it is an ideal gas that expands adiabatically; dense, it is as stiff as ``dense``; around n = 1 it is soft,
and at n = 1 it is ``unstable``. Where that is negative, waves grow. The energy of a baryon that is added, mu,
and the pressure p follow from c^2 = dln(mu)/dln(n) and dp = n dmu. In Maxwell's construction both are constant
between the densities at which both are equal.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["LARGEST", "coexistence", "tables"]

Floats = NDArray[np.float64]

# Tables have equal steps of sqrt(n), up to this density.
LARGEST = 16.0
_STEPS = 1024
_LOG = np.linspace(np.log(1e-7), np.log(1.2 * LARGEST), 20_001)


def _integral(y: Floats, x: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x))])


def _curves(dense: float, unstable: float, width: float) -> tuple[Floats, Floats, Floats, Floats]:
    """n, mu (1 in vacuum), p, c^2 on a fine grid."""
    n = np.exp(_LOG)
    gas = n ** (2 / 3)
    sound2 = dense * gas / (1 + gas) - (dense / 2 - unstable) * np.exp(-(_LOG**2) / (2 * width**2))
    mu = np.exp(_integral(sound2, _LOG))
    return n, mu, _integral(n, mu), sound2


def coexistence(dense: float, unstable: float, width: float) -> tuple[float, float, float, float] | None:
    """The two densities at which the phases are in equilibrium, their mu and p; None without a transition.

    Raises DataError where the dilute phase would be the vacuum.
    """
    n, mu, p, sound2 = _curves(dense, unstable, width)
    soft = np.flatnonzero(sound2 < 0)
    if not len(soft):
        return None
    gas, liquid = slice(0, soft[0]), slice(soft[-1] + 1, None)
    both = np.linspace(mu[soft[-1]], mu[soft[0]], 20_001)
    difference = np.interp(both, mu[liquid], p[liquid]) - np.interp(both, mu[gas], p[gas])
    if both[0] < 1 or difference[0] > 0:
        message = f"unstable = {unstable} and width = {width} bind matter in vacuum; make one of them smaller"
        raise DataError(message)
    level = float(np.interp(0.0, difference, both))  # the denser phase gains more pressure with mu
    dilute, compressed = (float(np.interp(level, mu[part], n[part])) for part in (gas, liquid))
    return dilute, compressed, level, float(np.interp(level, mu[gas], p[gas]))


@lru_cache(maxsize=16)
def tables(dense: float, unstable: float, width: float) -> Floats:
    """mu, p and c^2 at equal steps of sqrt(n), (2, steps, 3), Maxwell's first; mu is in units of the mass."""
    n, *curves = _curves(dense, unstable, width)
    at = np.linspace(0, np.sqrt(LARGEST), _STEPS + 1) ** 2
    spinodal = np.stack([np.interp(at, n, curve) for curve in curves], axis=1)
    spinodal[0] = 1, 0, 0
    maxwell = spinodal.copy()
    phases = coexistence(dense, unstable, width)
    if phases is not None:
        dilute, compressed, mu, p = phases
        maxwell[(at > dilute) & (at < compressed)] = mu, p, 0
    return np.stack([maxwell, spinodal])
