"""A relativistic ideal fluid in the transverse plane whose pressure follows from the density alone.

    d D / d t + div(D v) = -D g / (1 + g t)
    d M / d t + div(M v) + grad p = -M g / (1 + g t),    p = p0(n) - surface^2 n laplace(n)

D = n gamma are baryons per volume in the frame of the image, n those in the matter's own, M = D mu u is the
momentum, u = gamma v. The plane is the middle of a system that expands along the beam like a Hubble flow of rate
g at first. The gradient term keeps the shortest waves from growing (arXiv:1209.2462, 1302.2956). Small waves in
matter at rest follow omega^2 = k^2 (c^2 + surface^2 n k^2 / mu): where c^2 < 0, long ones grow.

Fluxes are those of Kurganov and Tadmor (J. Comput. Phys. 160 (2000) 241) with monotonised slopes, steps are
Heun's. Densities are in units of the critical one, lengths in fm. This module imports numba; light modules
import it in functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.spinodal.equation_of_state import LARGEST

__all__ = ["STEP", "evolve"]

# Longest time step over the cells' width: no signal is faster than light.
STEP = 0.4
# Below this density is vacuum, at rest.
_VACUUM = 1e-7
# Where matter has no sound of its own, fluxes keep this c^2 for their numerical viscosity.
_LEAST_SOUND2 = 0.02
# At the edge of the vacuum rounding can leave more momentum than there is matter to carry it.
_FASTEST = 5.0
_GHOSTS = 3
_FAST = {"contract", "reassoc", "nsz"}

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def evolve(
    density: Floats,
    spinodal: NDArray[np.bool_],
    tables: Floats,
    flow: float,
    surface: float,
    duration: float,
    spacing: float,
) -> Floats:
    """Let events expand from rest for ``duration`` (fm/c); gives D, (N, S, S), at the end.

    density: (N, S, S) over the critical one; spinodal: (N,), which of the ``tables`` of equation_of_state.py;
    flow: g in 1/fm; surface: in fm; spacing: width of the cells in fm. What reaches the box's walls leaves it.
    """
    out = np.empty_like(density)
    side = density.shape[1] + 2 * _GHOSTS
    # D and M; n and u; what is added to D and M; D and M at the beginning of a step
    state, local = np.zeros((3, side, side)), np.zeros((3, side, side))
    change, before = np.zeros((3, side, side)), np.zeros((3, side, side))
    bend = np.zeros((side, side))
    inside = slice(_GHOSTS, -_GHOSTS)
    for event in range(len(density)):
        table = tables[1 if spinodal[event] else 0]
        state[:], local[:] = 0.0, 0.0
        state[0, inside, inside] = density[event]
        local[0, inside, inside] = density[event]
        time = 0.0
        while time < duration:
            step = min(STEP * spacing, duration - time)
            region = _region(state[0])
            before[:] = state
            for half in range(2):
                _rates(local, bend, change, table, surface, spacing, region)
                loss = flow / (1.0 + flow * (time + half * step))
                _advance(state, before, change, step, loss, half, spacing, region)
                _recover(state, local, table, region)
            time += step
        out[event] = state[0, inside, inside]
    return out


@njit(cache=True, nogil=True)
def _region(density: Floats) -> tuple[int, int, int, int]:
    """First and last row and column in which something can change: two cells around what is no vacuum."""
    side = len(density)
    top, bottom, left, right = side, 0, side, 0
    for i in range(_GHOSTS, side - _GHOSTS):
        for j in range(_GHOSTS, side - _GHOSTS):
            if density[i, j] > _VACUUM:
                top, bottom, left, right = min(top, i), max(bottom, i), min(left, j), max(right, j)
    first, last = _GHOSTS, side - _GHOSTS - 1
    return max(top - 2, first), min(bottom + 2, last), max(left - 2, first), min(right + 2, last)


@njit(cache=True, nogil=True, inline="always")
def _look(density: float, table: Floats) -> tuple[float, float, float]:
    """mu, p and c^2."""
    place = np.sqrt(density) * ((len(table) - 1) / np.sqrt(LARGEST))
    i = min(int(place), len(table) - 2)
    part = place - i
    return (
        table[i, 0] + part * (table[i + 1, 0] - table[i, 0]),
        table[i, 1] + part * (table[i + 1, 1] - table[i, 1]),
        table[i, 2] + part * (table[i + 1, 2] - table[i, 2]),
    )


@njit(cache=True, nogil=True, inline="always")
def _slope(left: float, middle: float, right: float) -> float:
    """Half the limited change of a quantity over a cell: monotonised central."""
    a, b = middle - left, right - middle
    s = 0.25 * (a + b)
    return max(0.0, min(min(a, b), s)) + min(0.0, max(max(a, b), s))


@njit(cache=True, nogil=True, fastmath=_FAST)
def _rates(
    local: Floats,
    bend: Floats,
    change: Floats,
    table: Floats,
    surface: float,
    spacing: float,
    region: tuple[int, int, int, int],
) -> None:
    """What flows into each cell, times the cells' width; ``bend`` is scratch for the gradient term."""
    _frame(local)
    top, bottom, left, right = region
    n = local[0]
    scale = (surface / spacing) ** 2
    for i in range(top - 1, bottom + 2):
        for j in range(left - 1, right + 2):
            around = n[i + 1, j] + n[i - 1, j] + n[i, j + 1] + n[i, j - 1] - 4.0 * n[i, j]
            bend[i, j] = -scale * n[i, j] * around
    change[:, top - 1 : bottom + 2, left - 1 : right + 2] = 0.0
    for i in range(top - 1, bottom + 1):
        for j in range(left, right + 1):
            _face(local, bend, change, table, i, j, 1, 0)
    for i in range(top, bottom + 1):
        for j in range(left - 1, right + 1):
            _face(local, bend, change, table, i, j, 0, 1)


