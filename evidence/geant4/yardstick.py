"""Measure another simulation's pions, ``python evidence/geant4/yardstick.py FILE``, into ``yardstick.json``.

The file holds pi- of 10 to 80 GeV in a stack of 39 layers (17.2 mm and two times 0.5 mm of iron, 2.43 mm of
plastic, 3 mm of scintillator), made with Geant4 11.4.1, FTFP_BERT, by another program and with other stand-in
tables; visible energy in MeV of all tiles after Birks's law with 0.07943 mm/MeV and a gate of 150 ns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from measure import Showers, pions


def main() -> None:
    """Read, measure, keep."""
    with np.load(sys.argv[1]) as file:
        showers = [
            Showers.of(energy, file[f"offsets_{energy}"], file[f"cell_{energy}"] // 576, file[f"energy_{energy}"])
            for energy in (10, 20, 40, 80)
        ]
    text = json.dumps({"source": __doc__, "pions": pions(showers)}, indent=1)
    (Path(__file__).parent / "yardstick.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
