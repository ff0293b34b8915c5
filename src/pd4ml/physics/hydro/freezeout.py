"""The surface of constant temperature on which a fluid turns into particles.

Between two time slices every cube of 2 x 2 x 2 values is cut into six tetrahedra around its diagonal
(Freudenthal's subdivision, the same in all cubes). The surface in a tetrahedron is one or two triangles whose
corners are found by linear interpolation along its edges (Doi, Koide, IEICE Trans. E74 (1991) 214). Neighbours
share their corners: the surface has no holes, and Gauss's law holds on it to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError
from pd4ml.physics.hydro.solver import Fluid

__all__ = ["Surface", "cube_elements", "freeze_out"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Elements of a freeze-out surface, per unit of space-time rapidity.

    position: (M, 3) tau, x, y in fm; normal: (M, 3) the covariant d sigma_mu (tau, x, y) in fm^3, pointing
    to lower temperatures; velocity: (M, 2) transverse velocity; temperature: GeV.
    """

    position: Floats
    normal: Floats
    velocity: Floats
    temperature: float

    def __len__(self) -> int:
        return len(self.position)

    @property
    def four_velocity(self) -> Floats:
        """u^mu (tau, x, y), (M, 3)."""
        gamma = 1 / np.sqrt(1 - (self.velocity**2).sum(axis=1))
        return np.column_stack([gamma, gamma[:, None] * self.velocity])


def freeze_out(
    fluid: Fluid, temperatures: Sequence[float], *, every: int = 2, coarsen: int = 1, longest: float = 40.0
) -> list[Surface]:
    """Run ``fluid`` until it is colder than all ``temperatures`` (GeV) and find the surface of each.

    Cubes span ``every`` time steps and ``coarsen`` cells. What is colder from the beginning is not part of a
    surface. DataError if the fluid is still hotter after ``longest`` fm or has reached the edge of its grid.
    """
    levels = [fluid.eos.energy_of_temperature(t) for t in temperatures]
    found: list[list[tuple[Floats, ...]]] = [[] for _ in levels]
    before = _slice(fluid, coarsen)
    start = fluid.tau
    while before[1].max() >= min(levels) ** 0.25:
        for _ in range(every):
            fluid.step()
        now = _slice(fluid, coarsen)
        edge = max(now[1][[0, -1]].max(), now[1][:, [0, -1]].max())
        if edge >= min(levels) ** 0.25 or fluid.tau - start > longest:
            message = (
                f"the fluid is not frozen out at {fluid.tau:.1f} fm within a grid of {fluid.energy.shape} cells "
                f"of {fluid.cell} fm: take a larger grid or a higher temperature"
            )
            raise DataError(message)
        times, fields = np.array([before[0], now[0]]), np.stack([before[1], now[1]])
        velocities = np.stack([before[2], now[2]])
        for level, elements in zip(levels, found, strict=True):
            elements.append(cube_elements(fields, velocities, times, coarsen * fluid.cell, level**0.25))
        before = now
    return [_surface(elements, t, fluid, coarsen) for elements, t in zip(found, temperatures, strict=True)]


def cube_elements(
    fields: Floats, velocities: Floats, times: Floats, cell: float, level: float
) -> tuple[Floats, Floats, Floats]:
    """Surface elements ``field = level`` between two slices, one for each cube that the surface passes through.

    fields: (2, nx, ny); velocities: (2, 2, nx, ny), slice first; times: (2,). Returns positions (M, 3) with x and
    y from the first cell's middle, normals (M, 3) that point to lower fields and hold no factor of tau, and
    velocities (M, 2).
    """
    hot = fields >= level
    near = hot[:, :-1] | hot[:, 1:]
    some = (near[:, :, :-1] | near[:, :, 1:]).any(axis=0)
    near = hot[:, :-1] & hot[:, 1:]
    cubes = np.argwhere(some & ~(near[:, :, :-1] & near[:, :, 1:]).all(axis=0))
    out = np.zeros((len(cubes), 8))
    _cubes(cubes, fields, velocities, times, cell, level, out)
    return out[:, :3], out[:, 3:6], out[:, 6:]


def _slice(fluid: Fluid, coarsen: int) -> tuple[float, Floats, Floats]:
    """Time, the field that is cut (e^(1/4), about proportional to T), and velocity."""
    rough = slice(None, None, coarsen)
    return fluid.tau, np.sqrt(np.sqrt(fluid.energy[rough, rough])), fluid.velocity[:, rough, rough]


