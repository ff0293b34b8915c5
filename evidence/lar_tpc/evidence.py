"""Measure what the LArTPC room's README shows and keep the numbers in ``numbers.json``; then runs ``page.py``.

Without arguments: particles in argon, a quarter of a minute of CPU time. ``--geant4 N`` compares N events with
Geant4 (stand-in tables; a third of a second each), ``--runs FOLDER`` takes finished trainings of LArTPC on
events in ``--path``. Parts that are not measured stay as they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from pd4ml.benchmark.record import find_records, read_record
from pd4ml.benchmark.run import load_run
from pd4ml.datasets.lar_tpc import LArTPC
from pd4ml.datasets.lar_tpc.argon import bethe
from pd4ml.datasets.lar_tpc.queue import SHOWER, TRACK
from pd4ml.datasets.lar_tpc.simulator import Config, simulate
from pd4ml.datasets.lar_tpc.transport import Deposits, transport
from pd4ml.physics.geant4 import Primaries

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
N = 200
SCORES = ("accuracy", "auc_macro")


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


def against_geant4(n: int) -> dict[str, Any]:
    """The same interactions with both transports: AUC of boosted trees on summaries that tell them apart."""
    parts = []
    for options in ({}, {"transport": "geant4", "tables": "stand-in"}):
        start = time.process_time()
        seeds = np.random.SeedSequence(7)
        arrays = simulate(n, seeds, Config(**options))  # type: ignore[arg-type]
        print(f"{options or 'fast'}: {time.process_time() - start:.1f} s of this process")
        parts.append((LArTPC.summary_features(arrays)[1], arrays["label"]))
    names = LArTPC.summary_features(arrays)[0]
    x, which = np.concatenate([p[0] for p in parts]), np.repeat([0, 1], n)
    trees = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=8, random_state=1)
    # Both of a pair in one fold: who has seen one of twins knows the other by it, with the wrong answer.
    twins = np.tile(np.arange(n), 2)
    folds = GroupKFold(5)
    score = cross_val_predict(trees, x, which, groups=twins, cv=folds, method="predict_proba")[:, 1]
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(200):
        events = rng.integers(0, n, n)  # both of a pair together
        rows = np.concatenate([events, events + n])
        draws.append(roc_auc_score(which[rows], score[rows]))
    shifts = {}
    for i, name in enumerate(names):
        if name in ("pixels_2", "log_charge_2", "length_2", "width_2", "blobs_2", "highest_2"):
            shifts[name] = mean(x[n:, i] - x[:n, i])
    return {"events": n, "auc": [float(roc_auc_score(which, score)), float(np.std(draws))], "shifts": shifts}


def learned(runs: Path, path: Path) -> dict[str, Any]:
    """Scores and confusion of each finished training."""
    found = {}
    for file in find_records(runs):
        record = read_record(file)
        if record.dataset["name"] != LArTPC.name or record.folder is None:
            continue
        run = load_run(record.folder)
        events = LArTPC.open("test", path)
        guess = run.predict(events).output.argmax(axis=1)
        confusion = np.zeros((3, 3), int)
        np.add.at(confusion, (np.asarray(events.y), guess), 1)
        metrics = {name: [record.metrics[name].value, record.metrics[name].error] for name in SCORES}
        found[record.recipe["name"]] = {**metrics, "confusion": confusion.tolist()}
    return found


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geant4", type=int, default=0)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--path", type=Path, default=Path("datasets"))
    asked = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record["particles"] = particles()
    if asked.geant4:
        record["geant4"] = against_geant4(asked.geant4)
    if asked.runs:
        record["learned"] = learned(asked.runs, asked.path)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, HERE / "page.py"], check=True)


if __name__ == "__main__":
    main()
