"""The scheme of ``physics/hydro/solver.py`` in plain vectorised NumPy, one array operation after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.hydro.equation_of_state import EquationOfState
from pd4ml.physics.hydro.solver import VACUUM

Floats = NDArray[np.float64]
CFL, RATE, LEAST_CS2, THIN, FASTEST = 0.4, 0.1, 0.05, 1e-4, 0.999


class PlainFluid:
    """What ``Fluid`` is, without compiled code."""

    def __init__(
        self, energy: Floats, tau: float, cell: float, eos: EquationOfState, expansion: bool = True
    ) -> None:
        self.tau, self.cell, self.eos, self.expansion = tau, cell, eos, expansion
        self.lines = eos.lines
        self.energy = np.maximum(energy, VACUUM)
        self.u = np.zeros((2, *energy.shape))
        self.pressure, self.slope = self._pressure(self.energy)
        self.conserved = (tau if expansion else 1.0) * np.stack([self.energy, *self.u])

    def step(self) -> None:
        dt = min(CFL * self.cell, RATE * self.tau) if self.expansion else CFL * self.cell
        weights = [self.tau, self.tau + dt] if self.expansion else [1.0, 1.0]
        first = self.conserved.copy()
        for stage, weight in enumerate(weights):
            new = self.conserved + dt * self._rates(weight)
            self.conserved = 0.5 * (first + new) if stage else new
            self._recover(weights[1])
        self.tau += dt

    def _pressure(self, energy: Floats) -> tuple[Floats, Floats]:
        line = np.minimum((np.sqrt(np.sqrt(energy)) / self.eos.step).astype(np.int64), len(self.lines) - 1)
        return self.lines[line, 0] + self.lines[line, 1] * energy, self.lines[line, 1]

    def _rates(self, weight: float) -> Floats:
        rate = np.zeros_like(self.conserved)
        if self.expansion:
            rate[0] = np.where(self.energy == VACUUM, 0.0, -self.pressure)
        for axis in (0, 1):
            across = 1 - axis
            state = np.stack([self.energy, self.u[axis], self.u[across], self.pressure, self.slope])
            padding = [(0, 0), (0, 0), (0, 0)]
            padding[1 + axis] = (2, 2)
            state = np.moveaxis(np.pad(state, padding, mode="edge"), 1 + axis, 1)
            difference = np.diff(state[:3], axis=1)
            a, b = difference[:, :-1], difference[:, 1:]
            size = np.minimum(np.abs(a + b) / 4, np.minimum(np.abs(a), np.abs(b)))
            half = np.where(a * b > 0, np.sign(a) * size, 0.0)
            flux = hlle(face(state[:, 1:-2], half[:, :-1]), face(state[:, 2:-1], -half[:, 1:]))
            change = np.moveaxis(-np.diff(flux, axis=1) * weight / self.cell, 1, 1 + axis)
            rate[[0, 1 + axis, 1 + across]] += change
        return rate

    def _recover(self, weight: float) -> None:
        total, mx, my = self.conserved / weight
        momentum = np.hypot(mx, my)
        cut = (np.abs(total) < THIN) & (momentum > FASTEST * np.maximum(total, VACUUM))
        total[cut] = np.maximum(total[cut], VACUUM)
        shrink = np.where(cut, FASTEST * total / np.where(cut, momentum, 1.0), 1.0)
        mx, my, momentum = mx * shrink, my * shrink, momentum * shrink
        self.conserved = weight * np.stack([total, mx, my])
        vacuum = total < 1.5 * VACUUM
        total = np.maximum(total, VACUUM)
        momentum = np.where(vacuum, 0.0, momentum)
        low, high = total - momentum, total.copy()
        energy = np.clip(self.energy, low, high)
        for _ in range(60):
            p, slope = self._pressure(energy)
            f = energy - total + momentum**2 / (total + p)
            if np.all(np.abs(f) <= 1e-13 * total):
                break
            high, low = np.where(f > 0, energy, high), np.where(f > 0, low, energy)
            new = energy - f / (1 - momentum**2 / (total + p) ** 2 * slope)
            energy = np.where((new < low) | (new > high), (low + high) / 2, new)
        self.energy = np.where(vacuum, VACUUM, energy)
        self.pressure, self.slope = self._pressure(self.energy)
        gain = np.where(vacuum, 0.0, 1 / np.sqrt((self.energy + self.pressure) * (total + self.pressure)))
        self.u = np.stack([mx, my]) * gain


def face(cell: Floats, half: Floats) -> tuple[Floats, ...]:
    """The state at a face of a cell: e, u along, u across, P, dP/de."""
    e, u, w = cell[:3] + half
    return e, u, w, np.clip(cell[3] + cell[4] * half[0], 0, e / 3), cell[4]


def hlle(left: tuple[Floats, ...], right: tuple[Floats, ...]) -> Floats:
    """HLLE flux between the states at the two sides of faces."""
    densities, fluxes, slowest, fastest = [], [], [], []
    c = np.maximum(np.maximum(left[4], right[4]), LEAST_CS2)
    for e, u, w, p, _ in (left, right):
        square = 1 + u**2 + w**2
        gamma, h = np.sqrt(square), e + p
        middle = gamma * u * (1 - c) / (square * (1 - c) + c)
        width = np.sqrt(c * ((1 + w**2) * (1 - c) + c)) / (square * (1 - c) + c)
        slowest.append(middle - width)
        fastest.append(middle + width)
        densities.append(np.stack([h * square - p, h * gamma * u, h * gamma * w]))
        fluxes.append(np.stack([h * gamma * u, h * u**2 + p, h * u * w]))
    low = np.minimum(np.minimum(*slowest), 0.0)
    high = np.maximum(np.maximum(*fastest), 0.0)
    jump = low * high * (densities[1] - densities[0])
    return np.asarray((high * fluxes[0] - low * fluxes[1] + jump) / (high - low))
