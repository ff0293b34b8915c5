"""The inner loops of the fluid, written so that the compiler makes vector instructions of them.

It does where it sees that what a loop writes is not what it reads, and that nothing is looked up. So rows are copied
into lanes of one scratch array, whose distances are known when the code is compiled; tables are read in loops of
their own; and the few cells that need care are left to a second look. This module imports numba.

Rows of ``state`` (5, nx + 4, ny + 4), two ghost cells around: energy density, four-velocity's x and y, pressure, and
dP/de. Densities in GeV/fm3.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["GHOSTS", "VACUUM", "advance", "prepare", "rates", "recover"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Below about this energy density (GeV/fm3), a ten-thousandth of any freeze-out's, a cell is vacuum: at rest.
VACUUM = 1e-6
# At the edge of the vacuum rounding and truncation can leave more momentum than energy. Up to this density
# (GeV/fm3) the momentum is cut to what a fluid can have; beyond it is an error.
_THIN, _FASTEST = 1e-4, 0.999
# A mixed phase has no speed of sound; fluxes keep this cs^2 for their numerical viscosity.
_LEAST_CS2 = 0.05
GHOSTS = 2
_LINES_PER_UNIT = 1.0 / 0.003  # intervals of the table per (GeV/fm3)^(1/4), see EquationOfState
# Sums may be reordered, but NaN and infinity stay what they are: a bad cell must be seen.
_FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}
_LANE = 264  # length of a lane; a power of two would put all lanes into the same part of the cache
_WIDEST = _LANE - 2 * GHOSTS  # columns that are worked on at once


@njit(inline="always")
def _line(energy: float) -> float:
    """Number of the table's interval that ``energy`` lies in."""
    return np.floor(np.sqrt(np.sqrt(max(energy, 0.0))) * _LINES_PER_UNIT)


@njit(inline="always")
def _pressure(energy: float, lines: Floats) -> tuple[float, float]:
    """Pressure and dP/de."""
    i = min(int(_line(energy)), len(lines) - 1)
    return lines[i, 0] + lines[i, 1] * energy, lines[i, 1]


@njit(inline="always")
def _slope(left: float, middle: float, right: float) -> float:
    """Half the limited change of a quantity over a cell: monotonised central, without branches."""
    a, b = middle - left, right - middle
    s = 0.25 * (a + b)
    return max(0.0, min(min(a, b), s)) + min(0.0, max(max(a, b), s))


@njit(inline="always")
def _fluxes(s: Floats, n: int, start: int, step: int, along: int, across: int, out: int) -> None:
    """HLLE fluxes of T^tt, T^tn, T^tw through ``n`` faces, into three lanes of ``s`` from place ``out``.

    The cells around a face lie ``step`` apart, the first of them at ``start``; ``along`` and ``across`` are the lanes
    of the four-velocity's components normal to the face (n) and parallel to it (w).
    """
    for j in range(n):
        e, p, c = start + j, start + 3 * _LANE + j, start + 4 * _LANE + j
        u, w = start + along * _LANE + j, start + across * _LANE + j
        e0 = s[e + step] + _slope(s[e], s[e + step], s[e + 2 * step])
        e1 = s[e + 2 * step] - _slope(s[e + step], s[e + 2 * step], s[e + 3 * step])
        u0 = s[u + step] + _slope(s[u], s[u + step], s[u + 2 * step])
        u1 = s[u + 2 * step] - _slope(s[u + step], s[u + 2 * step], s[u + 3 * step])
        w0 = s[w + step] + _slope(s[w], s[w + step], s[w + 2 * step])
        w1 = s[w + 2 * step] - _slope(s[w + step], s[w + 2 * step], s[w + 3 * step])
        # The pressure follows that of the cell along the line of the table; no matter is stiffer than e / 3.
        p0 = min(max(s[p + step] + s[c + step] * (e0 - s[e + step]), 0.0), e0 * (1 / 3))
        p1 = min(max(s[p + 2 * step] + s[c + 2 * step] * (e1 - s[e + 2 * step]), 0.0), e1 * (1 / 3))
        # The faster sound of the two, or a fluid that leaves a mixed phase would outrun its signals.
        cs2 = max(max(s[c + step], s[c + 2 * step]), _LEAST_CS2)
        g0, g1 = 1.0 + u0 * u0 + w0 * w0, 1.0 + u1 * u1 + w1 * w1
        r0, r1 = np.sqrt(g0), np.sqrt(g1)
        h0, h1 = e0 + p0, e1 + p1
        # Signal speeds: those of sound seen in the frame of the grid.
        d = 1.0 - cs2
        d0, d1 = 1.0 / (g0 * d + cs2), 1.0 / (g1 * d + cs2)
        m0, m1 = r0 * u0 * d * d0, r1 * u1 * d * d1
        s0, s1 = np.sqrt(cs2 * ((1.0 + w0 * w0) * d + cs2)) * d0, np.sqrt(cs2 * ((1.0 + w1 * w1) * d + cs2)) * d1
        least, most = min(min(m0 - s0, m1 - s1), 0.0), max(max(m0 + s0, m1 + s1), 0.0)
        t0, t1 = h0 * r0 * u0, h1 * r1 * u1
        a, b = 1.0 / (most - least), least * most
        s[out + j] = (most * t0 - least * t1 + b * (h1 * g1 - p1 - h0 * g0 + p0)) * a
        s[out + _LANE + j] = (most * (h0 * u0 * u0 + p0) - least * (h1 * u1 * u1 + p1) + b * (t1 - t0)) * a
        s[out + 2 * _LANE + j] = (
            most * h0 * u0 * w0 - least * h1 * u1 * w1 + b * (h1 * r1 * w1 - h0 * r0 * w0)
        ) * a


