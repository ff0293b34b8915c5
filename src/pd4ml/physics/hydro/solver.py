"""An ideal relativistic fluid in two transverse dimensions, boost-invariant along the third.

Conservation laws in Milne coordinates (tau, x, y, eta), for the densities W = tau (T^tt, T^tx, T^ty) at eta = 0:
d_tau W_t + div(tau T^ti) = -P, the work of the longitudinal expansion, and d_tau W_i + d_j (tau T^ij) = 0.
Finite volumes with HLLE fluxes (Harten, Lax, van Leer 1983; Einfeldt 1988), states at the faces by limited slopes
of energy density and four-velocity (monotonised central, van Leer 1977), and Heun's method in time: second
order in smooth flow. A plain NumPy version of the same scheme is what the tests hold this one to.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.physics.hydro.equation_of_state import EquationOfState

__all__ = ["VACUUM", "Fluid", "HydroError"]

Floats = NDArray[np.float64]

# Below about this energy density (GeV/fm3), a ten-thousandth of any freeze-out's, a cell is vacuum: at rest.
VACUUM = 1e-6
# At the edge of the vacuum rounding and truncation can leave more momentum than energy. Up to this density
# (GeV/fm3) the momentum is cut to what a fluid can have; beyond it is an error.
_THIN, _FASTEST = 1e-4, 0.999
_CFL = 0.4  # a step is at most this many cells' light travel time
_RATE = 0.1  # ... and this fraction of tau, in which densities fall by that fraction
# A mixed phase has no speed of sound; fluxes keep this cs^2 for their numerical viscosity.
_LEAST_CS2 = 0.05
_GHOSTS = 2
# Sums may be reordered, but NaN and infinity stay what they are: a bad cell must be seen.
_FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}


class HydroError(RuntimeError):
    """The fluid came into a state that has no solution; says where."""


class Fluid:
    """A fluid on a square grid of (nx, ny) cells with x along the first axis.

    energy: (nx, ny) energy density in GeV/fm3 at ``tau`` (fm); ``cell``: distance of cells in fm; ``velocity``:
    (2, nx, ny), transverse velocity, at rest by default. With ``expansion=False`` space is flat and ``tau`` is
    the time, for tests against solutions in Cartesian coordinates. What leaves the grid is gone.
    """

    def __init__(
        self,
        energy: Floats,
        tau: float,
        cell: float,
        eos: EquationOfState,
        *,
        velocity: Floats | None = None,
        expansion: bool = True,
    ) -> None:
        energy = np.asarray(energy, np.float64)
        if energy.ndim != 2 or not np.isfinite(energy).all() or energy.min() < 0 or energy.max() >= eos.energy[-1]:
            message = (
                f"expected energy densities (nx, ny) from 0 to {eos.energy[-1]:.4g} GeV/fm3, "
                f"found {energy.shape} from {energy.min():.4g} to {energy.max():.4g}"
            )
            raise DataError(message)
        self.tau, self.cell, self.eos, self.expansion = tau, cell, eos, expansion
        self._lines = np.ascontiguousarray(eos.lines)
        nx, ny = energy.shape
        padded = (3, nx + 2 * _GHOSTS, ny + 2 * _GHOSTS)
        # energy density and the four-velocity's x and y
        self._state, self._pressure = np.zeros(padded), np.zeros(padded[1:])
        v = np.zeros((2, nx, ny)) if velocity is None else np.asarray(velocity, np.float64)
        self._state[:, 2:-2, 2:-2] = np.maximum(energy, VACUUM), *(v / np.sqrt(1 - (v**2).sum(axis=0)))
        self.conserved = np.zeros((3, nx, ny))
        self._first, self._rate = np.zeros((3, nx, ny)), np.zeros((3, nx, ny))
        _prepare(self._state, self._pressure, self._lines, self.conserved, tau if expansion else 1.0)

    @property
    def energy(self) -> Floats:
        """Energy density in the rest frame of the fluid, (nx, ny) in GeV/fm3."""
        return self._state[0, 2:-2, 2:-2]

    @property
    def velocity(self) -> Floats:
        """Transverse velocity, (2, nx, ny)."""
        u = self._state[1:, 2:-2, 2:-2]
        return np.asarray(u / np.sqrt(1 + (u**2).sum(axis=0)))

    @property
    def pressure(self) -> Floats:
        """Pressure, (nx, ny) in GeV/fm3."""
        return self._pressure[2:-2, 2:-2]

    @property
    def longest_step(self) -> float:
        """The time step in fm that ``step`` takes by itself."""
        return min(_CFL * self.cell, _RATE * self.tau) if self.expansion else _CFL * self.cell

    def step(self, dt: float | None = None) -> None:
        """Go on by ``dt`` fm; HydroError names the first cell whose state has no solution."""
        dt = self.longest_step if dt is None else dt
        weights = [self.tau, self.tau + dt] if self.expansion else [1.0, 1.0]
        self._first[:] = self.conserved
        for stage, weight in enumerate(weights):
            _rates(self._state, self._pressure, self._lines, weight, self.cell, self.expansion, self._rate)
            bad = _advance(
                self.conserved,
                self._first,
                self._rate,
                dt,
                stage,
                weights[1],
                self._lines,
                self._state,
                self._pressure,
            )
            if bad >= 0:
                cell = divmod(int(bad), self.energy.shape[1])
                density = self.conserved[:, cell[0], cell[1]] / weights[1]
                message = (
                    f"no fluid has the densities {density} (GeV/fm3) of cell {cell} at {self.tau + dt:.3f} fm"
                )
                raise HydroError(message)
        self.tau += dt


@njit(cache=True, inline="always")
def _line(energy: float, lines: Floats) -> int:
    """Number of the table's interval that ``energy`` lies in; its step is 0.003, see EquationOfState."""
    return min(int(np.sqrt(np.sqrt(energy)) * (1.0 / 0.003)), len(lines) - 1)


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _recover(total: float, momentum: float, guess: float, lines: Floats) -> tuple[float, float]:
    """Solve e = E - M^2 / (E + P(e)) by Newton's method within a bracket; returns e and P, e < 0 if it fails.

    total, momentum: T^tt and |T^ti|. The root is the only one, between E - M and E, since the right side changes
    more slowly than e itself does.
    """
    square = momentum * momentum
    low, high = total - momentum, total
    energy = min(max(guess, low), high)
    for _ in range(60):
        i = _line(energy, lines)
        pressure = lines[i, 0] + lines[i, 1] * energy
        h = 1.0 / (total + pressure)
        f = energy - total + square * h
        if abs(f) <= 1e-13 * total:
            return energy, pressure
        if f > 0:
            high = energy
        else:
            low = energy
        energy -= f / (1.0 - square * h * h * lines[i, 1])
        if not low <= energy <= high:
            energy = 0.5 * (low + high)
    # Kinks of the table can make the last digits flip: good enough is good enough, anything else is an error.
    i = _line(energy, lines)
    pressure = lines[i, 0] + lines[i, 1] * energy
    if high - low <= 1e-10 * total:
        return energy, pressure
    return -1.0, 0.0


