"""Showers in the AHCAL prototype of 2018: parametrised ones or Geant4's, read out alike.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.calo_test_beam.cascade import lay_down
from pd4ml.datasets.calo_test_beam.config import PARTICLES, Config, ParticleConfig
from pd4ml.datasets.calo_test_beam.readout import Tiles, read_out, starts
from pd4ml.datasets.calo_test_beam.shower import PARAMETERS, seen_with
from pd4ml.datasets.calo_test_beam.stack import (
    LIGHT,
    MIP,
    N_LAYERS,
    N_TILES,
    PITCH,
    TILE_DEPTH,
    TILE_THICKNESS,
    ahcal,
)
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Drawn, Simulator
from pd4ml.physics.geant4 import Engine, Primaries, shared_engine
from pd4ml.storage.ragged import ragged

__all__ = [
    "CLASSES",
    "PARTICLE_SIMULATOR",
    "SIMULATOR",
    "Beam",
    "Config",
    "ParticleConfig",
    "simulate",
    "simulate_particles",
]

Floats = NDArray[np.float64]

CLASSES = ("electron", "muon", "pion")
_KINDS = {11: 0, 13: 1, 211: 2}  # of |PDG number|
_PER_EVENT = ("scale",)
_BEFORE = 100.0  # mm, where Geant4's particles begin in front of the stack
_MOST_TRIES = 1000  # events in a row none of which is kept


@dataclass(frozen=True)
class Beam:
    """Particles: PDG number, nominal and own energy in GeV, mm, depth of interaction, em share, seed."""

    pdg_id: NDArray[np.int64]
    nominal: Floats
    energy: Floats
    place: Floats
    depth: Floats
    share: Floats
    seed: NDArray[np.int64]

    def of(self, kept: NDArray[np.bool_]) -> Beam:
        """Those that are ``kept``."""
        return Beam(*(getattr(self, field.name)[kept] for field in fields(self)))

    @classmethod
    def joined(cls, parts: list[Beam]) -> Beam:
        """Those of all parts, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def simulate(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train", drawn: Drawn | None = None
) -> dict[str, Any]:
    """Simulate ``n_events`` particles in the calorimeter: the arrays of the card.

    The result depends on all arguments but ``split``: both splits are made alike. What happens is drawn before
    anything is seen of it, so that it does not depend on the settings of the response.
    """
    rng = np.random.default_rng(seed)
    seen = np.random.default_rng(rng.integers(2**63))
    beam, tiles, begin = events(n_events, config, rng)
    varied = {name: draw(n_events) for name, draw in (drawn or {}).items()}
    hits, offsets = read_out(tiles, config, seen, varied.get("scale"))
    return {
        "hits": ragged(hits, offsets),
        "event_id": rng.integers(2**63, size=n_events),
        "pdg_id": beam.pdg_id.astype(np.int32),
        "particle_energy": beam.energy.astype(np.float32),
        "start_layer": (begin + 1).astype(np.int16),
        "interaction_depth": beam.depth.astype(np.float32),
        "em_fraction": beam.share.astype(np.float32),
        **varied,
        "energy": beam.nominal.astype(np.float32),
    }


def simulate_particles(
    n_events: int, seed: np.random.SeedSequence, config: Config, split: str = "train", drawn: Drawn | None = None
) -> dict[str, Any]:
    """As ``simulate``, with what the particle is as ``label``."""
    arrays = simulate(n_events, seed, config, split, drawn)
    kinds = np.array([_KINDS[abs(int(pdg_id))] for pdg_id in arrays["pdg_id"]], np.uint8)
    return arrays | {"label": kinds}


def events(n_events: int, config: Config, rng: np.random.Generator) -> tuple[Beam, Tiles, NDArray[np.int64]]:
    """Particles, tiles, and the layer from 0 where showers begin, of ``n_events`` that are kept."""
    beams, parts, begins = list[Beam](), list[Tiles](), list[NDArray[np.int64]]()
    missing, tried = n_events, 0
    while missing or not parts:
        beam = _particles(missing, config, rng)
        tiles, depth, share = (
            _geant4(beam, config) if config.simulator == "geant4" else _parametrised(beam, config)
        )
        beam = Beam(beam.pdg_id, beam.nominal, beam.energy, beam.place, depth, share, beam.seed)
        begin = starts(tiles, beam.nominal)
        kept = np.ones(missing, bool)
        if config.latest_start:
            kept = (np.abs(beam.pdg_id) < 100) | ((begin >= 0) & (begin < config.latest_start))
        tried = 0 if kept.any() else tried + missing
        if tried > _MOST_TRIES:
            raise DataError(
                f"of {tried} particles none began a shower within {config.latest_start} layers: raise energy_min, "
                "or set latest_start = 0, which keeps all"
            )
        beams, parts, begins = [*beams, beam.of(kept)], [*parts, tiles.of(kept)], [*begins, begin[kept]]
        missing -= int(kept.sum())
    return Beam.joined(beams), Tiles.joined(parts), np.concatenate(begins)