_X, _Y = 20 * _LANE, 23 * _LANE  # where fluxes lie, after the four rows of five lanes


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _fluxes_x(s: Floats, n: int) -> None:
    """Fluxes along x, between the second and the third row."""
    _fluxes(s, n, GHOSTS, 5 * _LANE, 1, 2, _X)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _fluxes_y(s: Floats, n: int) -> None:
    """Fluxes along y, through the faces of the second row."""
    _fluxes(s, n, 5 * _LANE, 1, 2, 1, _Y)


@njit(cache=True)
def _reach(span: Integers, n_columns: int, reach: Integers) -> None:
    """Columns of each row in which something can change: two cells around what is no vacuum, see ``_scan``."""
    n_rows = len(span)
    for i in range(n_rows):
        near = span[max(i - GHOSTS, 0) : min(i + GHOSTS + 1, n_rows)]
        reach[i, 0] = max(near[:, 0].min() - GHOSTS, 0)
        reach[i, 1] = min(near[:, 1].max() + GHOSTS, n_columns)


@njit(cache=True)
def _scan(energy: Floats, span: Integers) -> None:
    """Set ``span`` to the first column that is no vacuum, and the one after the last; none: (n, 0)."""
    first, last = 0, len(energy)
    while first < last and energy[first] == VACUUM:
        first += 1
    while last > first and energy[last - 1] == VACUUM:
        last -= 1
    span[0], span[1] = (first, last) if first < last else (len(energy), 0)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def rates(
    state: Floats,
    span: Integers,
    reach: Integers,
    lines: Floats,
    weight: float,
    cell: float,
    work: float,
    rate: Floats,
) -> None:
    """Fill ``rate`` (3, nx, ny) with the time derivative of the conserved densities, and ``reach``.

    ``weight`` is tau, ``work`` 1 with longitudinal expansion and 0 without. Where nothing is but vacuum, only its own
    pressure works.
    """
    nx, ny = rate.shape[1:]
    _reach(span, ny, reach)
    factor = weight / cell
    scratch = np.empty(26 * _LANE)
    rest, _ = _pressure(VACUUM, lines)  # what pushes on a face in the vacuum
    before, after = np.empty((3, ny)), np.empty((3, ny))
    for i in range(nx + 1):  # faces between rows i - 1 and i
        low = min(reach[max(i - 1, 0), 0], reach[min(i, nx - 1), 0])
        high = max(reach[max(i - 1, 0), 1], reach[min(i, nx - 1), 1])
        after[0], after[1], after[2] = 0.0, rest, 0.0
        if i > 0:
            for j in range(ny):
                rate[0, i - 1, j] = -work * state[3, i + 1, j + 2]
                rate[1, i - 1, j] = 0.0
                rate[2, i - 1, j] = 0.0
        for start in range(low, high, _WIDEST - 1):
            n = min(high - start, _WIDEST - 1)
            for row in range(4):
                for k in range(5):
                    _copy(state[k, i + row], start, n + 2 * GHOSTS, scratch, (5 * row + k) * _LANE)
            _fluxes_x(scratch, n)
            for k in range(3):
                _copy_back(scratch, _X + k * _LANE, n, after[k], start)
            if i > 0:
                _fluxes_y(scratch, n + 1)
                _balance(before[0], after[0], scratch, _Y, start, n, factor, rate[0, i - 1])
                _balance(before[1], after[1], scratch, _Y + 2 * _LANE, start, n, factor, rate[1, i - 1])
                _balance(before[2], after[2], scratch, _Y + _LANE, start, n, factor, rate[2, i - 1])
        before, after = after, before