@njit(cache=True)
def _fill_ghosts(state: Floats, pressure: Floats) -> None:
    """What lies outside is like the nearest cell: the fluid flows out."""
    nx, ny = pressure.shape
    for g in range(_GHOSTS):
        for k in range(4):
            a = pressure if k == 3 else state[k]
            a[g, :], a[nx - 1 - g, :] = a[_GHOSTS, :], a[nx - 1 - _GHOSTS, :]
    for g in range(_GHOSTS):
        for k in range(4):
            a = pressure if k == 3 else state[k]
            a[:, g], a[:, ny - 1 - g] = a[:, _GHOSTS], a[:, ny - 1 - _GHOSTS]


@njit(cache=True)
def _prepare(state: Floats, pressure: Floats, lines: Floats, conserved: Floats, weight: float) -> None:
    """Pressure and conserved densities of an initial state."""
    for i in range(conserved.shape[1]):
        for j in range(conserved.shape[2]):
            e, ux, uy = state[0, i + 2, j + 2], state[1, i + 2, j + 2], state[2, i + 2, j + 2]
            n = _line(e, lines)
            p = lines[n, 0] + lines[n, 1] * e
            gamma = np.sqrt(1.0 + ux * ux + uy * uy)
            pressure[i + 2, j + 2] = p
            conserved[0, i, j] = weight * ((e + p) * gamma * gamma - p)
            conserved[1, i, j] = weight * (e + p) * gamma * ux
            conserved[2, i, j] = weight * (e + p) * gamma * uy
    _fill_ghosts(state, pressure)


