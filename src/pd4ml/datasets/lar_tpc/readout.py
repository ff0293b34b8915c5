"""From energy in argon to images: recombination, lifetime, diffusion, three planes of wires, noise, threshold.

Constants are those that larsim and larnd-sim use for argon at 87.17 K. x is the drift direction, with the wires at
x = 0, y is up, z along the beam.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.lar_tpc.argon import DENSITY
from pd4ml.datasets.lar_tpc.config import Config
from pd4ml.datasets.lar_tpc.queue import LABELS
from pd4ml.datasets.lar_tpc.transport import Deposits

__all__ = [
    "DRIFT_LENGTH", "N_PIXELS", "PIXEL", "PIXEL_COLUMNS", "PLANES", "charges", "drift_velocity", "image", "pixels",
    "recombination",
]  # fmt: skip

Floats = NDArray[np.float64]

# Three wires of 3 mm in each pixel, and as much along the drift.
PIXEL, N_PIXELS = 0.9, 128
PLANES = (60.0, -60.0, 0.0)  # degrees between the wires and the vertical
DRIFT_LENGTH = 256.0  # cm
PIXEL_COLUMNS = ("plane", "row", "column", "charge")
_W_ION = 23.6e-6  # MeV for a pair of ion and electron
# arXiv:1306.1712 (ArgoNeuT), box; Nucl. Instrum. Meth. A 523 (2004) 275 (ICARUS), Birks; (kV/cm)(g/cm2)/MeV.
_BOX_ALPHA, _BOX_BETA, _BIRKS_A, _BIRKS_K = 0.93, 0.212, 0.800, 0.0486
# The modified box has its maximum here, 0.716: below, thinner tracks would lose more, so that it is kept.
_BOX_LEAST = 0.455
_MOBILITY = (551.6, 7158.3, 4440.43, 4.29, 43.63, 0.2053)
_TEMPERATURE = 87.17


def drift_velocity(field: float) -> float:
    """Velocity in cm/ms of electrons in a ``field`` in kV/cm, from larnd-sim's mobility."""
    a = _MOBILITY
    above = a[0] + a[1] * field + a[2] * field**1.5 + a[3] * field**2.5
    below = 1 + a[1] / a[0] * field + a[4] * field**2 + a[5] * field**3
    scale = math.pow(_TEMPERATURE / 89, -1.5)
    return float(above / below * scale * field)  # cm2/(V s) times kV/cm


def recombination(dedx: Floats, field: float, model: str) -> Floats:
    """Share of the electrons that escape their ions, of energy ``dedx`` in MeV/cm."""
    density = np.asarray(dedx, np.float64) / (DENSITY * field)
    if model == "birks":
        return _BIRKS_A / (1 + _BIRKS_K * density)
    xi = np.maximum(_BOX_BETA * density, _BOX_LEAST)
    return np.asarray(np.log(_BOX_ALPHA + xi) / xi)


def charges(deposits: Deposits, config: Config) -> tuple[Floats, Floats]:
    """Thousands of electrons that arrive, and how long they drifted in ms; none from outside the detector."""
    x = deposits.position[:, 0]
    time = np.clip(x, 0, None) / drift_velocity(config.field)
    escaped = deposits.energy / _W_ION / 1000 * recombination(deposits.dedx, config.field, config.recombination)
    arrived = escaped * np.exp(-time / config.lifetime) * config.gain
    return np.where((x > 0) & (x < DRIFT_LENGTH), arrived, 0.0), time


def image(deposits: Deposits, centre: Floats, config: Config) -> NDArray[np.float32]:
    """Charge (labels, 3, 128, 128) by what left it, in thousands of electrons, around ``centre`` (3,) in cm."""
    found = np.zeros((len(LABELS), len(PLANES), N_PIXELS, N_PIXELS), np.float32)
    charge, time = charges(deposits, config)
    along, across = (np.sqrt(2 * d * time / 1000) for d in (config.diffusion_along, config.diffusion_across))
    angles = np.radians(PLANES)
    position = deposits.position - centre
    _project(position, charge, along, across, deposits.label, np.cos(angles), np.sin(angles), found)
    return found


def pixels(
    found: NDArray[np.float32], config: Config, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Pixels (P, 4) above threshold, the brightest first, and what left most of their charge (P,).

    ``found`` is an ``image``. Noise is added everywhere, so that some pixels hold nothing else: their label is the
    last, low energy.
    """
    seen = found.sum(axis=0)
    seen += np.float32(config.noise) * rng.standard_normal(seen.shape, np.float32)
    seen[rng.random(seen.shape[:2]) < config.dead] = 0
    margin = (N_PIXELS - config.side) // 2
    cut = seen[:, margin : margin + config.side, margin : margin + config.side]
    plane, row, column = np.nonzero(cut > config.threshold)
    row, column = row + margin, column + margin
    charge = seen[plane, row, column]
    shares = found[:, plane, row, column]
    label = np.where(shares.sum(axis=0) > 0, shares.argmax(axis=0), len(LABELS) - 1)
    order = np.argsort(-charge, kind="stable")
    return np.stack([plane, row, column, charge], axis=1)[order].astype(np.float32), label[order].astype(np.uint8)


@njit(cache=True)
def _shares(at: float, width: float, shares: Floats) -> int:
    """Fill ``shares`` with a Gaussian's parts in the pixels around; the first of them."""
    first = math.floor(at) - len(shares) // 2
    if width < 1e-6:
        shares[:] = 0.0
        shares[len(shares) // 2] = 1.0
        return first
    scale = 1 / (width * math.sqrt(2))
    below = -1.0
    for i in range(len(shares)):
        above = 1.0 if i == len(shares) - 1 else math.erf((first + i + 1 - at) * scale)
        shares[i] = (above - below) / 2
        below = above
    return first


@njit(cache=True)
def _project(
    position: Floats, charge: Floats, along: Floats, across: Floats, label: NDArray[np.int64],
    cosine: Floats, sine: Floats, found: NDArray[np.float32],
) -> None:  # fmt: skip
    n = found.shape[2]
    rows, columns = np.empty(3), np.empty(3)
    for i in range(len(charge)):
        if charge[i] <= 0:
            continue
        column = _shares(position[i, 0] / PIXEL + n / 2, along[i] / PIXEL, columns)
        if column + 2 < 0 or column >= n:
            continue
        for plane in range(len(cosine)):
            wire = position[i, 2] * cosine[plane] + position[i, 1] * sine[plane]
            row = _shares(wire / PIXEL + n / 2, across[i] / PIXEL, rows)
            for r in range(max(0, -row), min(3, n - row)):
                for c in range(max(0, -column), min(3, n - column)):
                    found[label[i], plane, row + r, column + c] += charge[i] * rows[r] * columns[c]
