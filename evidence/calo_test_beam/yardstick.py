"""Measure another simulation's pions into ``yardstick.json``: ``python yardstick.py FILE``.

The file is that of evidence/geant4/yardstick.py: pi- of 10 to 80 GeV, Geant4 11.4.1, FTFP_BERT, by another program
and with other stand-in tables, in a slightly simpler stack; visible energy in MeV after Birks's law with 0.07943
mm/MeV and a gate of 150 ns, and the time of a tile's first deposit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from profiles import Hits, table

from pd4ml.datasets.calo_test_beam.config import Config
from pd4ml.datasets.calo_test_beam.readout import Tiles, read_out, starts
from pd4ml.datasets.calo_test_beam.stack import LIGHT, MIP, N_LAYERS, N_TILES, PITCH, TILE_DEPTH

ENERGIES = (10, 20, 40, 80)  # GeV


def tiles_of(file: Path, energy: int) -> Tiles:
    """Its showers of one energy."""
    with np.load(file) as found:
        offsets, cell, visible, time = (
            found[f"{name}_{energy}"] for name in ("offsets", "cell", "energy", "time")
        )
    n = len(offsets) - 1
    event = np.repeat(np.arange(n), np.diff(offsets.astype(np.int64)))
    layer = cell.astype(np.int64) // N_TILES**2
    here = layer < N_LAYERS
    # Where its particles begin is not said: what comes first comes with light.
    delay = time.astype(np.float64) - (layer * PITCH + TILE_DEPTH) / LIGHT
    delay -= np.quantile(delay, 0.01)
    columns = (cell.astype(np.int64), visible.astype(np.float64) / MIP, np.maximum(delay, 0))
    return Tiles(n, event[here], *(column[here] for column in columns))


def in_full(file: Path) -> dict[str, Any]:
    """Its showers that begin in the first six layers, with all that the readout does, as arrays of the card."""
    parts, energies = [], []
    for energy in ENERGIES:
        tiles = tiles_of(file, energy)
        start = starts(tiles, np.full(tiles.n, float(energy)))
        parts.append(tiles.of((start >= 0) & (start < Config().latest_start)))
        energies.append(np.full(parts[-1].n, energy, np.float32))
    hits, offsets = read_out(Tiles.joined(parts), Config(), np.random.default_rng(1))
    return {"hits": hits, "hits.offsets": offsets, "energy": np.concatenate(energies)}


def main() -> None:
    """Read, measure, keep."""
    file = Path(sys.argv[1])
    found = table([Hits.plain(energy, tiles_of(file, energy)) for energy in ENERGIES])
    text = json.dumps({"source": __doc__, "pions": found}, indent=1)
    (Path(__file__).parent / "yardstick.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