def _particles(n: int, config: Config, rng: np.random.Generator) -> Beam:
    names, weights = list(config.particles), np.array(list(config.particles.values()), np.float64)
    kinds = np.array([PARTICLES[name] for name in names])[rng.choice(len(names), n, p=weights / weights.sum())]
    nominal = rng.uniform(config.energy_min, config.energy_max, n)
    if config.steps:
        nominal = np.clip(10 * np.round(nominal / 10), 10, None)
    energy = nominal * (1 + config.spread * rng.normal(size=n).clip(-5, 5))
    place = config.spot * rng.normal(size=(n, 2))
    depth = np.where(np.abs(kinds) > 100, rng.exponential(PARAMETERS.first, n), -1.0)
    unknown = np.full(n, -1.0)
    return Beam(kinds, nominal, energy, place, depth, unknown, rng.integers(2**31, size=n))


def _parametrised(beam: Beam, config: Config) -> tuple[Tiles, Floats, Floats]:
    n, cells = len(beam.energy), list[NDArray[np.int64]]()
    mips, delays = list[Floats](), list[Floats]()
    parameters = seen_with(PARAMETERS, config.birks, config.time_gate)
    deposit = np.zeros((N_LAYERS, N_TILES, N_TILES))
    first, share = np.empty_like(deposit), np.empty(n)
    for i in range(n):
        deposit[:], first[:] = 0.0, np.inf
        particle = (int(beam.pdg_id[i]), beam.energy[i], beam.depth[i], beam.place[i])
        share[i] = lay_down(int(beam.seed[i]), *particle, parameters, deposit, first)
        hit = np.flatnonzero(deposit)
        cells.append(hit)
        mips.append(deposit.ravel()[hit])
        delays.append(first.ravel()[hit])
    event = np.repeat(np.arange(n), [len(hit) for hit in cells])
    empty = np.empty(0)
    tiles = Tiles(
        n,
        event,
        np.concatenate([np.empty(0, np.int64), *cells]),
        np.concatenate([empty, *mips]),
        np.concatenate([empty, *delays]),
    )
    return tiles, beam.depth, share


def _engine(config: Config) -> Engine:
    return shared_engine(ahcal(birks=config.birks, time_cut=config.time_gate), config.tables)


def _geant4(beam: Beam, config: Config) -> tuple[Tiles, Floats, Floats]:
    n = len(beam.energy)
    place = np.column_stack([beam.place, np.full(n, -_BEFORE)])
    hits = _engine(config).tiles(Primaries.single(beam.pdg_id, 1e3 * beam.energy, place), beam.seed)
    event = np.repeat(np.arange(n), np.diff(hits.offsets))
    cell = np.ravel_multi_index((hits.layer, hits.column, hits.row), (N_LAYERS, N_TILES, N_TILES))
    light = (_BEFORE + hits.layer * PITCH + TILE_DEPTH - TILE_THICKNESS / 2) / LIGHT
    unknown = np.full(n, -1.0)
    visible = hits.visible > 0
    mip, delay = hits.visible / MIP, np.maximum(hits.time - light, 0.0)
    tiles = Tiles(
        n, event[visible], cell[visible], mip[visible].astype(np.float64), delay[visible].astype(np.float64)
    )
    return tiles, unknown, unknown


def _facts(config: Config) -> Mapping[str, str]:
    """What a manifest keeps of Geant4, started for it."""
    return _engine(config).facts if config.simulator == "geant4" else {}


_TRUTH = (
    *("event_id", "pdg_id", "particle_energy", "start_layer", "interaction_depth", "em_fraction"),
    "energy",
)
_COMMON: dict[str, Any] = {
    "packages": ("numba", "numpy", "awkward"),
    "chunk_events": 500,
    "per_event": _PER_EVENT,
    "draw_events": 10,
    "facts": _facts,
}
SIMULATOR = Simulator(simulate, Config, truth=_TRUTH, **_COMMON)
PARTICLE_SIMULATOR = Simulator(simulate_particles, ParticleConfig, truth=(*_TRUTH, "label"), **_COMMON)
