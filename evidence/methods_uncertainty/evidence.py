"""What can be trusted: temperatures, ensembles and conformal coverage of the plan ``standard``, on five datasets.

``python evidence/methods_uncertainty/evidence.py [DATASETS RUNS [VARIANTS]]`` takes the finished runs in RUNS that
were trained on all events in DATASETS, and keeps in ``numbers.json`` what ``page.py`` writes into
docs/how_to/uncertainty.md. Without arguments the plan is run first, into demo/standard: hours; what is finished is
not repeated. From finished runs it takes two minutes, most of them for variants, which are made in VARIANTS
(DATASETS if not given). Nothing is chosen by the test events but the best member that an ensemble is held against.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark.derive import events_of, test_predictions, valid_predictions
from pd4ml.benchmark.intervals import Judged, Quantiles, level
from pd4ml.benchmark.record import find_records, read_record
from pd4ml.benchmark.run import Run
from pd4ml.benchmark.shift import make_variants
from pd4ml.dataset import Dataset
from pd4ml.evaluation.truth import events_truth
from pd4ml.methods.calibration import fit_isotonic, fit_temperature, log_losses
from pd4ml.methods.ensemble import mean_logits
from pd4ml.metrics.by_task import metrics
from pd4ml.metrics.measurement import bootstrap_weights

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
COVERAGES = (0.68, 0.90)
DATASETS = ("TopTagging", "Spinodal", "EOSL", "Airshower", "Belle")
# Events of each variant, train and test together.
VARIANTS = {
    "TopTagging": (4500, ("scale_up", "scale_down", "mpi_off", "tune_a14")),
    "EOSL": (20_000, ("shift",)),
    "Airshower": (1500, ("proton", "iron", "signal_up", "noise_up", "dense")),
    "Belle": (1500, ("resolution_up", "tracking_down", "photons_down", "background_up")),
}


def largest(runs: Path, name: str) -> list[Run]:
    """Finished runs on all training events, one of each recipe and seed; of those that predict the same only one.

    Trees that draw nothing at random are the same for each seed.
    """
    files = [file for file in find_records(runs) if file.parent.name.startswith(f"{name}-")]
    found = [run for file in files if not (run := Run(read_record(file))).record.parents]
    most = max(n_events(run) for run in found)
    by_hash = {run.record.predictions["sha256"]: run for run in reversed(found) if n_events(run) == most}
    return list(by_hash.values())[::-1]


def n_events(run: Run) -> int:
    """So many events was it trained and validated on."""
    return int(run.record.events["train"] + run.record.events["valid"])


def judged(runs: list[Run], path: Path) -> list[tuple[Judged, Judged]]:
    """Predictions of the validation and the test events, with their truth."""
    pairs = []
    for run in runs:
        material = events_of([run], path)
        card = Dataset.datasets_register.find(run.record.dataset["name"], path).card
        of = ((valid_predictions(run), material.valid), (test_predictions(run), material.test))
        valid, test = (Judged.of(predictions, events_truth(card, events)) for predictions, events in of)
        pairs.append((valid, test))
    return pairs


def calibrations(runs: list[Run], pairs: list[tuple[Judged, Judged]]) -> list[dict[str, Any]]:
    """Of each run: the temperature, and log-loss and calibration error before and after both calibrations."""
    rows = []
    for run, (valid, test) in zip(runs, pairs, strict=True):
        logits, truth = np.asarray(test.predictions.output, np.float64), test.truth
        fit = np.asarray(valid.predictions.output, np.float64)
        found = fit_temperature(fit, valid.truth.values, group=valid.group)
        curve = fit_isotonic(fit, valid.truth.values)
        p = np.interp(logits, curve["x"], curve["p"])
        row = {"recipe": run.record.recipe["name"], "seed": run.record.seed, "temperature": asdict(found)}
        outputs = {"before": logits, "temperature": logits / found.value, "isotonic": np.log(p / (1 - p))}
        for name, output in outputs.items():
            output32 = output.astype(np.float32)  # as predictions are kept
            measured = metrics("classification", output32, truth.values, group=truth.group, n_resamples=30)
            row[f"metrics_{name}"] = {k: asdict(measured[k]) for k in ("auc", "log_loss", "calibration_error")}
        rows.append(row)
    return rows


def losses(output: NDArray[Any], test: Judged) -> NDArray[np.float64]:
    """(N,) what the mean of is the log-loss, or the mean squared error."""
    if test.truth.task == "regression":
        return np.asarray((output - test.truth.values.astype(np.float64)) ** 2)
    return log_losses(output, test.truth.values)


def ensembles(runs: list[Run], pairs: list[tuple[Judged, Judged]]) -> dict[str, Any]:
    """Losses of members and of ensembles; differences from the best member with paired bootstrap errors.

    The seeds of each recipe, and the five runs of the least validation losses.
    """
    test = pairs[0][1]
    outputs = [np.asarray(pair[1].predictions.output, np.float64) for pair in pairs]
    valid = [float(losses(np.asarray(v.predictions.output, np.float64), v).mean()) for v, _ in pairs]
    recipes = [run.record.recipe["name"] for run in runs]
    chosen = {name: [i for i, of in enumerate(recipes) if of == name] for name in dict.fromkeys(recipes)}
    chosen = {name: members for name, members in chosen.items() if len(members) > 1}
    chosen["five"] = sorted(range(len(runs)), key=lambda i: valid[i])[:5]
    single = np.stack([losses(output, test) for output in outputs])
    body: dict[str, Any] = {"loss": "mse" if test.truth.task == "regression" else "log_loss", "of": {}}
    for name, members in chosen.items():
        parts = [outputs[i] for i in members]
        joined = losses(np.mean(parts, axis=0) if body["loss"] == "mse" else mean_logits(parts), test)
        best = single[members][np.argmin(single[members].mean(axis=1))]
        rng = np.random.default_rng(0)
        drawn = [w @ (joined - best) / w.sum() for w in bootstrap_weights(rng, len(joined), 200, test.group)]
        body["of"][name] = {
            "members": [f"{recipes[i]}, seed {runs[i].record.seed}" for i in members],
            "mean_member": float(single[members].mean()),
            "best_member": float(best.mean()),
            "ensemble": float(joined.mean()),
            "difference": [float((joined - best).mean()), float(np.std(drawn, ddof=1))],
        }
    return body


def coverages(runs: list[Run], pairs: list[tuple[Judged, Judged]]) -> dict[str, Any]:
    """For each coverage: the share that each run holds, and the parts of the run with the least width or sets."""
    out: dict[str, Any] = {}
    for wanted in COVERAGES:
        levels = [level(Quantiles.fit(valid, wanted), valid, test) for valid, test in pairs]
        narrow = min(range(len(runs)), key=lambda i: levels[i]["all"]["size"])
        names = [f"{run.record.recipe['name']}, seed {run.record.seed}" for run in runs]
        shares = {name: each["all"] for name, each in zip(names, levels, strict=True)}
        out[f"{wanted:g}"] = {"runs": shares, "narrowest": names[narrow], "parts": levels[narrow]}
    return out


def varied(run: Run, pair: tuple[Judged, Judged], path: Path, name: str) -> dict[str, Any]:
    """Coverage of one run on variants."""
    dataset = Dataset.datasets_register.find(name, path)
    n_events, names = VARIANTS[name]
    valid, out = pair[0], dict[str, Any]()
    for variant in make_variants(dataset, list(names), path, 1, n_events, 1):
        events = dataset.at(path, source="generated", variant=variant).open("test")
        of = Judged.of(run.predict(events), events_truth(dataset.card, events))
        out[variant] = [level(Quantiles.fit(valid, c), valid, of) for c in COVERAGES]
    return {"recipe": run.record.recipe["name"], "seed": run.record.seed, "variants": out}


def main() -> None:
    """Measure, keep the numbers, write the page."""
    demo = HERE.parents[1] / "demo" / "standard"
    path, runs = (Path(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (demo / "datasets", demo / "runs")
    variants = Path(sys.argv[3]) if len(sys.argv) > 3 else path
    if not find_records(runs):
        line = [sys.executable, "-m", "pd4ml", "benchmark", "standard", "--path", str(path), "--runs", str(runs)]
        subprocess.run(line, check=True)
    record: dict[str, Any] = {}
    for name in DATASETS:
        chosen = largest(runs, name)
        print(f"{name}: {len(chosen)} runs", file=sys.stderr, flush=True)
        pairs = judged(chosen, path)
        valid, test = pairs[0]
        facts = {"valid": len(valid.truth), "test": len(test.truth), "task": test.truth.task}
        record[name] = {**facts, "fingerprint": chosen[0].record.dataset["fingerprint"]}
        if test.truth.task == "classification":
            record[name]["calibration"] = calibrations(chosen, pairs)
        record[name]["ensembles"] = ensembles(chosen, pairs)
        record[name]["coverage"] = coverages(chosen, pairs)
        if name in VARIANTS:
            i = next(i for i, run in enumerate(chosen) if run.record.recipe["name"] == "gbdt")
            record[name]["varied"] = varied(chosen[i], pairs[i], variants, name)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
