"""Plain sum, trees and the reference network on parametrised events and on Geant4's, into ``networks.json``.

``networks.py FOLDER N_EVENTS RECIPE YARDSTICK [SEED ...]`` generates N_EVENTS parametrised events below FOLDER and
1500 of Geant4 with stand-in tables, trains boosted trees and RECIPE on the former with each seed, and measures on
their test split, on Geant4's events and on the yardstick's (the file of ``yardstick.py``). Errors are those of the
events and of the spread of the trainings together.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from profiles import bootstrap
from yardstick import in_full

import pd4ml
from pd4ml import CaloTestBeam
from pd4ml.benchmark.run import open_data
from pd4ml.storage.ragged import entries

HERE = Path(__file__).parent
# GeV; the training's energies end at 10 and 80, which no estimate leaves: a narrow peak there is no resolution.
BINS = (15, 25, 35, 45, 60, 75)
WIDE = (15, 30, 50, 75)
N_GEANT4 = 1500
Floats = NDArray[np.float64]
Estimates = Mapping[str, list[Floats]]


def resolution(estimate: Floats, energy: Floats) -> list[float]:
    """sigma/mean times the root of the energy, and its error: half the width of the central 68.3 %.

    Residuals of a straight line over its slope: an estimate that is drawn to the middle of all energies gains
    nothing by it.
    """
    slope, offset = np.polyfit(energy, estimate, 1)
    residual = (estimate - slope * energy - offset) / slope / energy

    def half(values: Floats) -> float:
        low, high = np.quantile(values, [0.1587, 0.8413])
        return float(high - low) / 2

    return [value * float(np.sqrt(energy.mean())) for value in bootstrap(residual, half)]


def combined(found: list[list[float]]) -> list[float]:
    """Mean over trainings, and its error with that of the events."""
    values = [value for value, _ in found]
    between = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [float(np.mean(values)), float(np.hypot(np.mean([error for _, error in found]), between))]


def rows(estimates: Estimates, energy: Floats, bins: tuple[int, ...]) -> list[list[Any]]:
    """Low, high, events, and for each kind of estimate its resolution, against a straight line in each bin."""
    out: list[list[Any]] = []
    for low, high in itertools.pairwise(bins):
        here = (energy >= low) & (energy < high)
        cells = [combined([resolution(one[here], energy[here]) for one in found]) for found in estimates.values()]
        out.append([low, high, int(here.sum()), cells])
    return out


def estimates_of(parts: list[Any], runs: Mapping[str, list[Any]]) -> tuple[Estimates, Floats]:
    """Of events in several parts: sums and what each run predicts, and true energies."""
    energy = np.concatenate([np.asarray(part.y, np.float64) for part in parts])
    sums = []
    for part in parts:
        hits, offsets = entries(part["hits"])
        event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        sums.append(np.bincount(event, hits[:, 3], len(offsets) - 1).astype(np.float64))
    estimates = {"plain sum": [np.concatenate(sums)]}
    for name, found in runs.items():
        estimates[name] = [
            np.concatenate([np.asarray(run.predict(part).output, np.float64).ravel() for part in parts])
            for run in found
        ]
    return estimates, energy


def main() -> None:
    """Generate, train, measure, keep."""
    folder, n_events, recipe, file = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    seeds = [int(seed) for seed in sys.argv[5:]] or [1]
    CaloTestBeam.generate(folder, n_events)
    CaloTestBeam.generate(folder, N_GEANT4, variant="geant4_stand_in")
    sample = CaloTestBeam.at(folder, source="generated")
    runs = {
        name: [pd4ml.train(sample, name, seed=seed, runs_dir=folder / "runs") for seed in seeds]
        for name in ("gbdt", recipe)
    }
    engine = CaloTestBeam.at(folder, source="generated", variant="geant4_stand_in")
    np.savez(folder / "yardstick.npz", **in_full(file))
    other = [engine.open("train"), engine.open("test"), open_data(CaloTestBeam, folder / "yardstick.npz", "test")]
    test, energy = estimates_of([sample.open("test")], runs)
    geant4, energy_4 = estimates_of(other, runs)
    note = (
        f"{len(sample.open('train')):,} default events in train, {len(energy):,} in test, {len(seeds)} training(s)"
        " each"
    )
    record = {
        "note": note,
        "columns": [f"`{name}`" if name != "plain sum" else name for name in test],
        "rows": rows(test, energy, BINS),
        "wide": {"parametrised": rows(test, energy, WIDE), "geant4": rows(geant4, energy_4, WIDE)},
    }
    (HERE / "networks.json").write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
