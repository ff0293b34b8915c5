"""From the cells of a trimmed jet to its image: moved, turned, mirrored, filled into pixels.

Steps of arXiv:1511.05190. There the pixels of an image are turned, by cubic splines; here the cells are, before
pixels are filled, so that no energy is smeared and no pixel becomes negative.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.jets import Jets
from pd4ml.physics.kinematics import delta_phi

__all__ = ["N_PIXELS", "images", "places", "subjet_distance"]

N_PIXELS = 25

Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]


def images(p4: Floats, subjets: Jets, n_jets: int, pixel: float, rotate: bool) -> NDArray[np.float32]:
    """Images (n_jets, 25, 25) of pT in GeV, of the ``subjets`` among the cells ``p4``.

    The second axis is x, which without rotation is rapidity, the first is y, without rotation azimuth; the
    leading subjet is in the middle.
    """
    first = np.searchsorted(subjets.event, np.arange(n_jets + 1)).astype(np.int64)
    at, cells = places(subjets.p4), places(p4[subjets.constituents])
    return _images(cells, subjets.offsets, at, first, pixel, rotate)


def places(p4: Floats) -> Floats:
    """pT, rapidity and azimuth, (n, 3), of momenta (n, 4) that are not along the beam."""
    energy, px, py, pz = p4.T
    return np.stack([np.hypot(px, py), 0.5 * np.log((energy + pz) / (energy - pz)), np.arctan2(py, px)], axis=1)


def subjet_distance(subjets: Jets, n_jets: int) -> Floats:
    """Distance (n_jets,) of the two leading subjets of each jet in the plane; 0 where there is one."""
    first, last = (np.searchsorted(subjets.event, np.arange(n_jets), side) for side in ("left", "right"))
    at = places(subjets.p4)
    two = last - first > 1
    a, b = at[first[two]], at[first[two] + 1]
    out = np.zeros(n_jets)
    out[two] = np.hypot(a[:, 1] - b[:, 1], (a[:, 2] - b[:, 2] + np.pi) % (2 * np.pi) - np.pi)
    return out


@njit(cache=True)
def _images(
    cells: Floats, offsets: Offsets, at: Floats, first: Offsets, pixel: float, rotate: bool
) -> NDArray[np.float32]:
    """``first`` says which subjets are whose, ``offsets`` which cells are a subjet's."""
    out = np.zeros((first.size - 1, N_PIXELS, N_PIXELS), np.float32)
    for jet in range(first.size - 1):
        lead = at[first[jet]]
        own = _moved(cells[offsets[first[jet]] : offsets[first[jet + 1]]], lead)
        if rotate:
            subjets = _moved(at[first[jet] : first[jet + 1]], lead)
            turn = -0.5 * math.pi - _direction(own, subjets)
            own, subjets = _turned(own, turn), _turned(subjets, turn)
            if len(subjets) > 2:
                right = subjets[2, 1]
            else:  # of the pixels on either side of the middle ones, in which the leading subjet is
                right = (own[:, 0] * np.sign(own[:, 1]) * (np.abs(own[:, 1]) > 0.5 * pixel)).sum()
            if right < 0.0:
                own[:, 1] *= -1.0
        for pt, x, y in own:
            column, row = math.floor(x / pixel + 0.5 * N_PIXELS), math.floor(y / pixel + 0.5 * N_PIXELS)
            if 0 <= column < N_PIXELS and 0 <= row < N_PIXELS:
                out[jet, row, column] += pt
    return out


@njit(cache=True)
def _moved(at: Floats, centre: Floats) -> Floats:
    """pT, x and y of ``at`` (n, 3) from ``centre`` (3,)."""
    out = np.empty_like(at)
    for i in range(len(at)):
        out[i, 0], out[i, 1], out[i, 2] = at[i, 0], at[i, 1] - centre[1], delta_phi(at[i, 2], centre[2])
    return out


@njit(cache=True)
def _turned(at: Floats, angle: float) -> Floats:
    out = at.copy()
    c, s = math.cos(angle), math.sin(angle)
    out[:, 1], out[:, 2] = c * at[:, 1] - s * at[:, 2], s * at[:, 1] + c * at[:, 2]
    return out


@njit(cache=True)
def _direction(own: Floats, subjets: Floats) -> float:
    """Where the second subjet is from the first; of one, the end of the principal axis with the longer tail."""
    if len(subjets) > 1:
        return math.atan2(subjets[1, 2], subjets[1, 1])
    pt, x, y = own[:, 0], own[:, 1], own[:, 2]
    total = pt.sum()
    x, y = x - (pt * x).sum() / total, y - (pt * y).sum() / total
    angle = 0.5 * math.atan2(2.0 * (pt * x * y).sum(), (pt * x * x).sum() - (pt * y * y).sum())
    along = own[:, 1] * math.cos(angle) + own[:, 2] * math.sin(angle)
    return angle if (pt * along**3).sum() >= 0.0 else angle + math.pi