@njit(cache=True, inline="always")
def _slope(left: float, middle: float, right: float) -> float:
    """Half the limited change of a quantity over a cell: monotonised central."""
    a, b = middle - left, right - middle
    if a * b <= 0.0:
        return 0.0
    s = 0.25 * (a + b)
    return min(s, a, b) if a > 0 else max(s, a, b)


@njit(cache=True, inline="always", error_model="numpy", fastmath=_FAST)
def _flux(
    e: tuple[float, float], u: tuple[float, float], w: tuple[float, float], lines: Floats
) -> tuple[float, float, float]:
    """HLLE flux of (T^tt, T^tn, T^tw) through a face from its two sides; u along its normal n, w across."""
    n0, n1 = _line(e[0], lines), _line(e[1], lines)
    p0, p1 = lines[n0, 0] + lines[n0, 1] * e[0], lines[n1, 0] + lines[n1, 1] * e[1]
    g0, g1 = 1.0 + u[0] * u[0] + w[0] * w[0], 1.0 + u[1] * u[1] + w[1] * w[1]
    r0, r1 = np.sqrt(g0), np.sqrt(g1)
    h0, h1 = e[0] + p0, e[1] + p1
    # Signal speeds: those of sound seen in the frame of the grid.
    c0, c1 = max(lines[n0, 1], _LEAST_CS2), max(lines[n1, 1], _LEAST_CS2)
    d0, d1 = 1.0 / (g0 * (1.0 - c0) + c0), 1.0 / (g1 * (1.0 - c1) + c1)
    m0, m1 = r0 * u[0] * (1.0 - c0) * d0, r1 * u[1] * (1.0 - c1) * d1
    s0 = np.sqrt(c0 * ((1.0 + w[0] * w[0]) * (1.0 - c0) + c0)) * d0
    s1 = np.sqrt(c1 * ((1.0 + w[1] * w[1]) * (1.0 - c1) + c1)) * d1
    least, most = min(m0 - s0, m1 - s1, 0.0), max(m0 + s0, m1 + s1, 0.0)
    t0, t1 = h0 * r0 * u[0], h1 * r1 * u[1]
    a = 1.0 / (most - least)
    b = least * most
    return (
        (most * t0 - least * t1 + b * (h1 * g1 - p1 - h0 * g0 + p0)) * a,
        (most * (h0 * u[0] * u[0] + p0) - least * (h1 * u[1] * u[1] + p1) + b * (t1 - t0)) * a,
        (most * h0 * u[0] * w[0] - least * h1 * u[1] * w[1] + b * (h1 * r1 * w[1] - h0 * r0 * w[0])) * a,
    )


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _rates(
    state: Floats, pressure: Floats, lines: Floats, weight: float, cell: float, expansion: bool, rate: Floats
) -> None:
    """Fill ``rate`` (3, nx, ny) with the time derivative of the conserved densities."""
    nx, ny = rate.shape[1:]
    factor = weight / cell
    for i in range(nx):
        for j in range(ny):
            rate[0, i, j] = -pressure[i + 2, j + 2] if expansion else 0.0
            rate[1, i, j] = 0.0
            rate[2, i, j] = 0.0
    e, ux, uy = state[0], state[1], state[2]
    rest = lines[0, 0] + lines[0, 1] * VACUUM  # what pushes on a face in the vacuum
    for i in range(nx + 1):  # faces between cells i - 1 and i
        for j in range(ny):
            a, b, k = i + 1, i + 2, j + 2
            if max(e[a - 1, k], e[a, k], e[b, k], e[b + 1, k]) <= VACUUM:
                if i > 0:
                    rate[1, i - 1, j] -= factor * rest
                if i < nx:
                    rate[1, i, j] += factor * rest
                continue
            f, g, h = _flux(
                (
                    e[a, k] + _slope(e[a - 1, k], e[a, k], e[b, k]),
                    e[b, k] - _slope(e[a, k], e[b, k], e[b + 1, k]),
                ),
                (
                    ux[a, k] + _slope(ux[a - 1, k], ux[a, k], ux[b, k]),
                    ux[b, k] - _slope(ux[a, k], ux[b, k], ux[b + 1, k]),
                ),
                (
                    uy[a, k] + _slope(uy[a - 1, k], uy[a, k], uy[b, k]),
                    uy[b, k] - _slope(uy[a, k], uy[b, k], uy[b + 1, k]),
                ),
                lines,
            )
            if i > 0:
                rate[0, i - 1, j] -= factor * f
                rate[1, i - 1, j] -= factor * g
                rate[2, i - 1, j] -= factor * h
            if i < nx:
                rate[0, i, j] += factor * f
                rate[1, i, j] += factor * g
                rate[2, i, j] += factor * h
    for i in range(nx):
        for j in range(ny + 1):  # faces between cells j - 1 and j
            a, b, k = j + 1, j + 2, i + 2
            if max(e[k, a - 1], e[k, a], e[k, b], e[k, b + 1]) <= VACUUM:
                if j > 0:
                    rate[2, i, j - 1] -= factor * rest
                if j < ny:
                    rate[2, i, j] += factor * rest
                continue
            f, g, h = _flux(
                (
                    e[k, a] + _slope(e[k, a - 1], e[k, a], e[k, b]),
                    e[k, b] - _slope(e[k, a], e[k, b], e[k, b + 1]),
                ),
                (
                    uy[k, a] + _slope(uy[k, a - 1], uy[k, a], uy[k, b]),
                    uy[k, b] - _slope(uy[k, a], uy[k, b], uy[k, b + 1]),
                ),
                (
                    ux[k, a] + _slope(ux[k, a - 1], ux[k, a], ux[k, b]),
                    ux[k, b] - _slope(ux[k, a], ux[k, b], ux[k, b + 1]),
                ),
                lines,
            )
            if j > 0:
                rate[0, i, j - 1] -= factor * f
                rate[2, i, j - 1] -= factor * g
                rate[1, i, j - 1] -= factor * h
            if j < ny:
                rate[0, i, j] += factor * f
                rate[2, i, j] += factor * g
                rate[1, i, j] += factor * h


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def _advance(
    conserved: Floats,
    first: Floats,
    rate: Floats,
    dt: float,
    stage: int,
    weight: float,
    lines: Floats,
    state: Floats,
    pressure: Floats,
) -> int:
    """One stage of Heun's method and the state it leads to; returns the first bad cell, -1 if there is none."""
    bad = -1
    nx, ny = rate.shape[1:]
    for i in range(nx):
        for j in range(ny):
            for k in range(3):
                value = conserved[k, i, j] + dt * rate[k, i, j]
                conserved[k, i, j] = 0.5 * (first[k, i, j] + value) if stage else value
            total = conserved[0, i, j] / weight
            mx, my = conserved[1, i, j] / weight, conserved[2, i, j] / weight
            momentum = np.sqrt(mx * mx + my * my)
            if abs(total) < _THIN and momentum > _FASTEST * max(total, VACUUM):
                total = max(total, VACUUM)
                cut = _FASTEST * total / momentum
                mx, my, momentum = mx * cut, my * cut, _FASTEST * total
                conserved[0, i, j] = weight * total
                conserved[1, i, j], conserved[2, i, j] = weight * mx, weight * my
            if -_THIN < total < 1.5 * VACUUM:
                e, p, gain = VACUUM, lines[0, 0] + lines[0, 1] * VACUUM, 0.0
            elif momentum < total:
                e, p = _recover(total, momentum, state[0, i + 2, j + 2], lines)
                # gamma v = M / sqrt((E + P)(E + P - M^2 / (E + P))), and the root is (e + P) (E + P)
                gain = 1.0 / np.sqrt(max(e + p, 1e-300) * (total + p))
            else:
                e, p, gain = -1.0, 0.0, 0.0
            if not e > 0:
                if bad < 0:
                    bad = i * ny + j
                continue
            state[0, i + 2, j + 2], pressure[i + 2, j + 2] = e, p
            state[1, i + 2, j + 2], state[2, i + 2, j + 2] = mx * gain, my * gain
    _fill_ghosts(state, pressure)
    return bad
