"""The inner loops of the fluid, written so that the compiler makes vector instructions of them.

It does where it sees that what a loop writes is not what it reads, and that nothing is looked up. So all
quantities lie in lanes whose distances are known when the code is compiled, what is computed goes into a scratch
array, tables are read in loops of their own, and the few cells that need care get a second look. Rows are worked
on where something can change: vacuum, with two cells of vacuum around, stays it. This module imports numba.

``state`` is (nx + 4, 5, LANE), two ghost cells around: energy density, four-velocity's x and y, pressure, and
dP/de along a row. Densities in GeV/fm3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit

__all__ = ["GHOSTS", "LANE", "VACUUM", "advance", "prepare", "rates", "recover"]

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
# Length of a lane. With a power of two all lanes would lie in the same part of the cache.
LANE = 1032
_ROW = 5 * LANE


@njit(inline="always")
def _line(energy: float) -> float:
    """Number of the table's interval that ``energy`` lies in."""
    return float(np.floor(np.sqrt(np.sqrt(max(energy, 0.0))) * _LINES_PER_UNIT))


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
def _fluxes(s: Floats, n: int, step: int, along: int, across: int, flux: Floats) -> None:
    """HLLE fluxes of T^tt, T^tn, T^tw through ``n`` faces, into three lanes of ``flux``.

    The cells around a face lie ``step`` apart in ``s``; ``along`` and ``across`` are the lanes of the
    four-velocity's components normal to the face (n) and parallel to it (w).
    """
    for j in range(n):
        e, p, c = j, 3 * LANE + j, 4 * LANE + j
        u, w = along * LANE + j, across * LANE + j
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
        flux[j] = (most * t0 - least * t1 + b * (h1 * g1 - p1 - h0 * g0 + p0)) * a
        flux[LANE + j] = (most * (h0 * u0 * u0 + p0) - least * (h1 * u1 * u1 + p1) + b * (t1 - t0)) * a
        flux[2 * LANE + j] = (most * h0 * u0 * w0 - least * h1 * u1 * w1 + b * (h1 * r1 * w1 - h0 * r0 * w0)) * a


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _fluxes_x(s: Floats, n: int, flux: Floats) -> None:
    """Fluxes along x: the cells around a face lie in four rows."""
    _fluxes(s, n, _ROW, 1, 2, flux)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _fluxes_y(s: Floats, n: int, flux: Floats) -> None:
    """Fluxes along y: the cells around a face lie in one row."""
    _fluxes(s, n, 1, 2, 1, flux)


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
    state: Floats, span: Integers, reach: Integers, weight: float, cell: float, work: float, rate: Floats
) -> None:
    """Fill ``rate`` (3, nx, ny) with the time derivative of the conserved densities within ``reach``, and that.

    ``weight`` is tau, ``work`` 1 with longitudinal expansion and 0 without.
    """
    nx, ny = rate.shape[1:]
    _reach(span, ny, reach)
    s = state.reshape(state.size)
    factor = weight / cell
    # Lanes of the fluxes along x into the row and out of it, and of those along y.
    flux = np.empty(9 * LANE)
    for i in range(nx + 1):  # faces between rows i - 1 and i
        above, below = reach[max(i - 1, 0)], reach[min(i, nx - 1)]
        low, high = min(above[0], below[0]), max(above[1], below[1])
        _fluxes_x(s[i * _ROW + low + GHOSTS :], high - low, flux[3 * LANE + low :])
        if i > 0:
            first, n = above[0], above[1] - above[0]
            _fluxes_y(s[(i + 1) * _ROW + first :], n + 1, flux[6 * LANE + first :])
            row = rate[0, i - 1, first:]
            _balance(flux[first:], n, factor, row, rate[1, i - 1, first:], rate[2, i - 1, first:])
            _expand(s[(i + 1) * _ROW + first + GHOSTS :], n, work, row)
        for j in range(low, high):
            for k in range(3):
                flux[k * LANE + j] = flux[(3 + k) * LANE + j]


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _balance(flux: Floats, n: int, factor: float, rate: Floats, rate_x: Floats, rate_y: Floats) -> None:
    """What flows into the cells of a row less what flows out; along y the momenta change their roles."""
    for j in range(n):
        x, y = 3 * LANE, 6 * LANE
        rate[j] = factor * (flux[j] - flux[x + j] + flux[y + j] - flux[y + j + 1])
        y += 2 * LANE
        rate_x[j] = factor * (flux[LANE + j] - flux[x + LANE + j] + flux[y + j] - flux[y + j + 1])
        y -= LANE
        rate_y[j] = factor * (flux[2 * LANE + j] - flux[x + 2 * LANE + j] + flux[y + j] - flux[y + j + 1])


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _expand(s: Floats, n: int, work: float, rate: Floats) -> None:
    """Subtract the work of the pressure; the vacuum does none."""
    for j in range(n):
        rate[j] -= work * s[3 * LANE + j] if s[j] != VACUUM else 0.0


