"""Plain sum, local compensation by trees, and the reference network, energy by energy, into ``networks.json``.

``networks.py FOLDER N_EVENTS RECIPE [SEED ...]`` generates N_EVENTS events below FOLDER, trains boosted trees and
RECIPE with each seed, and measures on the test split, against a straight line in each bin of energy. The error is
that of the test events and of the spread of the trainings together.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from profiles import bootstrap, spread

import pd4ml
from pd4ml import CaloTestBeam
from pd4ml.storage.ragged import entries

HERE = Path(__file__).parent
BINS = (10, 20, 30, 45, 60, 80)  # GeV


def resolution(estimate: NDArray[Any], energy: NDArray[Any]) -> list[float]:
    """sigma/mean times the root of the energy, and its error.

    Residuals of a straight line within the bin, over its slope: an estimate that is drawn to the middle of all
    energies gains nothing by it.
    """
    slope, offset = np.polyfit(energy, estimate, 1)
    ratio = 1 + (estimate - slope * energy - offset) / slope / energy
    found = bootstrap(ratio, spread)
    return [value * float(np.sqrt(energy.mean())) for value in found]


def combined(found: list[list[float]]) -> list[float]:
    """Mean over trainings, and its error with that of the events."""
    values = [value for value, _ in found]
    between = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [float(np.mean(values)), float(np.hypot(np.mean([error for _, error in found]), between))]


def main() -> None:
    """Generate, train, measure, keep."""
    folder, n_events, recipe = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    seeds = [int(seed) for seed in sys.argv[4:]] or [1]
    CaloTestBeam.generate(folder, n_events)
    sample = CaloTestBeam.at(folder, source="generated")
    test = sample.open("test")
    hits, offsets = entries(test["hits"])
    energy = np.asarray(test.y, np.float64)
    total = np.bincount(np.repeat(np.arange(len(energy)), np.diff(offsets)), hits[:, 3], len(energy))
    estimates = {"plain sum": [total.astype(np.float64)]}
    for name in ("gbdt", recipe):
        runs = [pd4ml.train(sample, name, seed=seed, runs_dir=folder / "runs") for seed in seeds]
        estimates[name] = [np.asarray(run.predict(sample).output, np.float64).ravel() for run in runs]
    rows = []
    for low, high in itertools.pairwise(BINS):
        here = (energy >= low) & (energy < high)
        cells = [combined([resolution(one[here], energy[here]) for one in found]) for found in estimates.values()]
        rows.append([low, high, cells])
    note = (
        f"{len(sample.open('train')):,} default events in train, {len(energy):,} in test, {len(seeds)} training(s)"
        " each; sigma/mean x sqrt(E) in %, against a straight line in each bin, over its slope:"
    )
    found = {"note": note, "columns": [f"`{name}`" if name != "plain sum" else name for name in estimates]}
    (HERE / "networks.json").write_text(json.dumps({**found, "rows": rows}, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