@njit(cache=True)
def _copy(row: Floats, start: int, n: int, scratch: Floats, lane: int) -> None:
    for j in range(n):
        scratch[lane + j] = row[start + j]


@njit(cache=True)
def _copy_back(scratch: Floats, lane: int, n: int, row: Floats, start: int) -> None:
    for j in range(n):
        row[start + j] = scratch[lane + j]


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _balance(
    before: Floats, after: Floats, scratch: Floats, side: int, start: int, n: int, factor: float, rate: Floats
) -> None:
    """Add what flows into the cells of a row and does not flow out."""
    for j in range(n):
        x = before[start + j] - after[start + j] + scratch[side + j] - scratch[side + j + 1]
        rate[start + j] += factor * x


@njit(inline="always")
def _root(total: float, square: float, a: float, b: float) -> float:
    """Solve (E + P)(E - e) = M^2 for e where P = a + b e."""
    p = a + b * total
    d = a * total + total * total - square
    c = total + p - 2.0 * b * total
    return 2.0 * d / (c + np.sqrt(c * c + 4.0 * b * d))


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _first_root(s: Floats, n: int) -> None:
    """Lanes E, M^2, P, dP/de, e of the last state: the root (lane 4) in its interval, and the interval of that."""
    for j in range(n):
        b = s[3 * _LANE + j]
        a = s[2 * _LANE + j] - b * s[4 * _LANE + j]
        s[5 * _LANE + j] = _line(_root(s[j], s[_LANE + j], a, b))


@njit(cache=True)
def _look_up(s: Floats, n: int, lines: Floats) -> None:
    """Lanes 2 and 3: the line of the interval in lane 5."""
    last = len(lines) - 1
    for j in range(n):
        line = min(int(s[5 * _LANE + j]), last)
        s[2 * _LANE + j] = lines[line, 0]
        s[3 * _LANE + j] = lines[line, 1]


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _second_root(s: Floats, n: int, inverse: float) -> None:
    """The root (lane 4), its pressure (lane 2), the four-velocity over the momentum (6), and if all is well (5)."""
    for j in range(n):
        total, square, a, b = s[j], s[_LANE + j], s[2 * _LANE + j], s[3 * _LANE + j]
        energy = _root(total, square, a, b)
        p = a + b * energy
        found = (_line(energy) == s[5 * _LANE + j]) & (total >= _THIN) & (square < total * total)
        s[4 * _LANE + j] = energy
        s[2 * _LANE + j] = p
        s[6 * _LANE + j] = inverse / np.sqrt((energy + p) * (total + p))
        s[5 * _LANE + j] = 1.0 if found else 0.0


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _combine(conserved: Floats, first: Floats, rate: Floats, dt: float, keep: float) -> None:
    for j in range(len(conserved)):
        conserved[j] = keep * first[j] + (1.0 - keep) * (conserved[j] + dt * rate[j])


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _prepare_roots(conserved: Floats, state: Floats, i: int, start: int, n: int, inverse: float, s: Floats) -> None:
    """Fill the lanes of ``_first_root`` for the cells (i, start) and on."""
    for j in range(n):
        total, mx, my = conserved[0, i, start + j], conserved[1, i, start + j], conserved[2, i, start + j]
        s[j] = total * inverse
        s[_LANE + j] = (mx * mx + my * my) * (inverse * inverse)
    _copy(state[3, i + 2], start + 2, n, s, 2 * _LANE)
    _copy(state[4, i + 2], start + 2, n, s, 3 * _LANE)
    _copy(state[0, i + 2], start + 2, n, s, 4 * _LANE)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def advance(
    conserved: Floats,
    first: Floats,
    rate: Floats,
    dt: float,
    keep: float,
    weight: float,
    lines: Floats,
    state: Floats,
    span: Integers,
    reach: Integers,
) -> int:
    """One stage of Heun's method and the state it leads to; returns the first bad cell, -1 if there is none.

    ``keep`` is the share of ``first``, the densities at the beginning of the step, in the result.
    """
    nx, ny = rate.shape[1:]
    inverse, bad = 1.0 / weight, -1
    s = np.empty(7 * _LANE)
    for i in range(nx):
        for k in range(3):
            _combine(conserved[k, i], first[k, i], rate[k, i], dt, keep)
        for start in range(reach[i, 0], reach[i, 1], _WIDEST):
            n = min(reach[i, 1] - start, _WIDEST)
            _prepare_roots(conserved, state, i, start, n, inverse, s)
            _first_root(s, n)
            _look_up(s, n, lines)
            _second_root(s, n, inverse)
            for j in range(n):
                x, y = i + GHOSTS, start + j + GHOSTS
                if s[5 * _LANE + j] == 1.0:
                    gain = s[6 * _LANE + j]
                    state[0, x, y] = s[4 * _LANE + j]
                    state[1, x, y] = conserved[1, i, start + j] * gain
                    state[2, x, y] = conserved[2, i, start + j] * gain
                    state[3, x, y] = s[2 * _LANE + j]
                    state[4, x, y] = s[3 * _LANE + j]
                elif not _settle(conserved[:, i, start + j], weight, lines, state[:, x, y]) and bad < 0:
                    bad = i * ny + start + j
        _scan(state[0, i + GHOSTS, GHOSTS : GHOSTS + ny], span[i])
    _fill_ghosts(state)
    return bad