@njit(inline="always")
def _root(total: float, square: float, a: float, b: float) -> float:
    """Solve (E + P)(E - e) = M^2 for e where P = a + b e."""
    p = a + b * total
    d = a * total + total * total - square
    c = total + p - 2.0 * b * total
    return float(2.0 * d / (c + np.sqrt(c * c + 4.0 * b * d)))


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _first_root(s: Floats, n: int, roots: Floats) -> None:
    """The interval (lane 4) that the root lies in, were its line that of the last state."""
    for j in range(n):
        b = s[4 * LANE + j]
        a = s[3 * LANE + j] - b * s[j]
        roots[4 * LANE + j] = _line(_root(roots[j], roots[LANE + j], a, b))


@njit(cache=True)
def _look_up(roots: Floats, n: int, lines: Floats) -> None:
    """Lanes 2 and 3: the line of the interval in lane 4."""
    last = len(lines) - 1
    for j in range(n):
        line = min(int(roots[4 * LANE + j]), last)
        roots[2 * LANE + j] = lines[line, 0]
        roots[3 * LANE + j] = lines[line, 1]


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _second_root(roots: Floats, n: int, inverse: float, rest: float, rest_slope: float, s: Floats) -> float:
    """The state of cells whose interval is right; the others are counted, and 1 in lane 4."""
    count = 0.0
    for j in range(n):
        total, square, a, b = roots[j], roots[LANE + j], roots[2 * LANE + j], roots[3 * LANE + j]
        energy = _root(total, square, a, b)
        p = a + b * energy
        thin = _FASTEST * max(total, VACUUM)
        slow = square <= thin * thin
        empty = slow & (total < 1.5 * VACUUM) & (total > -_THIN)
        fluid = (total >= 1.5 * VACUUM) & (slow | ((total >= _THIN) & (square < total * total)))
        found = empty | (fluid & (_line(energy) == roots[4 * LANE + j]))
        # gamma v = M / sqrt((E + P)(E + P - M^2 / (E + P))), and the root is (e + P) (E + P)
        gain = 0.0 if empty else inverse / np.sqrt((energy + p) * (total + p))
        s[j] = VACUUM if empty else energy
        s[LANE + j] = roots[5 * LANE + j] * gain
        s[2 * LANE + j] = roots[6 * LANE + j] * gain
        s[3 * LANE + j] = rest if empty else p
        s[4 * LANE + j] = rest_slope if empty else b
        unsettled = 0.0 if found else 1.0
        roots[4 * LANE + j] = unsettled
        count += unsettled
    return count


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _combine(conserved: Floats, first: Floats, rate: Floats, dt: float, keep: float) -> None:
    for j in range(len(conserved)):
        conserved[j] = keep * first[j] + (1.0 - keep) * (conserved[j] + dt * rate[j])


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _squares(energy: Floats, mx: Floats, my: Floats, inverse: float, roots: Floats) -> None:
    """Lanes 0 and 1: T^tt and the square of T^ti; 5 and 6: the momenta."""
    for j in range(len(energy)):
        roots[j] = energy[j] * inverse
        roots[LANE + j] = (mx[j] * mx[j] + my[j] * my[j]) * (inverse * inverse)
        roots[5 * LANE + j], roots[6 * LANE + j] = mx[j], my[j]


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
    s, roots = state.reshape(state.size), np.empty(7 * LANE)
    rest, rest_slope = _pressure(VACUUM, lines)
    for i in range(nx):
        low, high = reach[i]
        n = high - low
        if n <= 0:
            continue
        for k in range(3):
            _combine(conserved[k, i, low:high], first[k, i, low:high], rate[k, i, low:high], dt, keep)
        cells = s[(i + GHOSTS) * _ROW + low + GHOSTS :]
        _squares(conserved[0, i, low:high], conserved[1, i, low:high], conserved[2, i, low:high], inverse, roots)
        _first_root(cells, n, roots)
        _look_up(roots, n, lines)
        if _second_root(roots, n, inverse, rest, rest_slope, cells) > 0:
            for j in range(n):
                unsettled = roots[4 * LANE + j] != 0.0
                if unsettled and not _settle(conserved, i, low + j, weight, lines, cells, j) and bad < 0:
                    bad = i * ny + low + j
        _scan(state[i + GHOSTS, 0, GHOSTS : GHOSTS + ny], span[i])
    _fill_ghosts(state, ny)
    return bad


