"""What is measured of showers and tracks, of this engine's events and of the yardstick's alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4 import TileHits

__all__ = ["MIP", "Showers", "bootstrap", "mean", "most_probable", "pions"]

Floats = NDArray[np.float64]

MIP = 0.465  # MeV in a tile of 3 mm: the yardstick's, and held against muons here
_ELECTRONS = 13  # photo-electrons of a MIP, as the yardstick's numbers were made
_THRESHOLD = 0.5  # MIP
_N_LAYERS, _N_TILES = 38, 24
_SEED = 1


@dataclass(frozen=True)
class Showers:
    """Hits of B events of one energy in GeV: event, layer and visible energy in MIP of each."""

    energy: float
    n: int
    event: NDArray[np.int64]
    layer: NDArray[np.int64]
    mip: Floats

    @classmethod
    def of(cls, energy: float, offsets: NDArray[Any], layer: NDArray[Any], visible: NDArray[Any]) -> Showers:
        """With layers that both have."""
        starts = offsets.astype(np.int64)
        event = np.repeat(np.arange(len(starts) - 1), starts[1:] - starts[:-1])
        kept = layer < _N_LAYERS
        mip = visible[kept].astype(np.float64) / MIP
        return cls(energy, len(offsets) - 1, event[kept], layer[kept].astype(np.int64), mip)

    @classmethod
    def of_hits(cls, energy: float, hits: TileHits) -> Showers:
        """Of the engine's answer."""
        return cls.of(energy, hits.offsets, hits.layer, hits.visible)

    def read_out(self) -> Showers:
        """With the fluctuation of photo-electrons, above threshold."""
        seen = np.random.default_rng(_SEED).poisson(self.mip * _ELECTRONS) / _ELECTRONS
        kept = seen > _THRESHOLD
        return Showers(self.energy, self.n, self.event[kept], self.layer[kept], seen[kept])

    def per_layer(self, weights: Floats | None = None) -> Floats:
        """(B, layers) sums."""
        cell = self.event * _N_LAYERS + self.layer
        return np.bincount(cell, weights, self.n * _N_LAYERS).astype(np.float64).reshape(self.n, _N_LAYERS)

    def starts(self) -> NDArray[np.int64]:
        """The layer where the cascade begins, by CALICE's rule (recalled); -1 where it does not.

        Mean of ten layers up to i, plus that up to i + 1, above 6 + 0.1 E MIP, and hits of i and i + 1 above
        3.77 + 1.44 ln E.
        """
        mip, hits = self.per_layer(self.mip), self.per_layer()
        total = np.cumsum(np.pad(mip, ((0, 0), (1, 0))), axis=1)
        last = np.arange(1, _N_LAYERS + 1)
        mean = (total[:, last] - total[:, np.maximum(last - 10, 0)]) / np.minimum(last, 10)
        energy = mean[:, :-1] + mean[:, 1:] > 6 + 0.1 * self.energy
        count = hits[:, :-1] + hits[:, 1:] > 3.77 + 1.44 * np.log(self.energy)
        begun = energy & count
        return np.where(begun.any(axis=1), begun.argmax(axis=1), -1)


def mean(values: NDArray[Any]) -> list[float]:
    """Mean and its error."""
    return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))]


def bootstrap(values: NDArray[Any], measure: Callable[[NDArray[Any]], float], draws: int = 200) -> list[float]:
    """A measure of events and its error."""
    rng = np.random.default_rng(_SEED)
    found = [measure(values[rng.integers(len(values), size=len(values))]) for _ in range(draws)]
    return [float(measure(values)), float(np.std(found))]


def most_probable(values: NDArray[Any]) -> float:
    """The peak of a distribution with a tail: the middle of the shortest interval that holds a quarter."""
    ordered = np.sort(values)
    n = max(len(ordered) // 4, 1)
    widths = ordered[n:] - ordered[:-n]
    at = int(widths.argmin())
    return float((ordered[at] + ordered[at + n]) / 2)


def _resolution(values: NDArray[Any]) -> float:
    return float(values.std(ddof=1) / values.mean())


def pions(showers: Sequence[Showers]) -> dict[str, Any]:
    """Response, resolution, hits, start and profile of pions, by energy; starts are in layers 0 to 5."""
    out: dict[str, Any] = {}
    for shower in showers:
        seen = shower.read_out()
        start = seen.starts()
        early = (start >= 0) & (start <= 5)
        total = np.bincount(seen.event, seen.mip, seen.n)[early]
        hits = np.bincount(seen.event, minlength=seen.n)[early]
        layers = seen.per_layer(seen.mip)
        profile = np.array([layers[n, start[n] : start[n] + 15] for n in np.flatnonzero(early)]) / shower.energy
        out[f"{shower.energy:g}"] = {
            "events": [int(early.sum()), shower.n],
            "response": mean(total / shower.energy),
            "resolution": bootstrap(total, _resolution),
            "hits": mean(hits),
            "rms of hits": bootstrap(hits, lambda h: float(h.std(ddof=1))),
            "all events, no readout": mean(np.bincount(shower.event, shower.mip, shower.n) / shower.energy),
            "profile": [mean(column) for column in profile.T],
        }
    return out
