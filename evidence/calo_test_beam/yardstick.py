"""Measure another simulation's pions into ``yardstick.json``: ``python yardstick.py FILE``.

The file is that of evidence/geant4/yardstick.py: pi- of 10 to 80 GeV, Geant4 11.4.1, FTFP_BERT, by another program
and with other stand-in tables, in a slightly simpler stack; visible energy in MeV after Birks's law with 0.07943
mm/MeV and a gate of 150 ns, and the time of a tile's first deposit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from profiles import Hits, table

from pd4ml.datasets.calo_test_beam.readout import Tiles
from pd4ml.datasets.calo_test_beam.stack import LIGHT, MIP, N_LAYERS, N_TILES, PITCH, TILE_DEPTH

FILE = "geant4_ahcal_pions.npz"


def yardstick(file: Path, energy: int) -> Hits:
    """Its showers of one energy, read out plainly."""
    with np.load(file) as found:
        offsets, cell, visible, time = (
            found[f"{name}_{energy}"] for name in ("offsets", "cell", "energy", "time")
        )
    starts = offsets.astype(np.int64)
    event = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    layer = cell.astype(np.int64) // N_TILES**2
    here = layer < N_LAYERS
    # Where its particles begin is not said: what comes first comes with light.
    delay = time.astype(np.float64) - (layer * PITCH + TILE_DEPTH) / LIGHT
    delay -= np.quantile(delay, 0.01)
    columns = (cell.astype(np.int64), visible.astype(np.float64) / MIP, np.maximum(delay, 0))
    return Hits.plain(energy, Tiles(len(starts) - 1, event[here], *(column[here] for column in columns)))


def main() -> None:
    """Read, measure, keep."""
    file = Path(sys.argv[1])
    found = table([yardstick(file, energy) for energy in (10, 20, 40, 80)])
    text = json.dumps({"source": __doc__, "pions": found}, indent=1)
    (Path(__file__).parent / "yardstick.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