@njit(cache=True, error_model="numpy")
def _settle(conserved: Floats, i: int, j: int, weight: float, lines: Floats, s: Floats, place: int) -> bool:
    """The state of a cell that is at the edge, or changed its interval twice; false if there is none."""
    total, mx, my = conserved[0, i, j] / weight, conserved[1, i, j] / weight, conserved[2, i, j] / weight
    momentum = np.sqrt(mx * mx + my * my)
    if abs(total) < _THIN and momentum > _FASTEST * max(total, VACUUM):
        total = max(total, VACUUM)
        cut = _FASTEST * total / momentum
        mx, my, momentum = mx * cut, my * cut, _FASTEST * total
        conserved[0, i, j], conserved[1, i, j], conserved[2, i, j] = weight * total, weight * mx, weight * my
    energy, gain = -1.0, 0.0
    if -_THIN < total < 1.5 * VACUUM:
        energy = VACUUM
    elif momentum < total:
        energy = recover(total, momentum, total, lines)
        p, _ = _pressure(energy, lines)
        gain = 1.0 / np.sqrt(max(energy + p, 1e-300) * (total + p))
    if not energy > 0:
        return False
    s[place], s[place + LANE], s[place + 2 * LANE] = energy, mx * gain, my * gain
    s[place + 3 * LANE], s[place + 4 * LANE] = _pressure(energy, lines)
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
def _fill_ghosts(state: Floats, ny: int) -> None:
    """What lies outside is like the nearest cell: the fluid flows out."""
    last = len(state) - 1
    for i in range(GHOSTS, last - GHOSTS + 1):
        for k in range(5):
            row = state[i, k]
            for g in range(GHOSTS):
                row[g], row[ny + GHOSTS + g] = row[GHOSTS], row[ny + GHOSTS - 1]
    width = ny + 2 * GHOSTS
    for g in range(GHOSTS):
        state[g, :, :width] = state[GHOSTS, :, :width]
        state[last - g, :, :width] = state[last - GHOSTS, :, :width]


@njit(cache=True)
def prepare(state: Floats, lines: Floats, weight: float, conserved: Floats, span: Integers) -> None:
    """Pressure and its slope, conserved densities and ``span`` of an initial state."""
    nx, ny = conserved.shape[1:]
    for i in range(nx):
        for j in range(ny):
            cell = state[i + GHOSTS, :, j + GHOSTS]
            e, ux, uy = cell[0], cell[1], cell[2]
            p, cell[4] = _pressure(e, lines)
            cell[3] = p
            gamma = np.sqrt(1.0 + ux * ux + uy * uy)
            conserved[0, i, j] = weight * ((e + p) * gamma * gamma - p)
            conserved[1, i, j] = weight * (e + p) * gamma * ux
            conserved[2, i, j] = weight * (e + p) * gamma * uy
        _scan(state[i + GHOSTS, 0, GHOSTS : GHOSTS + ny], span[i])
    _fill_ghosts(state, ny)
