"""Tell our transport from Geant4's (stand-in tables), of the same interactions; keeps ``pairs.json``.

``python evidence/lar_tpc/pairs.py FOLDER N``: N pairs, a third of a second of Geant4 each; what Geant4 made is
kept in FOLDER, where the next run finds it, also one that was stopped. Boosted trees on summaries are fitted five
times, each pair in one fold; the room's network once, on four fifths of the pairs (a minute). Runs ``page.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from torch.nn import functional

from pd4ml.datasets.lar_tpc import LArTPC
from pd4ml.datasets.lar_tpc.graph import graphs
from pd4ml.datasets.lar_tpc.simulator import Config, simulate
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch
from pd4ml.storage.ragged import entries, ragged

HERE = Path(__file__).parent
CHUNK = 50  # pairs in a file
EPOCHS, BATCH = 8, 32
SHOWN = (
    "pixels_2",
    "log_charge_2",
    "mean_charge_2",
    "length_2",
    "width_2",
    "extent_2",
    "blobs_2",
    "largest_blob_2",
)
Numbers = NDArray[Any]


def pair(folder: Path, chunk: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """``CHUNK`` interactions with our transport and with Geant4's, which is kept in ``folder``."""
    seed, file = [7, chunk], folder / f"{chunk}.npz"
    if not file.exists():
        arrays = simulate(CHUNK, np.random.SeedSequence(seed), Config(transport="geant4", tables="stand-in"))
        content, offsets = entries(arrays["pixels"])
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, pixels=content, offsets=offsets, label=arrays["label"])
    with np.load(file) as kept:
        theirs = {"pixels": ragged(kept["pixels"], kept["offsets"]), "label": kept["label"]}
    return simulate(CHUNK, np.random.SeedSequence(seed), Config()), theirs


def auc(which: Numbers, score: Numbers, twin: Numbers) -> list[float]:
    """AUC and its error, both of a pair drawn together."""
    rng, n = np.random.default_rng(1), int(twin.max()) + 1
    rows = np.full((n, 2), -1)
    rows[twin, which] = np.arange(len(which))
    draws = [rows[rng.integers(0, n, n)].ravel() for _ in range(200)]
    error = np.std([roc_auc_score(which[some], score[some]) for some in draws])
    return [float(roc_auc_score(which, score)), float(error)]


def trees(x: Numbers, which: Numbers, twin: Numbers) -> tuple[Numbers, Numbers]:
    """Scores of boosted trees that have not seen the pair, and what shuffling each quantity costs in AUC."""
    score, cost = np.zeros(len(x)), np.zeros(x.shape[1])
    for train, test in GroupKFold(5).split(x, which, twin):
        model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=8, random_state=1)
        model.fit(x[train], which[train])
        score[test] = model.predict_proba(x[test])[:, 1]
        found = permutation_importance(model, x[test], which[test], scoring="roc_auc", n_repeats=3, random_state=1)
        cost += found.importances_mean / 5
    return score, cost


def network(arrays: dict[str, Any], which: Numbers, train: Numbers, test: Numbers) -> Numbers:
    """Scores of the room's network for the events ``test``, after a short training on ``train``."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    model = build("lar_cnn", ModelInputs(5, 1536, "classification"))

    def output(some: Numbers) -> torch.Tensor:
        packed = graphs({"pixels": arrays["pixels"][some]}, {}, edges=False)
        result: torch.Tensor = model(GraphBatch.from_packed(packed))
        return result

    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    steps = EPOCHS * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = rng.permutation(train)
        for some in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            wanted = torch.from_numpy(which[some]).float()
            loss = functional.binary_cross_entropy_with_logits(output(some), wanted)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        return np.concatenate([output(some).numpy() for some in np.array_split(test, -(-len(test) // 64))])


def measured(folder: Path, n: int) -> dict[str, Any]:
    """All of it."""
    torch.set_num_threads(1)
    parts: tuple[list[Any], list[Any]] = ([], [])
    for chunk in range(-(-n // CHUNK)):
        for part, arrays in zip(parts, pair(folder, chunk), strict=True):
            part.append({name: arrays[name] for name in ("pixels", "label")})
    both = [*parts[0], *parts[1]]
    arrays = {name: ak.concatenate([part[name] for part in both]) for name in ("pixels", "label")}
    label, n = np.asarray(arrays["label"]), len(arrays["label"]) // 2
    which, twin = np.repeat([0, 1], n), np.tile(np.arange(n), 2)
    names, x = LArTPC.summary_features(arrays)
    score, cost = trees(x, which, twin)
    found: dict[str, Any] = {"pairs": n, "trees": auc(which, score, twin)}
    for k, name in enumerate(LArTPC.card.classes):
        of = label == k
        found[f"trees, {name}"] = auc(which[of], score[of], np.unique(twin[of], return_inverse=True)[1])
    found["cost"] = {names[i]: float(cost[i]) for i in np.argsort(-cost)[:5]}
    difference = x[n:] - x[:n]
    found["shifts"] = {
        name: [
            float(x[:n, i].mean()),
            float(difference[:, i].mean()),
            float(difference[:, i].std(ddof=1) / np.sqrt(n)),
        ]
        for i, name in enumerate(names)
        if name in SHOWN
    }
    test = np.flatnonzero(twin >= n * 4 // 5)
    seen = network(arrays, which, np.flatnonzero(twin < n * 4 // 5), test)
    found["network"] = auc(which[test], seen, twin[test] - n * 4 // 5)
    return found


def main() -> None:
    """Measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("n", type=int)
    asked = parser.parse_args()
    (HERE / "pairs.json").write_text(json.dumps(measured(asked.folder, asked.n), indent=1) + "\n")
    subprocess.run([sys.executable, HERE / "page.py"], check=True)


if __name__ == "__main__":
    main()
