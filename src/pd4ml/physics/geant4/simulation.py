"""Geometry, particles and scoring in Geant4's own classes; only for the worker, since Geant4 is loaded here.

Geant4 owns nothing that Python made: whatever it is given is kept in lists here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geant4_pybind as g4
import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4.geometry import PROCESSES, Block, Material, Primaries, Stack, Steps, TileHits

__all__ = ["Simulation"]

_PROCESS = {name: place for place, name in enumerate(PROCESSES)}
_TILE = np.dtype([("cell", "i4"), ("deposit", "f4"), ("visible", "f4"), ("time", "f4")])
_STEP = np.dtype(
    [
        *((name, "f4") for name in ("x", "y", "z", "deposit", "length", "time")),
        *((name, "i4") for name in ("pdg_id", "track", "parent", "process")),
    ]
)


class Simulation:
    """A run manager with one geometry: Geant4 has one of each in a process."""

    version = g4.G4Version.strip("$ ").removeprefix("Name: ")

    def __init__(self, setup: Stack | Block) -> None:
        self.setup = setup
        self.found = _Found(_TILE if isinstance(setup, Stack) else _STEP)
        self.geometry = _Geometry(setup, self.found)
        physics = g4.FTFP_BERT()
        physics.SetVerboseLevel(0)
        if isinstance(setup, Block):
            physics.RegisterPhysics(g4.G4StepLimiterPhysics())
        self.manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        self.actions = _Actions(self.found)
        for part in (self.geometry, physics, self.actions):
            self.manager.SetUserInitialization(part)
        self.manager.Initialize()
        self.physics = physics

    def run(self, primaries: Primaries, seeds: NDArray[np.int64]) -> TileHits | Steps:
        """The events of ``primaries``, each with a seed of its own."""
        for pdg_id in np.unique(primaries.pdg_id):
            if _particle(pdg_id) is None:
                raise ValueError(f"Geant4 knows no particle with the PDG number {pdg_id}")
        gun, events = self.actions.gun, self.found.events
        gun.primaries, gun.seeds = primaries, [int(seed) for seed in seeds]
        events.clear()
        self.manager.BeamOn(len(primaries))
        if len(events) != len(primaries):
            raise ValueError(f"Geant4 gave up {len(primaries) - len(events)} of {len(primaries)} events")
        offsets = np.cumsum([0, *map(len, events)])
        rows = np.concatenate([np.empty(0, self.found.dtype), *events])
        return _tiles(offsets, rows, self.setup) if isinstance(self.setup, Stack) else _steps(offsets, rows)


def _tiles(offsets: NDArray[np.int64], rows: NDArray[Any], stack: Stack) -> TileHits:
    layer, column, row = np.unravel_index(rows["cell"], (_n_sensitive(stack), stack.tiles, stack.tiles))
    places: list[Any] = [place.astype(np.int16) for place in (layer, column, row)]
    return TileHits(offsets, *places, *(rows[name].copy() for name in ("deposit", "visible", "time")))


def _steps(offsets: NDArray[np.int64], rows: NDArray[Any]) -> Steps:
    position = np.stack([rows[name] for name in "xyz"], axis=1)
    columns = {name: rows[name].copy() for name in ("deposit", "length", "time", "pdg_id", "track", "parent")}
    return Steps(offsets, position, **columns, process=rows["process"].astype(np.int8))


def _n_sensitive(stack: Stack) -> int:
    return sum(layer.sensitive for layer in stack.layers)


class _Geometry(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """The world, and what reads it out."""

    def __init__(self, setup: Stack | Block, found: _Found) -> None:
        super().__init__()
        self.setup, self.found, self.kept = setup, found, list[Any]()

    def Construct(self) -> Any:  # noqa: N802
        self.materials = {material: _material(material) for material in self.setup.materials}
        outside = self.setup.materials[0]
        world = self._volume("world", self.setup.world, outside)
        place = self._place(world, None, 0.0, 0)
        if isinstance(self.setup, Stack):
            self._slabs(self.setup, world)
        else:
            self.sensitive = world
            self.kept.append(g4.G4UserLimits(self.setup.max_step * g4.mm))
            world.SetUserLimits(self.kept[-1])
        return place

    def ConstructSDandField(self) -> None:  # noqa: N802
        setup, manager = self.setup, g4.G4SDManager.GetSDMpointer()
        if isinstance(setup, Block):
            detector = _EachStep(self.found)
        elif setup.timed:
            detector = _EachTile(self.found, setup)
        else:
            detector = g4.G4MultiFunctionalDetector("tiles")
            scorer = g4.G4PSEnergyDeposit3D("deposit", _n_sensitive(setup), setup.tiles, setup.tiles, 2, 1, 0)
            detector.RegisterPrimitive(scorer)
            self.kept.append(scorer)
        self.kept.append(detector)
        manager.AddNewDetector(detector)
        self.sensitive.SetSensitiveDetector(detector)

    def _slabs(self, stack: Stack, world: Any) -> None:
        half = stack.tiles * stack.tile / 2
        made: dict[Any, Any] = {}
        z, n_sensitive = 0.0, 0
        for copy, layer in enumerate(stack.layers):
            if layer not in made:
                made[layer] = self._volume("slab", (half, half, layer.thickness / 2), layer.material)
                if layer.sensitive:
                    self.sensitive = self._divide(stack, made[layer], layer.thickness / 2, layer.material)
            self._place(made[layer], world, z + layer.thickness / 2, n_sensitive if layer.sensitive else copy)
            z, n_sensitive = z + layer.thickness, n_sensitive + layer.sensitive

    def _divide(self, stack: Stack, slab: Any, half_thickness: float, material: Material) -> Any:
        """Columns of the slab along x, tiles of the columns along y."""
        tile, half = stack.tile, stack.tiles * stack.tile / 2
        column = self._volume("column", (tile / 2, half, half_thickness), material)
        cell = self._volume("tile", (tile / 2, tile / 2, half_thickness), material)
        self.kept.append(g4.G4PVReplica("columns", column, slab, g4.EAxis.kXAxis, stack.tiles, tile * g4.mm))
        self.kept.append(g4.G4PVReplica("tiles", cell, column, g4.EAxis.kYAxis, stack.tiles, tile * g4.mm))
        return cell

    def _volume(self, name: str, half: tuple[float, float, float], material: Material) -> Any:
        solid = g4.G4Box(name, *(length * g4.mm for length in half))
        volume = g4.G4LogicalVolume(solid, self.materials[material], name)
        self.kept += [solid, volume]
        return volume

    def _place(self, volume: Any, mother: Any, z: float, copy: int) -> Any:
        place = g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z * g4.mm), volume, "placed", mother, False, copy)
        self.kept.append(place)
        return place


def _material(material: Material) -> Any:
    made = g4.G4Material(material.name, material.density * g4.g / g4.cm3, len(material.composition))
    for symbol, share in material.composition:
        made.AddElementByMassFraction(g4.G4NistManager.Instance().FindOrBuildElement(symbol), share)
    if material.excitation is not None:
        made.GetIonisation().SetMeanExcitationEnergy(material.excitation * g4.eV)
    return made


def _particle(pdg_id: int) -> Any:
    return g4.G4ParticleTable.GetParticleTable().FindParticle(int(pdg_id))


class _Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Gives an event its seed, then its particles: nothing of an event depends on those before it."""

    primaries: Primaries
    seeds: list[int]

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
        n, p = event.GetEventID(), self.primaries
        g4.HepRandom.setTheSeed(self.seeds[n])
        gun = g4.G4ParticleGun(1)
        for m in range(p.offsets[n], p.offsets[n + 1]):
            gun.SetParticleDefinition(_particle(p.pdg_id[m]))
            gun.SetParticleEnergy(float(p.energy[m]) * g4.MeV)
            gun.SetParticlePosition(g4.G4ThreeVector(*map(float, p.position[m])))
            gun.SetParticleMomentumDirection(g4.G4ThreeVector(*map(float, p.direction[m])))
            gun.GeneratePrimaryVertex(event)


