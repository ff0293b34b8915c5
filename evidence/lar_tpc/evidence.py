"""Measure particles in argon and keep ``numbers.json``; then runs ``page.py``. A quarter of a minute of CPU time.

What is learned from images is measured by ``networks.py``, what tells our transport from Geant4's by ``pairs.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.datasets.lar_tpc.argon import bethe
from pd4ml.datasets.lar_tpc.queue import SHOWER, TRACK
from pd4ml.datasets.lar_tpc.transport import Deposits, transport
from pd4ml.physics.geant4 import Primaries

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
N = 200


def shoot(pdg_id: int, kinetic: float) -> list[Deposits]:
    """``N`` particles from the origin along z."""
    primaries, rng = Primaries.single(np.full(N, pdg_id), kinetic, (0.0, 0.0, 0.0)), np.random.default_rng(1)
    return [transport(primaries, i, rng) for i in range(N)]


def mean(values: Any) -> list[float]:
    """Mean and its error."""
    return [float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))]


def particles() -> dict[str, list[float]]:
    """Numbers of single particles, each with its error."""
    least = min(bethe(kinetic, 105.658, 1e9) for kinetic in np.geomspace(50, 2000, 200))
    ends = [d.position[d.label == TRACK][:, 2].max() for d in shoot(2212, 200.0)]
    whole = [end for end in ends if 24 < end < 28]  # no reaction on the way, no neutron's proton behind
    found = {"least loss [MeV/cm]": [least, 0.0], "range of protons of 200 MeV [cm]": mean(whole)}
    showers = shoot(11, 1000.0)
    found["depth of electrons' showers at 1 GeV [cm]"] = mean(
        [d.energy @ d.position[:, 2] / d.energy.sum() for d in showers]
    )
    radii = []
    for d in showers:
        radius = np.hypot(*d.position[:, :2].T)
        order = np.argsort(radius)
        radii.append(np.interp(0.9, d.energy[order].cumsum() / d.energy.sum(), radius[order]))
    found["radius of 90 % of it [cm]"] = mean(radii)
    for name, pdg_id in (("electrons", 11), ("photons", 22)):
        starts = []
        for d in shoot(pdg_id, 500.0):
            z = d.position[d.label == SHOWER][:, 2]
            starts.append(d.energy[d.label == SHOWER][z < z.min() + 3].sum() / 3)
        error = 1.2533 * np.std(starts) / np.sqrt(N)
        found[f"first 3 cm of {name} of 500 MeV, median [MeV/cm]"] = [float(np.median(starts)), float(error)]
    return found


def main() -> None:
    """Measure, keep, write."""
    RECORD.write_text(json.dumps({"particles": particles()}, indent=1) + "\n")
    subprocess.run([sys.executable, HERE / "page.py"], check=True)


if __name__ == "__main__":
    main()
