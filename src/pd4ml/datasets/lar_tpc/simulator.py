"""Images of neutrino interactions in a generic liquid-argon time-projection chamber.

An interaction (``interactions.py``), its particles' way through the argon (``transport.py``, or Geant4's,
``geant4.py``), then drift and readout (``readout.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.lar_tpc.card import MAX_NODES
from pd4ml.datasets.lar_tpc.config import Config
from pd4ml.datasets.lar_tpc.interactions import CLASSES, as_primaries, interact
from pd4ml.datasets.lar_tpc.readout import DRIFT_LENGTH, N_PIXELS, PIXEL, image, pixels
from pd4ml.datasets.lar_tpc.transport import Deposits, transport
from pd4ml.generation.simulator import Simulator
from pd4ml.physics.geant4 import Primaries
from pd4ml.storage.ragged import entries, padded, ragged

__all__ = ["PIXEL_SIMULATOR", "SIMULATOR", "Config", "simulate", "simulate_pixels"]

# The image's middle lies this far behind the vertex, and anywhere up to the second around there: who knows the
# image does not know the vertex.
_AHEAD, _ANYWHERE = 35.0, 10.0
_MARGIN, _HEIGHT, _LENGTH = 40.0, 80.0, 1000.0  # of the volume in which neutrinos interact, cm
_REACH = 160.0  # cm from the image's middle: what is further cannot be in it


def simulate(n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train") -> dict[str, Any]:
    """Simulate ``n_events`` interactions; the card says what the arrays are.

    The result depends on the first three arguments only: both splits are made alike. What happens, how particles
    go on, and noise have random numbers of their own.
    """
    truth, motion, noise, sky = (np.random.default_rng(s) for s in seed.spawn(4))
    label = truth.integers(0, len(CLASSES), n_events)
    events = [interact(int(kind), config, truth) for kind in label]
    vertex = truth.uniform(
        [_MARGIN, -_HEIGHT, _MARGIN], [DRIFT_LENGTH - _MARGIN, _HEIGHT, _LENGTH - _MARGIN], (n_events, 3)
    )
    centre = vertex + np.array([0.0, 0.0, _AHEAD]) + truth.uniform(-_ANYWHERE, _ANYWHERE, (n_events, 3))
    found, what = [], []
    for place, deposits in zip(
        centre, _deposits(as_primaries(events, vertex - centre), config, motion), strict=True
    ):
        parts = [deposits, *_cosmics(config.cosmics, sky)]
        position, *others = (np.concatenate(part) for part in zip(*map(_fields, parts), strict=True))
        one = pixels(image(Deposits(position + place, *others), place, config), config, noise)
        found.append(one[0])
        what.append(one[1])
    offsets = np.cumsum([0, *map(len, found)])
    return {
        "pixels": ragged(np.concatenate(found), offsets),
        "pixel_label": ragged(np.concatenate(what), offsets),
        "energy": np.array([event.energy for event in events], np.float32),
        "vertex": vertex.astype(np.float32),
        "lepton": np.array([event.lepton for event in events], np.float32).reshape(-1, 4),
        "kind": np.array([event.kind for event in events], np.uint8),
        "label": label.astype(np.uint8),
    }


def _fields(deposits: Deposits) -> tuple[NDArray[Any], ...]:
    return deposits.position, deposits.energy, deposits.dedx, deposits.label


def _deposits(primaries: Primaries, config: Config, rng: np.random.Generator) -> Iterator[Deposits]:
    """What each event leaves; positions are relative to the image's middle."""
    if config.transport == "geant4":
        from pd4ml.datasets.lar_tpc import geant4

        yield from geant4.deposits(primaries, config.tables, rng.integers(2**62, size=len(primaries)))
    else:
        yield from (transport(primaries, i, rng, _REACH) for i in range(len(primaries)))


def _cosmics(mean: float, rng: np.random.Generator) -> list[Deposits]:
    """Muons of 4 GeV, the mean at sea level (PDG, Cosmic rays), from above as cos^2, through the image.

    They come at any time: here the same as the neutrino, so that where they are is how far their charge drifts.
    """
    n, side = rng.poisson(mean), N_PIXELS * PIXEL
    if n == 0:
        return []
    cosine, azimuth = rng.random(n) ** (1 / 4), rng.uniform(0, 2 * math.pi, n)  # per area: cos^3 dcos
    sine = np.sqrt(1 - cosine**2)
    down = np.stack([sine * np.cos(azimuth), -cosine, sine * np.sin(azimuth)], axis=1)
    start = rng.uniform(-side / 2, side / 2, (n, 3)) - 0.6 * _REACH * down
    muons = Primaries.single(rng.choice([13, -13], n), 4000.0, 10 * start, down)
    return [transport(muons, i, rng, _REACH) for i in range(n)]


def simulate_pixels(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train"
) -> dict[str, Any]:
    """Simulate the same events, with labels (N, 1536) of the brightest pixels, -1 where there are no more."""
    arrays = simulate(n_events, seed, config, split)
    label, offsets = entries(arrays["pixel_label"])
    return {**arrays, "pixel_label": padded(ragged(label.astype(np.int8), offsets), MAX_NODES, -1)}


_COMMON: dict[str, Any] = {
    "packages": ("awkward", "numba", "numpy"),
    "chunk_events": 200,
    "truth": ("energy", "vertex", "lepton", "kind", "label"),
}
SIMULATOR = Simulator(simulate, Config, **_COMMON)
PIXEL_SIMULATOR = Simulator(simulate_pixels, Config, **_COMMON)
