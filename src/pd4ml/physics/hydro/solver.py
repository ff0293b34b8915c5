"""An ideal relativistic fluid in two transverse dimensions, boost-invariant along the third.

Conservation laws in Milne coordinates (tau, x, y, eta), for the densities W = tau (T^tt, T^tx, T^ty) at eta = 0:
d_tau W_t + div(tau T^ti) = -P, the work of the longitudinal expansion, and d_tau W_i + d_j (tau T^ij) = 0.
Finite volumes with HLLE fluxes (Harten, Lax, van Leer 1983; Einfeldt 1988), states at the faces by limited slopes
of energy density and four-velocity (monotonised central, van Leer 1977), and Heun's method in time: second order
in smooth flow. A plain NumPy version of the same scheme is what the tests hold this one to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.physics.hydro.equation_of_state import EquationOfState
from pd4ml.physics.hydro.kernels import GHOSTS, LANE, VACUUM, advance, prepare, rates

__all__ = ["VACUUM", "Fluid", "HydroError"]

Floats = NDArray[np.float64]

_CFL = 0.4  # a step is at most this many cells' light travel time
_RATE = 0.1  # ... and this fraction of tau, in which densities fall by that fraction


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
        if energy.shape[1] > LANE - 2 * GHOSTS:
            message = f"a fluid is at most {LANE - 2 * GHOSTS} cells wide, found {energy.shape[1]}"
            raise DataError(message)
        self.tau, self.cell, self.eos, self.expansion = tau, cell, eos, expansion
        self._lines = np.ascontiguousarray(eos.lines)
        nx, ny = energy.shape
        self._state = np.zeros((nx + 2 * GHOSTS, 5, LANE))
        self._inner = self._state[GHOSTS:-GHOSTS, :, GHOSTS : GHOSTS + ny].swapaxes(0, 1)
        v = np.zeros((2, nx, ny)) if velocity is None else np.asarray(velocity, np.float64)
        self._inner[:3] = np.maximum(energy, VACUUM), *(v / np.sqrt(1 - (v**2).sum(axis=0)))
        self.conserved = np.zeros((3, nx, ny))
        self._first, self._rate = np.zeros((3, nx, ny)), np.zeros((3, nx, ny))
        # Of each row the columns that are no vacuum, and those where something can change.
        self._span, self._reach = np.zeros((nx, 2), np.int64), np.zeros((nx, 2), np.int64)
        prepare(self._state, self._lines, tau if expansion else 1.0, self.conserved, self._span)

    @property
    def energy(self) -> Floats:
        """Energy density in the rest frame of the fluid, (nx, ny) in GeV/fm3."""
        return np.asarray(self._inner[0])

    @property
    def velocity(self) -> Floats:
        """Transverse velocity, (2, nx, ny)."""
        u = self._inner[1:3]
        return np.asarray(u / np.sqrt(1 + (u**2).sum(axis=0)))

    @property
    def pressure(self) -> Floats:
        """Pressure, (nx, ny) in GeV/fm3."""
        return np.asarray(self._inner[3])

    @property
    def longest_step(self) -> float:
        """The time step in fm that ``step`` takes by itself."""
        return min(_CFL * self.cell, _RATE * self.tau) if self.expansion else _CFL * self.cell

    def step(self, dt: float | None = None) -> None:
        """Go on by ``dt`` fm; HydroError names the first cell whose state has no solution."""
        dt = self.longest_step if dt is None else dt
        weights = [self.tau, self.tau + dt] if self.expansion else [1.0, 1.0]
        self._first[:] = self.conserved
        for weight, keep in zip(weights, (0.0, 0.5), strict=True):
            rates(self._state, self._span, self._reach, weight, self.cell, float(self.expansion), self._rate)
            bad = advance(
                *(self.conserved, self._first, self._rate, dt, keep, weights[1], self._lines),
                *(self._state, self._span, self._reach),
            )
            if bad >= 0:
                cell = divmod(int(bad), self.energy.shape[1])
                density = self.conserved[:, cell[0], cell[1]] / weights[1]
                message = (
                    f"no fluid has the densities {density} (GeV/fm3) of cell {cell} at {self.tau + dt:.3f} fm"
                )
                raise HydroError(message)
        self.tau += dt