@njit(cache=True, nogil=True, inline="always")
def _face(
    local: Floats, bend: Floats, change: Floats, table: Floats, i: int, j: int, down: int, aside: int
) -> None:
    """What passes the face between cell (i, j) and the next one, ``down`` or ``aside`` of it."""
    k, m = i + down, j + aside
    along, across = 2 - down, 1 + down  # components of u normal to the face and parallel to it
    n, u, w = local[0], local[along], local[across]
    n0 = n[i, j] + _slope(n[i - down, j - aside], n[i, j], n[k, m])
    n1 = n[k, m] - _slope(n[i, j], n[k, m], n[k + down, m + aside])
    u0 = u[i, j] + _slope(u[i - down, j - aside], u[i, j], u[k, m])
    u1 = u[k, m] - _slope(u[i, j], u[k, m], u[k + down, m + aside])
    w0 = w[i, j] + _slope(w[i - down, j - aside], w[i, j], w[k, m])
    w1 = w[k, m] - _slope(w[i, j], w[k, m], w[k + down, m + aside])
    mu0, p0, sound0 = _look(n0, table)
    mu1, p1, sound1 = _look(n1, table)
    gamma0, gamma1 = np.sqrt(1.0 + u0 * u0 + w0 * w0), np.sqrt(1.0 + u1 * u1 + w1 * w1)
    v0, v1 = u0 / gamma0, u1 / gamma1
    sound = np.sqrt(max(max(sound0, sound1), _LEAST_SOUND2))
    fastest = max((abs(v0) + sound) / (1.0 + abs(v0) * sound), (abs(v1) + sound) / (1.0 + abs(v1) * sound))
    # Half of each side's flux, and the numerical viscosity
    d0, d1 = 0.5 * n0 * gamma0, 0.5 * n1 * gamma1
    give, take = v0 + fastest, v1 - fastest
    flux = d0 * give + d1 * take
    push = d0 * mu0 * u0 * give + d1 * mu1 * u1 * take + 0.5 * (p0 + p1 + bend[i, j] + bend[k, m])
    shear = d0 * mu0 * w0 * give + d1 * mu1 * w1 * take
    change[0, i, j] -= flux
    change[0, k, m] += flux
    change[along, i, j] -= push
    change[along, k, m] += push
    change[across, i, j] -= shear
    change[across, k, m] += shear


@njit(cache=True, nogil=True, fastmath=_FAST)
def _advance(
    state: Floats,
    before: Floats,
    change: Floats,
    step: float,
    loss: float,
    half: int,
    spacing: float,
    region: tuple[int, int, int, int],
) -> None:
    """Euler's step; the second one, from where the first ended, is averaged with ``before``."""
    top, bottom, left, right = region
    for q in range(3):
        for i in range(top, bottom + 1):
            for j in range(left, right + 1):
                new = state[q, i, j] + step * (change[q, i, j] / spacing - loss * state[q, i, j])
                state[q, i, j] = new if half == 0 else 0.5 * (before[q, i, j] + new)


@njit(cache=True, nogil=True)
def _recover(state: Floats, local: Floats, table: Floats, region: tuple[int, int, int, int]) -> None:
    """N and u from D and M: n = D / sqrt(1 + (M / D mu(n))^2), repeated from the n that was."""
    top, bottom, left, right = region
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            density = state[0, i, j]
            if density < _VACUUM:
                state[0, i, j] = max(density, 0.0)
                state[1, i, j] = state[2, i, j] = 0.0
                local[0, i, j] = state[0, i, j]
                local[1, i, j] = local[2, i, j] = 0.0
                continue
            x, y = state[1, i, j] / density, state[2, i, j] / density
            n = min(max(local[0, i, j], 0.1 * density), density)
            for _ in range(5):
                mu = _look(n, table)[0]
                last, n = n, density / np.sqrt(1.0 + (x * x + y * y) / (mu * mu))
                if abs(n - last) < 1e-6 * n:
                    break
            mu = _look(n, table)[0]
            cut = min(1.0, _FASTEST * mu / np.sqrt(x * x + y * y + 1e-30))
            if cut < 1.0:
                n = density / np.sqrt(1.0 + _FASTEST * _FASTEST)
                state[1, i, j] *= cut
                state[2, i, j] *= cut
            local[0, i, j], local[1, i, j], local[2, i, j] = n, cut * x / mu, cut * y / mu


@njit(cache=True, nogil=True)
def _frame(local: Floats) -> None:
    """Repeat the outermost cells in the ghosts: what moves out leaves."""
    for k in range(_GHOSTS):
        local[:, k], local[:, -1 - k] = local[:, _GHOSTS], local[:, -1 - _GHOSTS]
    for k in range(_GHOSTS):
        local[:, :, k], local[:, :, -1 - k] = local[:, :, _GHOSTS], local[:, :, -1 - _GHOSTS]
