"""What an event begins with: a lumpy fireball of baryons and its flow, drawn without knowing the event's class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "SPACING", "Fireballs", "cell_centres", "draw_fireballs"]

# The moving grid: 36x36 cells, 19.8 fm wide at the beginning.
SIDE = 36
SPACING = 0.55

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fireballs:
    """N events at the beginning.

    density: (N, SIDE, SIDE) over the critical density; temperature: (N,) over the critical one; flow: (N, 2), the
    transverse and the longitudinal expansion rate in 1/fm.
    """

    density: Floats
    temperature: Floats
    flow: Floats


def cell_centres() -> Floats:
    """Coordinates (SIDE,) of the cells' centres in fm at the beginning, 0 in the middle of the box."""
    return SPACING * (np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2)


def draw_fireballs(
    n: int,
    density: tuple[float, float],
    radius: tuple[float, float],
    noise: tuple[float, float],
    temperature: tuple[float, float],
    flow: tuple[float, float, float],
    rng: np.random.Generator,
) -> Fireballs:
    """Draw ``n`` fireballs: Gaussian profiles times log-normal lumps.

    density: mean over the critical density in the middle, and its relative spread; radius: width of the profile in
    fm, and its relative spread; noise: relative spread of the lumps and their correlation length in fm;
    temperature: lowest and highest over the critical one, uniform in between; flow: transverse and longitudinal
    rate in 1/fm, and the relative spread of both together.
    """
    x = cell_centres()
    peak, width, rate = (
        mean * (1 + spread * rng.standard_normal(n).clip(-3, 3))
        for mean, spread in (density, radius, (1.0, flow[2]))
    )
    heat = rng.uniform(*temperature, n)
    radius_squared = x[:, None] ** 2 + x**2
    profile = peak[:, None, None] * np.exp(-radius_squared / (2 * width[:, None, None] ** 2))
    spread = np.sqrt(np.log1p(noise[0] ** 2))
    lumps = np.exp(spread * _smooth_noise(n, noise[1], rng) - spread**2 / 2)
    return Fireballs(profile * lumps, heat, rate[:, None] * np.array(flow[:2]))


def _smooth_noise(n: int, length: float, rng: np.random.Generator) -> Floats:
    """Gaussian noise (n, SIDE, SIDE) of mean 0 and variance 1, with correlation exp(-r^2 / (2 length^2))."""
    k = 2 * np.pi * np.fft.fftfreq(SIDE, SPACING)
    # The square root of the spectrum, normalised so that every cell has variance 1.
    filtered = np.exp(-((k[:, None] ** 2 + k[: SIDE // 2 + 1] ** 2) * length**2) / 4)
    full = np.exp(-((k[:, None] ** 2 + k**2) * length**2) / 2)
    white = np.fft.rfft2(rng.standard_normal((n, SIDE, SIDE)))
    noise: Floats = np.fft.irfft2(white * filtered, s=(SIDE, SIDE)) / np.sqrt(full.mean())
    return noise