def _surface(elements: list[tuple[Floats, ...]], temperature: float, fluid: Fluid, coarsen: int) -> Surface:
    empty = (np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 2)))
    position, normal, velocity = (np.concatenate(parts) for parts in zip(empty, *elements, strict=True))
    middle = (np.array(fluid.energy.shape) - 1) / 2
    position[:, 1:] -= middle * fluid.cell
    normal = normal * position[:, :1]  # the volume element in Milne coordinates
    return Surface(position, normal, velocity, temperature)


# Corner c of a cube lies at (c & 1, c >> 1 & 1, c >> 2 & 1) in (tau, x, y); each path along edges from corner 0 to
# corner 7 is a tetrahedron.
_TETRAHEDRA = np.array([[0, a, a | b, 7] for a in (1, 2, 4) for b in (1, 2, 4) if a != b])


@njit(cache=True)
def _cubes(
    cubes: NDArray[np.int64],
    fields: Floats,
    velocities: Floats,
    times: Floats,
    cell: float,
    level: float,
    out: Floats,
) -> None:
    """Sum the triangles of each cube; centre and velocity are averaged with the triangles' areas."""
    corners = np.empty((8, 6))  # tau, x, y, vx, vy, field
    points, triangle = np.empty((4, 5)), np.empty((3, 5))
    for n in range(len(cubes)):
        i, j = cubes[n]
        for c in range(8):
            t, a, b = c & 1, i + (c >> 1 & 1), j + (c >> 2 & 1)
            corners[c, 0], corners[c, 1], corners[c, 2] = times[t], a * cell, b * cell
            corners[c, 3], corners[c, 4] = velocities[t, 0, a, b], velocities[t, 1, a, b]
            corners[c, 5] = fields[t, a, b]
        area = 0.0
        for k in range(6):
            n_points = _cut(corners, _TETRAHEDRA[k], level, points)
            for m in range(n_points - 2):  # a quadrangle is two triangles
                triangle[0], triangle[1], triangle[2] = points[0], points[m + 1], points[m + 2]
                area += _add(triangle, corners, _TETRAHEDRA[k], level, out[n])
        if area > 0:
            out[n, :3] /= area
            out[n, 6:] /= area


@njit(cache=True)
def _cut(corners: Floats, tetrahedron: NDArray[np.int64], level: float, points: Floats) -> int:
    """Corners of the surface in a tetrahedron, in order around it; returns how many: 0, 3 or 4."""
    hot, cold, n_hot, n_cold = np.empty(4, np.int64), np.empty(4, np.int64), 0, 0
    for c in tetrahedron:
        if corners[c, 5] >= level:
            hot[n_hot], n_hot = c, n_hot + 1
        else:
            cold[n_cold], n_cold = c, n_cold + 1
    n = 0
    for a in range(n_hot):
        for step in range(n_cold):
            # With two of each, go back on the second hot corner: the four points are then in order.
            b = n_cold - 1 - step if a == 1 and n_hot == 2 else step
            p, q = corners[hot[a]], corners[cold[b]]
            share = (p[5] - level) / (p[5] - q[5])
            points[n] = p[:5] + share * (q[:5] - p[:5])
            n += 1
    return n


@njit(cache=True)
def _add(triangle: Floats, corners: Floats, tetrahedron: NDArray[np.int64], level: float, out: Floats) -> float:
    """Add a triangle to its cube's element; returns its area."""
    a, b = triangle[1, :3] - triangle[0, :3], triangle[2, :3] - triangle[0, :3]
    normal = 0.5 * np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    side = 0.0  # of the surface on which the hot corners lie
    for c in tetrahedron:
        height = (
            normal[0] * (corners[c, 0] - triangle[0, 0])
            + normal[1] * (corners[c, 1] - triangle[0, 1])
            + normal[2] * (corners[c, 2] - triangle[0, 2])
        )
        side += height if corners[c, 5] >= level else -height
    if side > 0:
        normal = -normal
    area: float = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    for k in range(3):
        out[k] += area * (triangle[0, k] + triangle[1, k] + triangle[2, k]) / 3
        out[3 + k] += normal[k]
    for k in range(2):
        out[6 + k] += area * (triangle[0, 3 + k] + triangle[1, 3 + k] + triangle[2, 3 + k]) / 3
    return area