@njit(cache=True, error_model="numpy")
def _settle(conserved: Floats, weight: float, lines: Floats, state: Floats) -> bool:
    """The state of a cell that is thin, or changed its interval twice; false if there is none."""
    total, mx, my = conserved / weight
    momentum = np.sqrt(mx * mx + my * my)
    if abs(total) < _THIN and momentum > _FASTEST * max(total, VACUUM):
        total = max(total, VACUUM)
        cut = _FASTEST * total / momentum
        mx, my, momentum = mx * cut, my * cut, _FASTEST * total
        conserved[0], conserved[1], conserved[2] = weight * total, weight * mx, weight * my
    if -_THIN < total < 1.5 * VACUUM:
        state[0], state[1], state[2], state[3], state[4] = VACUUM, 0.0, 0.0, *_pressure(VACUUM, lines)
        return True
    if not momentum < total:
        return False
    energy = recover(total, momentum, state[0], lines)
    if not energy > 0:
        return False
    p, slope = _pressure(energy, lines)
    # gamma v = M / sqrt((E + P)(E + P - M^2 / (E + P))), and the root is (e + P) (E + P)
    gain = 1.0 / np.sqrt((energy + p) * (total + p))
    state[0], state[1], state[2], state[3], state[4] = energy, mx * gain, my * gain, p, slope
    return True


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def recover(total: float, momentum: float, guess: float, lines: Floats) -> float:
    """Solve e = E - M^2 / (E + P(e)) by Newton's method within a bracket; returns e, or -1 if it fails.

    total, momentum: T^tt and |T^ti|. The root is the only one, between E - M and E, since the right side changes
    more slowly than e itself does.
    """
    square = momentum * momentum
    low, high = total - momentum, total
    energy = min(max(guess, low), high)
    for _ in range(60):
        p, slope = _pressure(energy, lines)
        h = 1.0 / (total + p)
        f = energy - total + square * h
        if abs(f) <= 1e-13 * total:
            return energy
        if f > 0:
            high = energy
        else:
            low = energy
        energy -= f / (1.0 - square * h * h * slope)
        if not low <= energy <= high:
            energy = 0.5 * (low + high)
    # Kinks of the table can make the last digits flip: good enough is good enough, anything else is an error.
    return energy if high - low <= 1e-10 * total else -1.0


@njit(cache=True)
def _fill_ghosts(state: Floats) -> None:
    """What lies outside is like the nearest cell: the fluid flows out."""
    nx, ny = state.shape[1:]
    for a in state:
        for g in range(GHOSTS):
            a[g, :], a[nx - 1 - g, :] = a[GHOSTS, :], a[nx - 1 - GHOSTS, :]
        for g in range(GHOSTS):
            a[:, g], a[:, ny - 1 - g] = a[:, GHOSTS], a[:, ny - 1 - GHOSTS]


@njit(cache=True)
def prepare(state: Floats, lines: Floats, weight: float, conserved: Floats, span: Integers) -> None:
    """Pressure and its slope, conserved densities and ``span`` of an initial state."""
    for i in range(conserved.shape[1]):
        for j in range(conserved.shape[2]):
            e, ux, uy = state[0, i + 2, j + 2], state[1, i + 2, j + 2], state[2, i + 2, j + 2]
            p, state[4, i + 2, j + 2] = _pressure(e, lines)
            gamma = np.sqrt(1.0 + ux * ux + uy * uy)
            state[3, i + 2, j + 2] = p
            conserved[0, i, j] = weight * ((e + p) * gamma * gamma - p)
            conserved[1, i, j] = weight * (e + p) * gamma * ux
            conserved[2, i, j] = weight * (e + p) * gamma * uy
        _scan(state[0, i + 2, 2 : 2 + conserved.shape[2]], span[i])
    _fill_ghosts(state)
