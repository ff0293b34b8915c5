"""Evidence for Geant4 with stand-in tables: showers and tracks beside textbooks, pions beside another simulation.

``python evidence/geant4/evidence.py [PART ...]`` simulates, keeps the numbers in ``numbers.json``, and writes the
table of ``docs/how_to/geant4.md``. All parts take about ten minutes of one core. ``yardstick.py`` made
``yardstick.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measure import MIP, Showers, bootstrap, mean, most_probable, pions
from numpy.typing import NDArray
from textbook import CRITICAL, depth_grindhammer, depth_pdg, tiles

from pd4ml.datasets.calo_test_beam.stack import ahcal
from pd4ml.physics.geant4 import Block, Engine, Material, Primaries, Steps

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
ELECTRONS, MUONS = {10: 200, 40: 200}, 200  # GeV: events
PIONS = {10: 200, 20: 150, 40: 100, 80: 60}  # as many as the yardstick has
SPOT = 30.0  # mm, half a side
ARGON = Material("liquid argon", 1.396, (("Ar", 1.0),), 188.0)  # g/cm3 at its boiling point, eV: ICRU 37
IRON = Material("iron", 7.874, (("Fe", 1.0),), 286.0)
CARBON = Material("carbon", 2.0, (("C", 1.0),), 78.0)
LIGHT = 299.792458  # mm/ns


def beam(pdg_id: int, energy: float, n: int) -> tuple[Primaries, NDArray[np.int64]]:
    """``n`` particles of ``energy`` GeV on a square spot in front of the stack, and their seeds."""
    seeds = np.arange(n) + int(1000 * energy) * 1000 + abs(pdg_id)
    x, y = np.random.default_rng(seeds[0]).uniform(-SPOT, SPOT, (2, n))
    place = np.stack([x, y, np.full(n, -100.0)], axis=1)
    return Primaries.single(pdg_id, 1000.0 * energy, place), seeds


def electrons() -> dict[str, Any]:
    """Depth and response of electrons in the stack, muons' peak, and how much energy there is."""
    stack, out = ahcal(), dict[str, Any]()
    depths, critical, z = tiles(stack)
    with Engine(stack, "stand-in") as engine:
        out["facts"] = engine.facts
        for energy, n in ELECTRONS.items():
            hits = engine.tiles(*beam(11, energy, n))
            showers = Showers.of_hits(energy, hits)
            layers, seen = showers.per_layer(showers.mip), showers.read_out()
            total = np.bincount(seen.event, seen.mip, n)
            out[f"{energy}"] = {
                "depth": mean(layers @ depths / layers.sum(axis=1)),
                "pdg": depth_pdg(1000 * energy, CRITICAL["Fe"]),
                "grindhammer": depth_grindhammer(1000 * energy, critical, z),
                "response": mean(total / energy),
                "resolution": bootstrap(total, lambda t: float(t.std(ddof=1) / t.mean())),
                "hits": mean(np.bincount(seen.event, minlength=n)),
            }
        hits = engine.tiles(*beam(13, 40, MUONS))
        out["muon"] = bootstrap(hits.visible[hits.visible > 0.2], most_probable)
    out["layer"] = float(np.diff(depths).mean())
    return out


def hadrons() -> dict[str, Any]:
    """Pions in the stack, as in the yardstick."""
    with Engine(ahcal(), "stand-in") as engine:
        found: dict[str, Any] = pions(
            [Showers.of_hits(e, engine.tiles(*beam(-211, e, n))) for e, n in PIONS.items()]
        )
    return found


def per_event(steps: Steps, values: NDArray[Any]) -> NDArray[Any]:
    """Sums of ``values`` of steps."""
    n = len(steps.offsets) - 1
    return np.bincount(np.repeat(np.arange(n), np.diff(steps.offsets)), values, n)


def argon() -> dict[str, Any]:
    """Electrons, muons and protons in liquid argon."""
    out: dict[str, Any] = {}
    with Engine(Block(ARGON, (4000.0, 4000.0, 6000.0), 3.0), "stand-in") as engine:
        n = 200
        steps = engine.steps(Primaries.single(11, 1000.0, np.tile([0.0, 0.0, -2000.0], (n, 1))), np.arange(n))
        depth = per_event(steps, (steps.position[:, 2] + 2000.0) * steps.deposit) / per_event(steps, steps.deposit)
        out["electron depth"] = mean(depth / 10)
        out["electron energy"] = mean(per_event(steps, steps.deposit))
        x0 = 19.55 / ARGON.density
        out["pdg"] = depth_pdg(1000.0, CRITICAL["Ar"]) * x0
        critical = 2.66 * (19.55 * 18 / 39.948) ** 1.1
        out["grindhammer"] = depth_grindhammer(1000.0, critical, 18) * x0
        steps = engine.steps(Primaries.single(2212, 200.0, np.tile([0.0, 0.0, -2000.0], (n, 1))), np.arange(n))
        first = steps.track == 1
        ends = [
            steps.position[a:b][first[a:b], 2].max() + 2000.0
            for a, b in zip(steps.offsets[:-1], steps.offsets[1:], strict=True)
        ]
        out["proton range"] = bootstrap(np.array(ends) / 10, lambda v: float(np.median(v)))
    with Engine(Block(ARGON, (2000.0, 2000.0, 100.0), 3.0), "stand-in") as engine:
        n = 300
        steps = engine.steps(Primaries.single(13, 270.0, np.tile([0.0, 0.0, -50.0], (n, 1))), np.arange(n))
        out["muon loss"] = mean(per_event(steps, steps.deposit) / 10)
    return out


def photons() -> dict[str, Any]:
    """Mean free path of photons, from the time of the first deposit, as attenuation in cm2/g."""
    out: dict[str, Any] = {}
    cases = ((IRON, 1.0, 0.05995), (IRON, 10.0, 0.02994), (CARBON, 10.0, 0.01959), (ARGON, 1.0, 0.05762))
    for material, energy, nist in cases:
        n = 3000
        with Engine(Block(material, (20000.0, 20000.0, 20000.0), 3.0), "stand-in") as engine:
            steps = engine.steps(Primaries.single(22, energy, np.zeros((n, 3))), np.arange(n))
        first = np.array(
            [steps.time[a:b].min() for a, b in zip(steps.offsets[:-1], steps.offsets[1:], strict=True) if b > a]
        )
        path, error = mean(first * LIGHT / 10)
        value = 1 / (path * material.density)
        out[f"{material.name}, {energy:g} MeV"] = {"found": [value, value * error / path], "nist": nist}
    return out


PARTS = {"electrons": electrons, "argon": argon, "photons": photons, "pions": hadrons}


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for part in sys.argv[1:] or PARTS:
        record[part] = PARTS[part]()
        kept = {name: record[name] for name in PARTS if name in record}
        RECORD.write_text(json.dumps({**kept, "mip": MIP}, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
