"""Simulate what the Belle room's README shows and keep the numbers in ``numbers.json``.

Takes some minutes on one core, then runs ``page.py``, which makes figures and tables from the record.
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
from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays
from pd4ml.datasets.belle.detector import Seen, see
from pd4ml.datasets.belle.reconstruction import B_MODES, D_MODES, Candidates, passes, reconstruct
from pd4ml.datasets.belle.simulator import BATCH, simulate
from pd4ml.datasets.belle.tokens import pdg_tokens, unknown_token

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
N_DEFAULT, N_VARIANT, N_LEARN = 400_000, 100_000, 20_000
COLUMNS = ("prod_time", "energy", "x", "y", "z", "px", "py", "pz")
SIZE_EDGES = np.arange(0, 101, 2)
M_BC_EDGES = np.linspace(5.24, 5.29, 51)
DELTA_E_EDGES = np.linspace(-0.2, 0.2, 41)
LEPTONS = (11, 13, 15)
# What the plain classifier counts: stable particles, D mesons and what tells how a B decayed.
COUNTED = (11, 12, 13, 14, 15, 16, 22, 111, 130, 211, 213, 310, 321, 411, 413, 421, 423, 431, 433, 443, 2112, 2212)

Floats = NDArray[np.float64]


def share(k: int, n: int) -> list[float]:
    """Quotient of two numbers of events, and its binomial error."""
    p = k / n
    return [p, float(np.sqrt(p * (1 - p) / n))]


def used_momentum(decays: Decays, seen: Seen, found: Candidates) -> Floats:
    """(B, 4) generated four-momenta of the particles that the candidates are made of."""
    total = np.zeros((len(decays), 4))
    kinds = (seen.tracks, found.tracks), (seen.photons, found.photons), (seen.k_shorts, found.k_shorts)
    for objects, masks in kinds:
        event = np.repeat(np.arange(len(decays)), np.diff(objects.offsets))
        bit = (np.arange(len(event)) - objects.offsets[event]).astype(np.uint64)
        used = (masks[event] >> bit) & np.uint64(1) == 1
        np.add.at(total, event[used], decays.p4[objects.source[used]])
    return total


def matched(decays: Decays, seen: Seen, found: Candidates) -> NDArray[np.bool_]:
    """(B,) whether a candidate is made of all decay products of one B0 and nothing else."""
    momentum = used_momentum(decays, seen, found)
    off = [np.abs(decays.p4[decays.offsets[:-1] + i] - momentum).max(axis=1) for i in (1, 2)]
    same: NDArray[np.bool_] = np.minimum(*off) < 1e-6
    return same


class Sums:
    """What is kept of the default events, batch by batch."""

    def __init__(self) -> None:
        self.sizes: list[NDArray[np.int64]] = []
        self.passed: list[NDArray[np.bool_]] = []
        self.candidates: list[Floats] = []  # mode, m_bc, delta_e, number, matched; of the events that pass
        self.low, self.high = np.full(8, np.inf), np.full(8, -np.inf)
        self.b_energy = [np.inf, -np.inf]
        self.upsilon = 0.0
        self.lepton: list[NDArray[np.bool_]] = []
        self.kinds: dict[int, int] = {}
        self.seen = np.zeros(3)

    def add(self, decays: Decays, seen: Seen, found: Candidates, passed: NDArray[np.bool_]) -> None:
        """Take in a batch."""
        self.sizes.append(np.diff(decays.offsets))
        self.passed.append(passed)
        same = matched(decays, seen, found)
        columns = (found.mode, found.m_bc, found.delta_e, found.number, same)
        self.candidates.append(np.stack([column[passed].astype(np.float64) for column in columns], axis=1))
        values = np.column_stack([decays.vertex[:, 0], decays.p4[:, 0], decays.vertex[:, 1:], decays.p4[:, 1:]])
        self.low, self.high = np.minimum(self.low, values.min(axis=0)), np.maximum(self.high, values.max(axis=0))
        code = np.abs(decays.pdg_id)
        energy = decays.p4[code == 511, 0]
        self.b_energy = [min(self.b_energy[0], energy.min()), max(self.b_energy[1], energy.max())]
        self.upsilon += decays.p4[decays.offsets[:-1], 0].sum()
        primary = np.isin(code, LEPTONS) & (np.isin(decays.mother, (1, 2)))
        self.lepton.append(np.bincount(decays.event[primary], minlength=len(decays)) > 0)
        for token, n in zip(*np.unique(pdg_tokens(decays.pdg_id), return_counts=True), strict=True):
            self.kinds[int(token)] = self.kinds.get(int(token), 0) + int(n)
        self.seen += [len(o.source) for o in (seen.tracks, seen.photons, seen.k_shorts)]


def run(config: Config, n_events: int, seed: int, sums: Sums | None = None) -> dict[str, list[float]]:
    """Shares of ``n_events`` that have a candidate, and that pass."""
    rng = np.random.default_rng(seed)
    generate = DecayGenerator(config, seed, rng)
    n = n_found = n_passed = 0
    while n < n_events:
        decays = generate(BATCH)
        seen = see(decays, config, rng)
        found = reconstruct(seen, config)
        passed = passes(seen, found, config)
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
    mode, m_bc, delta_e, number, same = candidates.T
    true = same == 1
    d_mode, b_mode = np.divmod(mode.astype(int), len(B_MODES))
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
        "b_modes": by_mode(B_MODES, b_mode, true),
        "d_modes": by_mode(D_MODES, d_mode, true),
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
            "beyond_100": int((sizes > 100).sum()),
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


def learnable() -> dict[str, Any]:
    """AUC of a plain classifier that counts particles by kind, and of the number of particles alone."""
    arrays = simulate(N_LEARN, np.random.SeedSequence(2), Config())
    token: NDArray[np.int64] = arrays["particles"][..., 8].astype(np.int64)
    label = arrays["label"]
    kinds = [np.isin(token, pdg_tokens([code, -code])).sum(axis=1) for code in COUNTED]
    counts = np.stack([(token > 0).sum(axis=1), *kinds], axis=1)
    train, test = slice(0, int(0.7 * N_LEARN)), slice(int(0.7 * N_LEARN), N_LEARN)
    out: dict[str, Any] = {"events": N_LEARN}
    for name, columns in (("counts", slice(None)), ("size", slice(0, 1))):
        model = HistGradientBoostingClassifier(random_state=0, learning_rate=0.05, max_iter=200)
        score = model.fit(counts[train, columns], label[train]).predict_proba(counts[test, columns])[:, 1]
        rng = np.random.default_rng(3)
        again = [rng.integers(0, len(score), len(score)) for _ in range(100)]
        spread = np.std([roc_auc_score(label[test][i], score[i]) for i in again])
        out[name] = [float(roc_auc_score(label[test], score)), float(spread)]
    return out


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    record = {"default": default_events(), "learnable": learnable()}
    record["variants"] = {
        name: run(Config(**variant.config), N_VARIANT, 10 + i)["passes"]
        for i, (name, variant) in enumerate(CARD.variants.items())
        if name != "default"
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