@dataclass
class _Found:
    """What sensitive volumes found in an event, and the arrays of all events."""

    dtype: np.dtype[Any]
    tiles: dict[int, list[float]] = field(default_factory=dict)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[NDArray[Any]] = field(default_factory=list)


class _EndOfEvent(g4.G4UserEventAction):  # type: ignore[misc]
    """Takes what an event left."""

    def __init__(self, found: _Found) -> None:
        super().__init__()
        self.found = found

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
        found, collections = self.found, event.GetHCofThisEvent()
        if collections is not None and collections.GetNumberOfCollections():  # Geant4's own scorer
            found.tiles.update({cell: [energy, energy, np.nan] for cell, energy in collections.GetHC(0)})
        rows = found.steps or [(cell, *found.tiles[cell]) for cell in sorted(found.tiles)]
        found.events.append(np.array(rows, dtype=found.dtype))
        found.tiles.clear()
        found.steps.clear()


class _EachTile(g4.G4VSensitiveDetector):  # type: ignore[misc]
    """Adds up steps in tiles: deposit, what is seen of it, and the first time."""

    def __init__(self, found: _Found, stack: Stack) -> None:
        super().__init__("tiles")
        self.tiles, self.n = found.tiles, stack.tiles
        self.birks = stack.birks or 0.0
        self.time_cut = np.inf if stack.time_cut is None else stack.time_cut

    def ProcessHits(self, step: Any, _: Any) -> bool:  # noqa: N802
        deposit = step.GetTotalEnergyDeposit()
        if deposit <= 0:
            return False
        before = step.GetPreStepPoint()
        time, touched = before.GetGlobalTime(), before.GetTouchable()
        cell = (touched.GetCopyNumber(2) * self.n + touched.GetCopyNumber(1)) * self.n + touched.GetCopyNumber(0)
        tile = self.tiles.get(cell)
        if tile is None:
            tile = self.tiles[cell] = [0.0, 0.0, time]
        tile[0] += deposit
        if time < self.time_cut:
            length = step.GetStepLength()
            quenched = length > 0 and before.GetCharge() != 0
            tile[1] += deposit / (1 + self.birks * deposit / length) if quenched else deposit
        tile[2] = min(tile[2], time)
        return True


