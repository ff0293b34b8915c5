"""What is measured of showers: the same for the yardstick, for Geant4's events and for parametrised ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.config import Config
from pd4ml.datasets.calo_test_beam.readout import Tiles, starts
from pd4ml.datasets.calo_test_beam.simulator import Beam, events
from pd4ml.datasets.calo_test_beam.stack import N_LAYERS, N_TILES

__all__ = ["Hits", "beam", "bootstrap", "compensated", "mean", "spread", "table"]

Floats = NDArray[np.float64]

TILE = 3.0  # cm
_ELECTRONS, _THRESHOLD = 13, 0.5  # photo-electrons of a MIP; MIP
DENSE, LATE = 5.0, 3.0  # MIP, ns
N_PROFILE, RINGS = 15, 7
_MOST_EARLY = 5  # showers that begin in the first layers leak little
_SEED = 1


@dataclass(frozen=True)
class Hits:
    """Hits of N events of one beam energy in GeV: of each its event, layer, x and y in cm, MIP, and ns of delay.

    The delay is that against a particle that flies with light's speed.
    """

    energy: float
    n: int
    event: NDArray[np.int64]
    layer: NDArray[np.int64]
    x: Floats
    y: Floats
    mip: Floats
    delay: Floats

    @classmethod
    def plain(cls, energy: float, tiles: Tiles) -> Hits:
        """With photo-electrons and a threshold of 0.5 MIP alone, as the yardstick's numbers were made."""
        seen = np.random.default_rng(_SEED).poisson(tiles.mip * _ELECTRONS) / _ELECTRONS
        here = seen > _THRESHOLD
        layer, column, row = np.unravel_index(tiles.cell[here], (N_LAYERS, N_TILES, N_TILES))
        x, y = (((place - (N_TILES - 1) / 2) * TILE).astype(np.float64) for place in (column, row))
        return cls(energy, tiles.n, tiles.event[here], layer.astype(np.int64), x, y, seen[here], tiles.delay[here])

    def sums(self, weights: Floats | NDArray[np.bool_] | None = None) -> Floats:
        """(N,) sums of the events."""
        return np.bincount(self.event, weights, self.n).astype(np.float64)

    def layers(self, weights: Floats | None = None) -> Floats:
        """(N, layers) sums."""
        cell = self.event * N_LAYERS + self.layer
        return np.bincount(cell, weights, self.n * N_LAYERS).astype(np.float64).reshape(self.n, N_LAYERS)

    def starts(self) -> NDArray[np.int64]:
        """The layer where the cascade begins, by CALICE's rule (recalled); -1 where it does not."""
        tiles = Tiles(self.n, self.event, self.layer * N_TILES**2, self.mip, self.delay)
        return starts(tiles, np.full(self.n, self.energy))

    def of(self, kept: NDArray[np.bool_]) -> Hits:
        """The events that are ``kept`` (N,)."""
        here = kept[self.event]
        number = np.cumsum(kept) - 1
        columns = (getattr(self, name)[here] for name in ("layer", "x", "y", "mip", "delay"))
        return Hits(self.energy, int(kept.sum()), number[self.event[here]], *columns)

    def early(self) -> tuple[Hits, NDArray[np.int64]]:
        """The showers that begin in the first six layers, and where."""
        start = self.starts()
        kept = (start >= 0) & (start <= _MOST_EARLY)
        return self.of(kept), start[kept]

    def rings(self) -> Floats:
        """(N, rings) share of energy in rings of 3 cm about the centre of gravity."""
        total = np.maximum(self.sums(self.mip), 1e-9)
        x, y = (self.sums(self.mip * place) / total for place in (self.x, self.y))
        ring = (np.hypot(self.x - x[self.event], self.y - y[self.event]) / TILE).astype(np.int64)
        near = ring < RINGS
        found = np.bincount(self.event[near] * RINGS + ring[near], self.mip[near], self.n * RINGS)
        return found.reshape(self.n, RINGS) / total[:, None]


def beam(simulator: str, particle: str, energy: float, n: int) -> tuple[Beam, Tiles]:
    """``n`` particles of one energy, wherever showers begin, and the tiles that see them."""
    config = Config(
        simulator=simulator,  # type: ignore[arg-type]
        tables="stand-in",
        particles={particle: 1.0},
        energy_min=energy,
        energy_max=energy,
        spread=0.0,
        latest_start=0,
    )
    return events(n, config, np.random.default_rng([int(energy), n]))[:2]


def bootstrap(columns: Floats, measure: Callable[[Floats], float], draws: int = 100) -> list[float]:
    """A measure of events (N, ...) and its error."""
    rng = np.random.default_rng(_SEED)
    found = [measure(columns[rng.integers(len(columns), size=len(columns))]) for _ in range(draws)]
    return [float(measure(columns)), float(np.std(found))]


def mean(values: NDArray[Any]) -> list[float]:
    """Mean and its error."""
    return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))]


def spread(values: Floats) -> float:
    """Half the width of the central 68.3 %, over the mean; a few leaking showers do not change it."""
    low, high = np.quantile(values, [0.1587, 0.8413])
    return float((high - low) / 2 / values.mean())


def compensated(total_and_share: Floats) -> float:
    """Spread that is left of sums (N, 2) after a straight line in the second column, of events of one energy."""
    total, share = total_and_share.T
    slope = np.polyfit(share - share.mean(), total, 1)[0]
    return spread(total - slope * (share - share.mean()))


def measured(hits: Hits) -> dict[str, Any]:
    """Response, resolution, hits, compensation, profiles: of showers that begin in the first six layers."""
    early, start = hits.early()
    total, found = early.sums(early.mip), early.sums()
    dense = early.sums(early.mip * (early.mip > DENSE)) / total
    late = early.sums(early.mip * (early.delay > LATE)) / total
    layers = early.layers(early.mip)
    profile = np.array([row[first : first + N_PROFILE] for row, first in zip(layers, start, strict=True)])
    return {
        "events": [early.n, hits.n],
        "response": mean(total / hits.energy),
        "resolution": bootstrap(total, spread),
        "hits": mean(found),
        "rms of hits": bootstrap(found, lambda h: float(h.std(ddof=1))),
        "dense share": mean(dense),
        "rms of dense share": bootstrap(dense, lambda d: float(d.std(ddof=1))),
        "after dense share": bootstrap(np.stack([total, dense], axis=1), compensated),
        "late share": mean(late),
        "after late share": bootstrap(np.stack([total, late], axis=1), compensated),
        "percentiles": [float(p) for p in np.percentile(early.mip, [10, 50, 90, 99])],
        "profile": [mean(column / hits.energy) for column in profile.T],
        "rings": [mean(column) for column in early.rings().T],
        "all: response": mean(hits.sums(hits.mip) / hits.energy),
        "all: resolution": bootstrap(hits.sums(hits.mip), spread),
    }


def table(showers: Sequence[Hits]) -> dict[str, Any]:
    """What is measured, by energy."""
    return {f"{hits.energy:g}": measured(hits) for hits in showers}
