"""Evidence for CaloTestBeam: parametrised showers beside Geant4's, plain and read out in full.

``python evidence/calo_test_beam/evidence.py [PART ...]`` simulates, keeps the numbers in ``numbers.json`` and
writes the tables of the room's README. The part ``geant4`` simulates with stand-in tables. ``yardstick.py`` made
``yardstick.json``, ``networks.py`` trains.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from profiles import Hits, beam, bootstrap, compensated, mean, spread, table

from pd4ml.datasets.calo_test_beam.config import Config
from pd4ml.datasets.calo_test_beam.readout import Tiles, read_out
from pd4ml.datasets.calo_test_beam.simulator import Beam

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
PIONS = {"parametrised": dict.fromkeys((10, 20, 40, 80), 5000), "geant4": {10: 1500, 20: 1500, 40: 1300, 80: 1200}}
OTHERS = {"parametrised": 300, "geant4": 200}
DENSE = 5.0  # MIP
EARLY = 6  # layers, within which showers that are compared begin
CONTAINED = 15.0  # layers


def plain(tiles: Tiles, energy: float) -> dict[str, Any]:
    """Electrons or muons, read out plainly: response, resolution, hits."""
    hits = Hits.plain(energy, tiles)
    total = hits.sums(hits.mip)
    return {
        "response": mean(total / energy),
        "resolution": bootstrap(total, spread),
        "hits": mean(hits.sums()),
        "depth": mean(hits.sums(hits.mip * hits.layer) / total),
        "median": bootstrap(hits.mip, lambda m: float(np.median(m))),
    }


def in_full(tiles: Tiles, kept: NDArray[np.bool_]) -> dict[str, Any]:
    """Showers that begin early, with all that the readout does: sums and what compensation makes of them."""
    early = tiles.of(kept)
    hits, offsets = read_out(early, Config(), np.random.default_rng(1))
    event = np.repeat(np.arange(early.n), np.diff(offsets))
    energy = hits[:, 3].astype(np.float64)
    total = np.bincount(event, energy, early.n)
    dense = np.bincount(event, energy * (energy > DENSE), early.n) / total
    return {
        "events": early.n,
        "sum": mean(total),
        "resolution": bootstrap(total, spread),
        "compensated": bootstrap(np.stack([total, dense], axis=1), compensated),
    }


def share(truth: Beam, energy: float) -> dict[str, list[float]]:
    """Electromagnetic share of pions that interact early: mean, rms, and m of 1 - (E/GeV)^(m - 1)."""
    found = truth.share[truth.depth < CONTAINED]
    mean_and_error = mean(found)
    left, log = 1 - mean_and_error[0], float(np.log(energy))
    power = [1 + float(np.log(left)) / log, mean_and_error[1] / left / log]
    return {"mean": mean_and_error, "rms": bootstrap(found, lambda f: float(f.std(ddof=1))), "power": power}


def simulated(simulator: str) -> dict[str, Any]:
    """All that is measured of one simulator."""
    n = PIONS[simulator]
    pions = {energy: beam(simulator, "pi-", energy, number) for energy, number in n.items()}
    tiles = {energy: found for energy, (_, found) in pions.items()}
    plainly = {energy: Hits.plain(energy, found) for energy, found in tiles.items()}
    out: dict[str, Any] = {"pions": table(list(plainly.values())), "in full": {}}
    for energy, found in tiles.items():
        start = plainly[energy].starts()
        out["in full"][f"{energy}"] = in_full(found, (start >= 0) & (start < EARLY))
    if simulator == "parametrised":
        out["share"] = {f"{energy}": share(truth, energy) for energy, (truth, _) in pions.items()}
    out["electrons"] = {f"{e}": plain(beam(simulator, "e-", e, OTHERS[simulator])[1], e) for e in (10, 40)}
    out["muons"] = plain(beam(simulator, "mu-", 40, OTHERS[simulator])[1], 40)
    return out


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for part in sys.argv[1:] or PIONS:
        record[part] = simulated(part)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