class _EachStep(g4.G4VSensitiveDetector):  # type: ignore[misc]
    """Keeps each step that leaves energy."""

    def __init__(self, found: _Found) -> None:
        super().__init__("block")
        self.steps = found.steps

    def ProcessHits(self, step: Any, _: Any) -> bool:  # noqa: N802
        deposit = step.GetTotalEnergyDeposit()
        if deposit <= 0:
            return False
        before, track = step.GetPreStepPoint(), step.GetTrack()
        a, b = before.GetPosition(), step.GetPostStepPoint().GetPosition()
        made = track.GetCreatorProcess()
        process = 0 if made is None else _PROCESS.get(made.GetProcessName(), 1)
        middle = (a.x + b.x) / 2, (a.y + b.y) / 2, (a.z + b.z) / 2
        particle = track.GetDefinition().GetPDGEncoding(), track.GetTrackID(), track.GetParentID()
        self.steps.append((*middle, deposit, step.GetStepLength(), before.GetGlobalTime(), *particle, process))
        return True


class _Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    """Geant4 wants its actions made after its physics: when it asks for them."""

    def __init__(self, found: _Found) -> None:
        super().__init__()
        self.found = found

    def Build(self) -> None:  # noqa: N802
        self.gun, self.end = _Gun(), _EndOfEvent(self.found)
        self.SetUserAction(self.gun)
        self.SetUserAction(self.end)

    def BuildForMaster(self) -> None:  # noqa: N802
        """Nothing: there is one thread."""
