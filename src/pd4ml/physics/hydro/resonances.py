"""The hadrons of a resonance gas, and what they decay into by strong and electromagnetic forces.

``resonances.csv`` is made by `make_resonances`: a line for each isospin multiplet of hadrons up to 2 GeV.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["PHOTON", "PION", "STABLE", "TABLE", "Hadron", "hadrons"]

TABLE = Path(__file__).with_name("resonances.csv")
PHOTON, PION = "gamma", "pi"
# No decay, or a weak one: these hadrons arrive. A photon stands for nothing of interest here.
STABLE = ("pi", "K", "N", "Lambda", "Sigma", "Xi", "Omega", PHOTON)


@dataclass(frozen=True)
class Hadron:
    """A multiplet: mass in GeV, number of states (spins, charges, antiparticles), and its decays.

    A decay is a branching ratio, and the names of what comes out.
    """

    name: str
    mass: float
    states: int
    fermion: bool
    decays: tuple[tuple[float, tuple[str, ...]], ...]


@lru_cache(maxsize=1)
def hadrons() -> dict[str, Hadron]:
    """All of them by name, light ones first."""
    found = {}
    with TABLE.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            decays = []
            for channel in filter(None, row["decays"].split("; ")):
                ratio, *daughters = channel.split()
                decays.append((float(ratio), tuple(daughters)))
            found[row["name"]] = Hadron(
                row["name"], float(row["mass"]), int(row["states"]), row["fermion"] == "1", tuple(decays)
            )
    return found
