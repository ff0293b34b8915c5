"""The AHCAL prototype of 2018 as a stack of slabs.

Thicknesses, densities and compositions are those of CMS's simulation of the common beam test (cms-sw/cmssw,
``Geometry/HGCalTBCommonData/data/TB181/ahcal.xml``), of which this is the regular part: 38 active layers, as
CALICE counts them (arXiv:2105.08497), of 24 x 24 tiles. The board's bromine (6.7 % of 1.2 kg/m2) is left out and
its other elements scaled. Air is PDG's.
"""

from __future__ import annotations

from pd4ml.physics.geant4 import Layer, Material, Stack

__all__ = [
    "BIRKS",
    "LIGHT",
    "MIP",
    "N_LAYERS",
    "N_TILES",
    "PITCH",
    "STEEL",
    "TILE",
    "TILE_DEPTH",
    "TILE_THICKNESS",
    "TIME_CUT",
    "ahcal",
]

N_LAYERS, N_TILES, TILE, PITCH = 38, 24, 30.0, 26.2  # mm
LIGHT = 299.792458  # mm/ns
MIP = 0.465  # MeV, the most probable energy of a muon of 40 GeV in a tile (evidence/geant4)
TILE_THICKNESS, TILE_DEPTH = 3.0, 22.8  # mm; from the front of a layer to the middle of its tiles
# kB of polystyrene tiles in mm/MeV and the gate in ns, of CALICE's simulations (recalled; a setting of the model).
BIRKS, TIME_CUT = 0.07943, 150.0

STEEL = Material("steel", 7.87, (("Fe", 0.9843), ("Mn", 0.0140), ("C", 0.0017)))
AIR = Material("air", 1.205e-3, (("N", 0.7553), ("O", 0.2318), ("Ar", 0.0128), ("C", 0.0001)))
POLYSTYRENE = Material("polystyrene", 1.060, (("H", 0.077418), ("C", 0.922582)), 68.7)  # eV: ICRU 37
FOIL = Material("foil", 1.065, (("H", 0.077421), ("C", 0.922579)), 68.7)
BOARD = Material("board", 1.70, (("Si", 0.1938), ("O", 0.4348), ("C", 0.2980), ("H", 0.0734)))
# Cables: 87.2 % polyvinyl chloride, 11.9 % polystyrene, 0.9 % air by mass.
CABLES = Material("cables", 0.120, (("Cl", 0.4946), ("C", 0.4450), ("H", 0.0514), ("N", 0.0068), ("O", 0.0022)))


def ahcal(n_layers: int = N_LAYERS, birks: float | None = BIRKS, time_cut: float | None = TIME_CUT) -> Stack:
    """The stack; with ``birks`` and ``time_cut`` None, of deposits only."""
    cassette = Layer(STEEL, 0.5)
    layer = (
        *(
            Layer(STEEL, 17.2),
            Layer(AIR, 1.285),
            cassette,
            Layer(CABLES, 1.5),
            Layer(BOARD, 0.7),
            Layer(FOIL, 0.115),
        ),
        *(Layer(POLYSTYRENE, TILE_THICKNESS, sensitive=True), Layer(FOIL, 0.115), cassette, Layer(AIR, 1.285)),
    )
    return Stack(layer * n_layers, N_TILES, TILE, AIR, birks, time_cut)
