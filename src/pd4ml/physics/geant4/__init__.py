"""Geant4 as an engine: geometry as plain data in, energy deposits as flat NumPy arrays out.

``Engine`` runs Geant4 (Nucl. Instrum. Meth. A 506 (2003) 250) of the package geant4-pybind in a process of its
own; it knows no detector by name.
"""

from __future__ import annotations

from pd4ml.physics.geant4.data import Tables, find_tables
from pd4ml.physics.geant4.engine import Engine, shared_engine
from pd4ml.physics.geant4.geometry import Block, Layer, Material, Primaries, Stack, Steps, TileHits

__all__ = [
    "Block",
    "Engine",
    "Layer",
    "Material",
    "Primaries",
    "Stack",
    "Steps",
    "Tables",
    "TileHits",
    "find_tables",
    "shared_engine",
]
