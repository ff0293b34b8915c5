"""Evidence for the EOSL room's README: spectra against published and measured numbers, and what models learn.

``python evidence/eosl/evidence.py [FOLDER [PART ...]]`` generates events into FOLDER (demo/evidence if none is
given) or finds them there, measures, trains, draws the README's figure and keeps the numbers in
``numbers.json``, from which ``page.py`` writes the tables. All parts take about an hour of one core; a part
alone keeps the numbers of the others.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

import pd4ml
from pd4ml.datasets.eosl import EOSL
from pd4ml.datasets.eosl.config import Config
from pd4ml.physics.hydro.cooper_frye import all_pions, pion_spectrum
from pd4ml.physics.hydro.equation_of_state import EquationOfState, eosq, s95p, s95p_pce
from pd4ml.physics.hydro.freezeout import freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, Collision, collide, entropy_density, impact_parameter
from pd4ml.physics.hydro.solver import Fluid
from pd4ml.storage.store import Events
from pd4ml.training.recipe import load_recipe

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
FIGURES = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "eosl" / "figures"
N_EVENTS, SEED = 28_600, 1  # spectra, five of each hydrodynamic event
# Trainings by recipe: the least number of epochs that the time of a quick look allows.
EPOCHS: dict[str, int | None] = {"gbdt": None, "fcn_quick": None, "filter_net_quick": 4, "eosl_cnn_quick": 8}
GRIDS = {"fine": (0.2, 1), "default": (0.4, 1), "coarse": (0.4, 2)}  # cell in fm, cells of the surface's cubes
PHI = (np.arange(24) + 0.5) * np.pi / 12
# Systems of measured pions, with centralities, and how many events stand for them.
MEASURED = {"Au+Au": ((0.0, 5.0), (20.0, 30.0)), "Pb+Pb": ((0.0, 5.0),)}
N_MEASURED = 12
N_HIERARCHY, SHARPEST = 1000, 1_000_000  # hydrodynamic events; draws that have no noise left
NOISE = {"one draw": 1, "mean of 30 draws": 30, "no noise": SHARPEST}

Floats = NDArray[np.float64]


def observables(spectra: NDArray[np.float32]) -> dict[str, Floats]:
    """One number for each spectrum and observable."""
    counts = spectra.astype(np.float64)
    totals, rows = counts.sum(axis=(1, 2)), counts.mean(axis=2)
    ratio = np.divide(counts.var(axis=2, ddof=1), rows, out=np.full_like(rows, np.nan), where=rows > 0)
    second = counts.sum(axis=1) @ np.exp(2j * PHI)
    return {
        "total": totals,
        "largest bin": counts.max(axis=(1, 2)),
        "variance / mean along phi": np.nanmean(ratio, axis=1),
        "row of the peak": rows.argmax(axis=1).astype(np.float64),
        "size of v2": np.abs(second) / totals,
        "phase of v2 [deg]": np.degrees(np.angle(second) / 2) % 180,
        "mean pT [GeV]": (rows * (np.arange(24) + 0.5) / 12).sum(axis=1) / rows.sum(axis=1),
    }


def summary(events: Events) -> dict[str, Any]:
    """Of single draws: quantiles of the observables, means in both classes with errors from independent events."""
    single = np.asarray(events["kind"]) == 0
    found, label = observables(np.asarray(events["pion_spectrum"])[single]), np.asarray(events.y)[single]
    event = np.asarray(events["event_id"])[single]
    out: dict[str, Any] = {}
    for name, values in found.items():
        classes = [by_event(values[label == k], event[label == k]) for k in (0, 1)]
        out[name] = {"quantiles": np.quantile(values, [0.05, 0.5, 0.95]).tolist(), "classes": classes}
    return out


def by_event(values: NDArray[Any], event: NDArray[np.int64]) -> list[float]:
    """Mean of ``values`` and its error: spectra of one event are not independent, events are."""
    _, index = np.unique(event, return_inverse=True)
    n = np.bincount(index)
    residual = np.bincount(index, values - values.mean())
    return [float(values.mean()), float(np.sqrt((residual**2).sum()) / n.sum())]


def scores(folder: Path) -> dict[str, Any]:
    """Trainings on the default events: accuracy and AUC on test, with errors that draw hydrodynamic events."""
    sample = EOSL.at(folder, source="generated")
    out = {}
    for name, epochs in EPOCHS.items():
        recipe = load_recipe(name, EOSL)
        if epochs:
            recipe = dataclasses.replace(recipe, max_epochs=epochs)
        run = pd4ml.train(sample, recipe, seed=SEED, runs_dir=folder / "runs", threads=1)
        found: dict[str, Any] = {
            m: [v.value, v.error] for m, v in run.record.metrics.items() if m in ("accuracy", "auc")
        }
        output, test = run.predict(sample).output, sample.open("test")
        right = (np.asarray(output) > 0) == np.asarray(test.y).astype(bool)
        for kind, what in ((0, "single draws"), (1, "means")):
            mine = np.asarray(test["kind"]) == kind
            found[what] = by_event(right[mine].astype(np.float64), np.asarray(test["event_id"])[mine])
        out[name] = {**found, "epochs": epochs or recipe.max_epochs}
    return out


def curve(folder: Path) -> dict[str, list[float]]:
    """AUC of boosted trees by the number of training spectra."""
    sample, out = EOSL.at(folder, source="generated"), dict[str, list[float]]()
    for n in (2_500, 5_000, 10_000, None):
        run = pd4ml.train(sample, "gbdt", seed=SEED, runs_dir=folder / "runs", n_train=n, threads=1)
        auc = run.record.metrics["auc"]
        out[str(n or len(sample.open("train")))] = [auc.value, auc.error or 0.0]
    return out


def hierarchy(folder: Path) -> dict[str, Any]:
    """AUC of boosted trees on the same hydrodynamic events: one draw, means of 30, and no noise."""
    EOSL.generate(
        *(folder, N_HIERARCHY),
        seed=SEED + 1,
        workers=1,
        variant="sharp",
        spectra_per_event=1,
        coarse_share=1.0,
        draws=SHARPEST,
    )
    parts = [EOSL.open(split, folder, source="generated", variant="sharp") for split in ("train", "test")]
    expected = np.concatenate([np.asarray(p["pion_spectrum"], np.float64) for p in parts])
    label = np.concatenate([np.asarray(p.y) for p in parts])
    rng, out = np.random.default_rng(SEED), dict[str, Any]()
    for name, draws in NOISE.items():
        copies = 1 if draws == SHARPEST else 4
        event = np.tile(np.arange(len(expected)), copies)
        spectra = rng.poisson(draws * expected[event]) / draws if copies > 1 else expected
        table = np.column_stack(list(EOSL.summary({"pion_spectrum": spectra.astype(np.float32)}).values()))
        flat = np.empty(len(event))
        for seen, held in GroupKFold(5).split(table, groups=event):
            trees = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, random_state=SEED)
            flat[held] = trees.fit(table[seen], label[event[seen]]).predict_proba(table[held])[:, 1]
        score = flat.reshape(copies, -1)
        picks = rng.integers(len(expected), size=(200, len(expected)))
        spread = np.std([np.mean([roc_auc_score(label[p], s[p]) for s in score]) for p in picks])
        out[name] = [float(np.mean([roc_auc_score(label, s) for s in score])), float(spread)]
    return out


def measured() -> list[dict[str, Any]]:
    """Positive pions of measured systems, freeze-out at 137.5 MeV: dN/dy, mean pT in GeV, root mean square v2."""
    pt, out = (np.arange(60) + 0.5) / 15, []
    bin_size = (pt[1] - pt[0]) * np.pi / 12
    for name, centralities in MEASURED.items():
        for low, high in centralities:
            rows: dict[str, list[list[float]]] = {}
            for k in range(N_MEASURED):
                rng = np.random.default_rng(k)
                b = impact_parameter(SYSTEMS[name], low + (k + 0.5) / N_MEASURED * (high - low))
                density = entropy_density(collide(SYSTEMS[name], b, 1.0, rng), 0.5, 100, 0.4, 0.5)
                for eos in (s95p(), eosq(), s95p_pce()):
                    fluid = Fluid(eos.energy_of_entropy(density), 0.5, 0.4, eos)
                    (surface,) = freeze_out(fluid, [0.1375])
                    for what, s in (
                        (eos.name, all_pions(surface, pt, PHI, eos)),
                        (f"{eos.name}, direct", pion_spectrum(surface, pt, PHI) if eos is s95p() else None),
                    ):
                        if s is not None:
                            v2 = abs((s * np.exp(2j * PHI)).sum()) / s.sum()
                            moments = [s.sum() * bin_size / 3, (s * pt[:, None]).sum() / s.sum(), v2**2]
                            rows.setdefault(what, []).append([float(m) for m in moments])
            for what, values in rows.items():
                number, mean_pt, square = np.mean(values, axis=0)
                error = np.std(values, axis=0, ddof=1) / np.sqrt(N_MEASURED)
                v2 = [float(np.sqrt(square)), float(error[2] / (2 * np.sqrt(square)))]
                found = {"pions": [number, error[0]], "mean_pt": [mean_pt, error[1]], "v2": v2}
                out.append({"system": name, "centrality": [low, high], "eos": what, **found})
    return out


def grids() -> list[dict[str, Any]]:
    """Pions of two events with both equations of state, on three grids."""
    out = []
    for seed, (name, centrality) in enumerate((("Au+Au", 10.0), ("Pb+Pb", 30.0))):
        system = SYSTEMS[name]
        collision = collide(system, impact_parameter(system, centrality), 1.0, np.random.default_rng(seed))
        for eos in (s95p(), eosq()):
            found = {grid: on_grid(collision, eos, cell, coarsen) for grid, (cell, coarsen) in GRIDS.items()}
            out.append({"event": f"{name}, {centrality:.0f} %, {eos.name}", **found})
    return out


def on_grid(collision: Collision, eos: EquationOfState, cell: float, coarsen: int) -> list[float]:
    """Number of pions, mean pT (GeV) and v2."""
    density = entropy_density(collision, 0.4, round(32 / cell), cell, 0.5)
    fluid = Fluid(eos.energy_of_entropy(density), 0.4, cell, eos)
    (surface,) = freeze_out(fluid, [0.14], coarsen=coarsen)
    pt = (np.arange(24) + 0.5) / 12
    spectrum = pion_spectrum(surface, pt, PHI)
    total = spectrum.sum()
    v2 = abs((spectrum * np.exp(2j * PHI)).sum()) / total
    return [float(total * np.pi / 144), float((spectrum * pt[:, None]).sum() / total), float(v2)]


def draw(events: Events) -> None:
    """The first two spectra of each class and kind, of different hydrodynamic events."""
    figure, axes = plt.subplots(2, 4, figsize=(11, 5.2), layout="constrained")
    label, kind, event = np.asarray(events.y), events["kind"], events["event_id"]
    for row, (k, title) in zip(axes, enumerate(("one draw", "mean of 30")), strict=True):
        rows = [np.flatnonzero((label == c) & (kind == k)) for c in (0, 1)]
        picked = [i for found in rows for i in found[np.sort(np.unique(event[found], return_index=True)[1])[:2]]]
        for ax, i in zip(row, picked, strict=True):
            spectrum = events["pion_spectrum"][int(i)]
            shown = ax.imshow(spectrum, origin="lower", extent=(0, 2 * np.pi, 0, 2), aspect="auto")
            ax.set_title(f"{('EOSL', 'EOSQ')[label[i]]}, {title}: {spectrum.sum():.0f} pions", fontsize="small")
            plt.colorbar(shown, ax=ax)
        row[0].set_ylabel("pT [GeV]")
    for ax in axes[1]:
        ax.set_xlabel("azimuth")
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / "examples.png", dpi=65)
    plt.close(figure)


def spectra(folder: Path) -> dict[str, Any]:
    """The default events against the published numbers; draws the figure."""
    train = EOSL.open("train", folder, source="generated")
    draw(train)
    sizes = [EOSL.open(split, folder, source="generated") for split in ("train", "test")]
    return {
        "events": [[len(e), len(np.unique(e["event_id"]))] for e in sizes],
        "rapidity": Config().rapidity,
        "observables": summary(train),
    }


PARTS = {
    "spectra": spectra,
    "measured": lambda folder: measured(),
    "grids": lambda folder: grids(),
    "hierarchy": hierarchy,
    "scores": scores,
    "curve": curve,
}


def main() -> None:
    """Generate, measure, train, draw; write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "demo" / "evidence"
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    EOSL.generate(folder, N_EVENTS, seed=SEED)
    for part in sys.argv[2:] or PARTS:
        record[part] = PARTS[part](folder)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
