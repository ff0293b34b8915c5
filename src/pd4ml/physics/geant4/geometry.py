"""What the engine is given and what it gives: plain data in Geant4's units, mm, ns and MeV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["PROCESSES", "Block", "Layer", "Material", "Primaries", "Stack", "Steps", "TileHits"]

Floats = NDArray[np.float64]

# How a particle came to be, by Geant4's names; "other" is what is not among them.
PROCESSES = (
    *("primary", "other", "Decay", "eIoni", "muIoni", "hIoni", "ionIoni", "eBrem", "muBrems", "muPairProd"),
    *(
        "conv",
        "compt",
        "phot",
        "annihil",
        "muMinusCaptureAtRest",
        "hBertiniCaptureAtRest",
        "hadElastic",
        "nCapture",
    ),
    *("pi-Inelastic", "pi+Inelastic", "protonInelastic", "neutronInelastic", "photonNuclear", "electronNuclear"),
)
_BEHIND, _MARGIN = 1000.0, 1000.0  # mm of the world around a stack


@dataclass(frozen=True)
class Material:
    """A mixture: ``density`` in g/cm3, ``composition`` as mass shares by symbol.

    ``excitation`` is the mean excitation energy in eV; without it Geant4 adds those of the elements (Bragg).
    """

    name: str
    density: float
    composition: tuple[tuple[str, float], ...]
    excitation: float | None = None


@dataclass(frozen=True)
class Layer:
    """A slab of ``thickness`` mm; ``sensitive`` ones are divided into tiles that are read out."""

    material: Material
    thickness: float
    sensitive: bool = False


@dataclass(frozen=True)
class Stack:
    """Slabs along z from z = 0, as wide as ``tiles`` x ``tiles`` tiles of ``tile`` mm, centred on x = y = 0.

    With ``birks`` in mm/MeV or ``time_cut`` in ns, what a tile shows follows Birks's law, dE / (1 + kB dE/dx) of
    each step of a charged particle, and what comes after the cut is not seen. With neither, Geant4 adds up the
    deposits itself, which is quicker, and there are no times.
    """

    layers: tuple[Layer, ...]
    tiles: int
    tile: float
    around: Material
    birks: float | None = None
    time_cut: float | None = None

    def __post_init__(self) -> None:
        kinds = {layer for layer in self.layers if layer.sensitive}
        if len(kinds) != 1:
            raise DataError(f"the sensitive layers of a stack must be of one kind, found {len(kinds)}")

    @property
    def materials(self) -> tuple[Material, ...]:
        """All materials, each once."""
        return tuple(dict.fromkeys([self.around, *(layer.material for layer in self.layers)]))

    @property
    def timed(self) -> bool:
        """Whether each step is looked at."""
        return self.birks is not None or self.time_cut is not None

    @property
    def world(self) -> tuple[float, float, float]:
        """Half lengths of the world in mm, centred on the origin."""
        side = self.tiles * self.tile / 2 + _MARGIN
        return side, side, sum(layer.thickness for layer in self.layers) + _BEHIND


@dataclass(frozen=True)
class Block:
    """One ``material`` of ``size`` mm along x, y and z, centred on the origin, all of whose steps are kept.

    No step of a charged particle is longer than ``max_step`` mm.
    """

    material: Material
    size: tuple[float, float, float]
    max_step: float

    @property
    def materials(self) -> tuple[Material, ...]:
        """The material."""
        return (self.material,)

    @property
    def world(self) -> tuple[float, float, float]:
        """Half lengths in mm."""
        x, y, z = self.size
        return x / 2, y / 2, z / 2


@dataclass(frozen=True)
class Primaries:
    """Particles that B events begin with, M in all; those of an event lie between its ``offsets`` (B + 1,).

    ``pdg_id`` (M,), kinetic ``energy`` (M,) in MeV, ``position`` (M, 3) in mm, ``direction`` (M, 3).
    """

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    energy: Floats
    position: Floats
    direction: Floats

    @classmethod
    def single(cls, pdg_id: Any, energy: Any, position: Any, direction: Any = (0.0, 0.0, 1.0)) -> Primaries:
        """One particle an event; what is the same for all may be given once."""
        place, course = np.asarray(position, np.float64), np.asarray(direction, np.float64)
        shape = np.broadcast_shapes(np.shape(pdg_id), np.shape(energy), place.shape[:-1], course.shape[:-1])
        n = shape[0] if shape else 1
        return cls(
            np.arange(n + 1),
            np.broadcast_to(np.asarray(pdg_id, np.int32), n),
            np.broadcast_to(np.asarray(energy, np.float64), n),
            np.broadcast_to(place, (n, 3)),
            np.broadcast_to(course, (n, 3)),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class TileHits:
    """Tiles of B events that got energy, M in all; those of an event lie between its ``offsets`` (B + 1,).

    ``layer``, ``column`` (along x) and ``row`` (along y) count from 0; ``deposit`` is all energy in MeV,
    ``visible`` what is left of it after Birks's law and the time cut, ``time`` of the first deposit in ns since
    the event's start; all (M,), ordered by layer, column and row. Where the stack looks at no steps, ``visible``
    is ``deposit`` and ``time`` NaN.
    """

    offsets: NDArray[np.int64]
    layer: NDArray[np.int16]
    column: NDArray[np.int16]
    row: NDArray[np.int16]
    deposit: NDArray[np.float32]
    visible: NDArray[np.float32]
    time: NDArray[np.float32]


@dataclass(frozen=True)
class Steps:
    """Steps of B events that left energy, M in all; those of an event lie between its ``offsets`` (B + 1,).

    ``position`` (M, 3) of their middle in mm, ``deposit`` in MeV, ``length`` in mm, ``time`` of their begin in ns;
    of the particle its ``pdg_id``, ``track``, ``parent`` (0 of primaries) and ``process``, the place in
    ``PROCESSES`` of what made it.
    """

    offsets: NDArray[np.int64]
    position: NDArray[np.float32]
    deposit: NDArray[np.float32]
    length: NDArray[np.float32]
    time: NDArray[np.float32]
    pdg_id: NDArray[np.int32]
    track: NDArray[np.int32]
    parent: NDArray[np.int32]
    process: NDArray[np.int8]
