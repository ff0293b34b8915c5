"""Cosmic muons in a telescope of six planes, or another muon in each plane.

On a flat Earth the intensity of muons goes with cos^(n - 1) of the zenith angle, n the power of their energy spectrum
(arXiv:1606.06907); here it is the square, and through a horizontal plane one more cosine passes. Tracks are straight; what a muon deposits is proportional to
its path in a strip, and fluctuates after Moyal (Phil. Mag. 46 (1955) 263). That the most probable deposit grows a
little faster than the path, and that slanting muons hit two strips of a plane, is neglected.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muon_telescope.config import Config
from pd4ml.generation.simulator import Simulator

__all__ = ["PLANES", "SIMULATOR", "STRIPS", "Config", "cosines", "simulate"]

PLANES, STRIPS = 6, 8


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, NDArray[np.generic]]:
    """Simulate ``n_events`` coincidences of all planes from ``seed``.

    Gives ``deposits`` (N, 6, 8) float32 in those of a vertical muon, and ``label`` (N,) uint8, 1 = one muon,
    equally likely. Both splits are made alike.
    """
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n_events, dtype=np.uint8)
    strips = rng.integers(0, STRIPS, (n_events, PLANES))  # of accidental ones: each plane is hit evenly
    cosine = cosines((n_events, PLANES), config.power, rng)
    muons = label == 1
    strips[muons], cosine[muons] = _tracks(int(muons.sum()), config, rng)
    # The logarithm of a squared normal number follows Moyal's distribution, with its maximum at zero.
    fluctuation = -np.log(rng.normal(size=(n_events, PLANES)) ** 2)
    energy = config.gain * np.maximum(1 + config.fluctuation * fluctuation, 0.01) / cosine
    deposits = np.zeros((n_events, PLANES, STRIPS), np.float32)
    np.put_along_axis(deposits, strips[..., None], energy[..., None].astype(np.float32), axis=2)
    return {"deposits": deposits, "label": label}


def cosines(shape: tuple[int, ...], power: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cosines of the zenith angles of muons through a horizontal plane; density as their power + 1."""
    return np.asarray(rng.random(shape)) ** (1 / (power + 2))


def _tracks(n: int, config: Config, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Strips (n, 6) and cosines (n, 1) of muons that cross all planes."""
    side = STRIPS * config.strip
    height = config.spacing * np.arange(PLANES)
    strips, found = np.empty((0, PLANES), np.int64), np.empty((0, 1))
    while len(strips) < n:
        cosine = cosines((4 * n + 10,), config.power, rng)
        phi = rng.uniform(0, 2 * np.pi, len(cosine))
        slope = np.sqrt(1 / cosine**2 - 1) * np.stack([np.cos(phi), np.sin(phi)])
        start = rng.uniform(0, side, slope.shape)
        place = start[..., None] + slope[..., None] * height  # (2, m, 6)
        inside = ((place >= 0) & (place < side)).all(axis=(0, 2))
        measured = np.where(np.arange(PLANES) % 2 == 0, place[0], place[1])[inside]
        strips = np.concatenate([strips, (measured / config.strip).astype(np.int64)])
        found = np.concatenate([found, cosine[inside, None]])
    return strips[:n], found[:n]


SIMULATOR = Simulator(simulate, Config, packages=("numpy",), chunk_events=1000, truth=("label",))
