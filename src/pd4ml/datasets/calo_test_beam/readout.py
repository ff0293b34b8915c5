"""From visible energy in tiles to hits: photo-electrons, pixels, noise, calibration, threshold, times.

Both simulators are read out here. How many pixels photo-electrons fire is the number of boxes that balls fall
into; it is inverted by its mean, as measured signals are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.config import Config
from pd4ml.datasets.calo_test_beam.stack import LIGHT, N_LAYERS, N_TILES, PITCH, TILE, TILE_DEPTH

__all__ = ["COLUMNS", "Tiles", "read_out", "starts"]

Floats = NDArray[np.float64]

COLUMNS = ("x", "y", "z", "energy", "time")
_N_CELLS = N_LAYERS * N_TILES**2
_NOISE_TAIL = 0.1  # MIP, of noise hits above threshold
_WINDOW = 10  # layers


@dataclass(frozen=True)
class Tiles:
    """Tiles of N events that saw energy: event, number of the tile, MIP, ns since light came there."""

    n: int
    event: NDArray[np.int64]
    cell: NDArray[np.int64]
    mip: Floats
    delay: Floats

    @classmethod
    def joined(cls, parts: list[Tiles]) -> Tiles:
        """The events of all parts, one after the other."""
        first = np.cumsum([0, *(part.n for part in parts)])
        event = np.concatenate([part.event + start for part, start in zip(parts, first, strict=False)])
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("cell", "mip", "delay"))
        return cls(int(first[-1]), event, *columns)

    def of(self, kept: NDArray[np.bool_]) -> Tiles:
        """The events that are ``kept`` (N,)."""
        here, number = kept[self.event], np.cumsum(kept) - 1
        return Tiles(int(kept.sum()), number[self.event[here]], self.cell[here], self.mip[here], self.delay[here])


def starts(tiles: Tiles, energy: Floats, threshold: float = 0.5) -> NDArray[np.int64]:
    """(N,) the layer, from 0, where the shower begins, by CALICE's rule (recalled); -1 where none does.

    The mean of up to ten layers up to i, plus that up to i + 1, above 6 + 0.1 E/GeV MIP, and hits of i and i + 1
    above 3.77 + 1.44 ln(E/GeV).
    """
    seen = tiles.mip > threshold
    place = tiles.event[seen] * N_LAYERS + tiles.cell[seen] // N_TILES**2
    shape = (tiles.n, N_LAYERS)
    mip = np.bincount(place, tiles.mip[seen], tiles.n * N_LAYERS).reshape(shape)
    hits = np.bincount(place, minlength=tiles.n * N_LAYERS).reshape(shape)
    total, last = np.cumsum(np.pad(mip, ((0, 0), (1, 0))), axis=1), np.arange(1, N_LAYERS + 1)
    mean = (total[:, last] - total[:, np.maximum(last - _WINDOW, 0)]) / np.minimum(last, _WINDOW)
    begun = mean[:, :-1] + mean[:, 1:] > 6 + 0.1 * energy[:, None]
    begun &= hits[:, :-1] + hits[:, 1:] > 3.77 + 1.44 * np.log(energy)[:, None]
    return np.where(begun.any(axis=1), begun.argmax(axis=1), -1)


def read_out(
    tiles: Tiles, config: Config, rng: np.random.Generator, scale: float | Floats | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Hits (n, 5) of all events, x, y, z in mm, MIP, ns, by falling energy, and where each event's begin (N + 1,).

    ``scale`` is that of all energies, one or (N,), in place of the settings'.
    """
    detector = np.random.default_rng(config.detector)
    factor = 1 + config.calibration_spread * detector.normal(size=_N_CELLS)
    alive = detector.random(_N_CELLS) >= config.dead
    mip = _measured(tiles.mip, config, rng) * factor[tiles.cell]
    noise = _noise(tiles.n, config, rng)
    event, cell, delay = (
        np.concatenate([getattr(tiles, name), getattr(noise, name)]) for name in ("event", "cell", "delay")
    )
    mip = (
        np.concatenate([mip, noise.mip])
        * np.broadcast_to(config.scale if scale is None else scale, tiles.n)[event]
    )
    # Of a tile that noise and a particle hit, the larger is kept.
    order = np.lexsort((-mip, cell, event))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(event[order] * _N_CELLS + cell[order]) > 0
    place = order[first]
    place = place[(mip[place] > config.threshold) & alive[cell[place]] & (delay[place] < config.time_gate)]
    place = place[np.lexsort((-mip[place], event[place]))]
    layer, column, row = np.unravel_index(cell[place], (N_LAYERS, N_TILES, N_TILES))
    z = layer * PITCH + TILE_DEPTH
    time = z / LIGHT + delay[place] + config.time_resolution * rng.normal(size=len(place))
    middle = (N_TILES - 1) / 2
    hits = np.stack([(column - middle) * TILE, (row - middle) * TILE, z, mip[place], time], axis=1)
    return hits.astype(np.float32), np.concatenate([[0], np.cumsum(np.bincount(event[place], minlength=tiles.n))])


def _measured(mip: Floats, config: Config, rng: np.random.Generator) -> Floats:
    """What a SiPM shows: photo-electrons, pixels that fire, their number inverted, noise."""
    n, pixels = rng.poisson(mip * config.photoelectrons), config.pixels
    full = n / pixels
    variance = pixels * np.exp(-full) * (1 - (1 + full) * np.exp(-full))
    fired = pixels * -np.expm1(-full) + np.sqrt(np.maximum(variance, 0)) * rng.normal(size=len(n))
    fired = np.clip(fired, 0, pixels - 1)
    found: Any = -pixels * np.log1p(-fired / pixels) / config.photoelectrons
    return found + config.noise * rng.normal(size=len(n))  # type: ignore[no-any-return]


def _noise(n_events: int, config: Config, rng: np.random.Generator) -> Tiles:
    """Tiles that noise alone lifts above threshold."""
    number = rng.poisson(config.noise_hits, n_events)
    n = int(number.sum())
    mip = config.threshold + rng.exponential(_NOISE_TAIL, n)
    event = np.repeat(np.arange(n_events), number)
    return Tiles(n_events, event, rng.integers(_N_CELLS, size=n), mip, rng.uniform(0, config.time_gate, n))
