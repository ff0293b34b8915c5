"""Simulate what the Belle room's README shows and keep the numbers in ``numbers.json``.

Takes about ten minutes on one core, then runs ``page.py``, which makes figures and tables from the record.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from pd4ml.datasets.belle.card import CARD
from pd4ml.datasets.belle.channels import B0, channels
from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays
from pd4ml.datasets.belle.detector import Seen, see
from pd4ml.datasets.belle.matching import is_signal
from pd4ml.datasets.belle.reconstruction import Candidates, reconstruct
from pd4ml.datasets.belle.selection import event_quantities, passes
from pd4ml.datasets.belle.simulator import BATCH, record, simulate
from pd4ml.datasets.belle.summary import summary
from pd4ml.datasets.belle.tokens import unknown_token

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
N_DEFAULT, N_VARIANT, N_LEARN, N_TRAIN = 100_000, 20_000, 15_000, 10_000
FAR = 0.5  # cm
# The selection, one change at a time; the first has no cut but the windows of M_bc and Delta E.
OFF = {"min_tracks": 0, "min_good_tracks": 0, "min_clusters": 0, "min_visible_energy": 0.0, "max_r2": 1.01}
NO_BACKGROUND = {"background_photons": 0.0, "background_tracks": 0.0}
STEPS: dict[str, dict[str, Any]] = {
    "all channels": OFF | NO_BACKGROUND | {"min_probability": 0.0},
    "signal probability above 0.001": OFF | NO_BACKGROUND,
    "cuts on the event": NO_BACKGROUND,
    "beam background": {},
}
COLUMNS = ("prod_time", "energy", "x", "y", "z", "px", "py", "pz")
SIZE_EDGES = np.arange(0, 101, 2)
M_BC_EDGES = np.linspace(5.24, 5.29, 51)
DELTA_E_EDGES = np.linspace(-0.2, 0.2, 41)
LEPTONS = (11, 13, 15)
Floats = NDArray[np.float64]


def share(k: int, n: int) -> list[float]:
    """Quotient of two numbers of events, and its binomial error."""
    p = k / n
    return [p, float(np.sqrt(p * (1 - p) / n))]


def matched(decays: Decays, seen: Seen, found: Candidates) -> NDArray[np.bool_]:
    """(B,) whether a candidate is made of all decay products of one B0 and nothing else."""
    event = np.arange(len(decays))
    used = np.stack([found.tracks, found.photons], axis=1)
    true = [is_signal(decays, seen, event, used, np.full(len(event), code)) for code in (511, -511)]
    both: NDArray[np.bool_] = (true[0] | true[1]) & (found.number > 0)
    return both


class Sums:
    """What is kept of the default events, batch by batch."""

    def __init__(self) -> None:
        self.sizes: list[NDArray[np.int64]] = []
        self.passed: list[NDArray[np.bool_]] = []
        self.candidates: list[
            Floats
        ] = []  # mode, m_bc, delta_e, number, matched, probability; of the events that pass
        self.low, self.high = np.full(8, np.inf), np.full(8, -np.inf)
        self.b_energy = [np.inf, -np.inf]
        self.upsilon = 0.0
        self.lepton: list[NDArray[np.bool_]] = []
        self.kinds: dict[int, int] = {}
        self.seen = np.zeros(2)
        self.far = np.zeros(3)

    def add(self, decays: Decays, seen: Seen, found: Candidates, passed: NDArray[np.bool_]) -> None:
        """Take in a batch."""
        self.sizes.append(np.diff(decays.offsets))
        self.passed.append(passed)
        same = matched(decays, seen, found)
        columns = (found.mode, found.m_bc, found.delta_e, found.number, same, found.probability)
        self.candidates.append(np.stack([column[passed].astype(np.float64) for column in columns], axis=1))
        particles, _ = record(decays, np.arange(len(decays)))
        values = particles[particles[..., 8] > 0].astype(np.float64)
        low, high = values[:, :8].min(axis=0), values[:, :8].max(axis=0)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.sizes[-1] = np.count_nonzero(particles[..., 8], axis=1)
        self.far += (np.abs(values[:, 2:5]) > FAR).sum(axis=0)
        code = np.abs(decays.pdg_id)
        energy = decays.p4[code == 511, 0]
        self.b_energy = [min(self.b_energy[0], energy.min()), max(self.b_energy[1], energy.max())]
        self.upsilon += decays.p4[decays.offsets[:-1], 0].sum()
        primary = np.isin(code, LEPTONS) & (np.isin(decays.mother, (1, 2)))
        self.lepton.append(np.bincount(decays.event[primary], minlength=len(decays)) > 0)
        for token, n in zip(*np.unique(values[:, 8].astype(int), return_counts=True), strict=True):
            self.kinds[int(token)] = self.kinds.get(int(token), 0) + int(n)
        self.seen += [len(o.source) for o in (seen.tracks, seen.photons)]


def run(config: Config, n_events: int, seed: int, sums: Sums | None = None) -> dict[str, list[float]]:
    """Shares of ``n_events`` that have a candidate, and that pass."""
    rng = np.random.default_rng(seed)
    generate = DecayGenerator(config, seed, rng)
    n = n_found = n_passed = 0
    while n < n_events:
        decays = generate(BATCH)
        seen = see(decays, config, rng)
        found = reconstruct(seen, config)
        passed = passes(event_quantities(seen, config), found, config)
        if sums is not None:
            sums.add(decays, seen, found, passed)
        n, n_found, n_passed = (
            n + len(passed),
            n_found + int((found.number > 0).sum()),
            n_passed + int(passed.sum()),
        )
    return {"events": [n], "candidate": share(n_found, n), "passes": share(n_passed, n)}


def by_mode(names: tuple[str, ...], mode: NDArray[np.int64], true: NDArray[np.bool_]) -> dict[str, list[float]]:
    """Share of each mode among the candidates, and of true ones among its own."""
    here = {name: mode == i for i, name in enumerate(names)}
    return {name: [float(h.mean()), float(true[h].sum() / max(h.sum(), 1))] for name, h in here.items()}


def selected(candidates: Floats) -> dict[str, Any]:
    """Histograms and shares of the candidates of events that pass."""
    mode, m_bc, delta_e, number, same, probability = candidates.T
    true = same == 1
    names = tuple(c.text for c in channels() if c.mother == B0)
    return {
        "matched": share(int(true.sum()), len(true)),
        "per_event": [float(number.mean()), float(np.median(number))],
        "m_bc": {
            "edges": M_BC_EDGES.tolist(),
            **{k: np.histogram(m_bc[c], M_BC_EDGES)[0].tolist() for k, c in (("true", true), ("false", ~true))},
            "peak": [float(m_bc[true].mean()), float(m_bc[true].std()), float(true.sum())],
            "b_mass": B_MASS,
        },
        "delta_e": {
            "edges": DELTA_E_EDGES.tolist(),
            **{
                k: np.histogram(delta_e[c], DELTA_E_EDGES)[0].tolist()
                for k, c in (("true", true), ("false", ~true))
            },
            "peak": [float(np.median(delta_e[true])), float(delta_e[true].std())],
        },
        "expected": float(probability.mean()),
        "modes": by_mode(names, mode.astype(int), true),
    }


def default_events() -> dict[str, Any]:
    """Everything about the default variant but how well it can be learnt."""
    sums = Sums()
    efficiency = run(Config(), N_DEFAULT, 1, sums)
    sizes, passed, lepton = np.concatenate(sums.sizes), np.concatenate(sums.passed), np.concatenate(sums.lepton)
    return {
        "efficiency": efficiency,
        "sizes": {
            "edges": SIZE_EDGES.tolist(),
            "pass": np.histogram(sizes[passed], SIZE_EDGES)[0].tolist(),
            "fail": np.histogram(sizes[~passed], SIZE_EDGES)[0].tolist(),
            "mean": [float(sizes.mean()), float(sizes[passed].mean()), float(sizes[~passed].mean())],
            "spread": float(sizes.std()),
            "largest": int(sizes.max()),
            "full": int((sizes == 100).sum()),
            "far": (sums.far / len(sizes)).tolist(),
        },
        "range": {name: [low, high] for name, low, high in zip(COLUMNS, sums.low, sums.high, strict=True)},
        "b_energy": [float(energy) for energy in sums.b_energy],
        "upsilon_energy": sums.upsilon / len(sizes),
        "lepton": {"pass": share(int(lepton[passed].sum()), int(passed.sum()))}
        | {"fail": share(int(lepton[~passed].sum()), int((~passed).sum()))},
        "tokens": {
            "different": len(sums.kinds),
            "unknown": sums.kinds.get(unknown_token(), 0) / sum(sums.kinds.values()),
        },
        "seen": (sums.seen / len(sizes)).tolist(),
        "candidates": selected(np.concatenate(sums.candidates)),
    }


def learnable(config: Config) -> list[float]:
    """AUC of boosted trees on the summary features, trained on ``N_TRAIN`` events, and its bootstrap error."""
    arrays = simulate(N_LEARN, np.random.SeedSequence(2), config)
    columns, label = np.stack([np.asarray(c, float) for c in summary(arrays).values()], axis=1), arrays["label"]
    model = HistGradientBoostingClassifier(random_state=0, learning_rate=0.05, max_iter=300)
    score = model.fit(columns[:N_TRAIN], label[:N_TRAIN]).predict_proba(columns[N_TRAIN:])[:, 1]
    label, rng = label[N_TRAIN:], np.random.default_rng(3)
    again = [rng.integers(0, len(score), len(score)) for _ in range(100)]
    return [float(roc_auc_score(label, score)), float(np.std([roc_auc_score(label[i], score[i]) for i in again]))]


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    record: dict[str, Any] = {"default": default_events()}
    record["steps"] = {
        name: {"passes": run(Config(**step), N_VARIANT, 7)["passes"], "auc": learnable(Config(**step))}
        for name, step in STEPS.items()
    }
    record["variants"] = {
        name: run(Config(**variant.config), N_VARIANT, 10 + i)["passes"]
        for i, (name, variant) in enumerate(CARD.variants.items())
        if name != "default"
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
