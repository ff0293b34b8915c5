"""What methods against a nuisance reach: on a toy with an exact optimum, on jets, showers and collisions.

``python evidence/methods_decorrelation/evidence.py FOLDER [RUNS] [toy|jets|shift|showers|spectra ...]`` takes
TopTagging, Airshower and EOSL from FOLDER, 20,000 events each, and generates what is missing; all parts by
default. A network of three dense layers is trained on their summary features, so that a training takes seconds,
each in all variants of the method. For the effect on shifts, boosted trees and the same, flattened, see variants
of 4,500 other jets, in FOLDER/shift. Numbers go to ``numbers.json``, from which ``page.py`` writes the tables and
the plot of docs/how_to/decorrelation.md. What is trained is not trained again. Ten minutes of a core, generation
apart.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import pd4ml
from pd4ml.benchmark.decorrelate import flatten_run, sculpting_of_run
from pd4ml.benchmark.run import Run
from pd4ml.benchmark.shift import shift
from pd4ml.dataset import Dataset
from pd4ml.evaluation.truth import events_truth
from pd4ml.metrics.decorrelation import sculpting
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_text
from pd4ml.training import Recipe

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))
RECORD = HERE / "numbers.json"
N_EVENTS, SEEDS, N_RESAMPLES = 20_000, (1,), 200
N_SHIFTED, VARIANTS = 4500, ("scale_up", "scale_down", "tune_a14", "mpi_off")

JETS: dict[str, dict[str, Any]] = {
    "plain": {"kind": "supervised"},
    "planing": {"kind": "planing", "quantity": "mass"},
    **{
        f"DisCo, strength {s:g}": {"kind": "disco", "nuisance": "mass", "strength": s}
        for s in (2.0, 4.0, 10.0, 30.0)
    },
    **{f"adversary, strength {s:g}": {"kind": "pivot", "nuisance": "mass", "strength": s} for s in (2.0, 10.0)},
}
SHOWERS: dict[str, dict[str, Any]] = {
    "plain": {"kind": "supervised"},
    **{f"DisCo, strength {s:g}": {"kind": "disco", "nuisance": "primary", "strength": s} for s in (300.0, 3000.0)},
}
SPECTRA: dict[str, dict[str, Any]] = {
    "plain": {"kind": "supervised"},
    **{
        f"DisCo, strength {s:g}": {"kind": "disco", "nuisance": "freeze_out", "strength": s, "classes": [0, 1]}
        for s in (1.0, 3.0, 10.0, 30.0)
    },
}
_OF_TOY: dict[str, Any] = {"nuisance": "z", "classes": [1]}
TOY: dict[str, dict[str, Any]] = {
    "plain": {"kind": "supervised"},
    **{f"DisCo, strength {s:g}": {"kind": "disco", "strength": s, **_OF_TOY} for s in (2.0, 5.0, 20.0)},
    "adversary, strength 5": {"kind": "pivot", "strength": 5.0, **_OF_TOY},
    "told z": {"kind": "parametrised", "nuisance": "z"},
}


def recipe(name: str, width: int, **changes: Any) -> Recipe:
    """Three dense layers and a cycle of the learning rate; settings that all methods of a part share."""
    values = {
        "name": name.replace(", ", "-").replace(" ", "_"),
        "model": "fcn",
        "description": "a network for evidence",
        "reference": "",
        "batch_size": 512,
        "patience": 1000,
        "min_delta": 0.0,
        "schedule": {"kind": "one_cycle"},
        "hyperparameters": {"width": width, "depth": 3},
    }
    return Recipe.from_dict({**values, **changes})


def summaries(dataset: type[Dataset], path: Path, name: str, **extras: str) -> Sample:
    """The summary features of both splits as a dataset, with arrays or features that no network sees."""
    if not dataset.folder(path, "generated").exists():
        dataset.generate(path, N_EVENTS, seed=1)
    sample = dataset.at(path, source="generated")
    x, y, kept, split = [], [], [], []
    for part in ("train", "test"):
        events = sample.open(part)
        names, features = dataset.summary_features(dict(events.items()))
        x.append(features)
        y.append(np.asarray(events.y))
        columns = dict(zip(names, features.T, strict=True))
        kept.append([columns[of] if of in columns else np.asarray(events[of]) for of in extras.values()])
        split += [part] * len(events)
    table = dict(zip(names, np.concatenate(x).T, strict=True))
    arrays = dict(zip(extras, map(np.concatenate, zip(*kept, strict=True)), strict=True))
    group = arrays.pop("group", None)
    return pd4ml.own_data(
        table, np.concatenate(y), path, name=name, task=dataset.card.task, extras=arrays, graph="none",
        split=np.array(split), group=group, classes=dataset.card.classes,
    )  # fmt: skip


def train(sample: Sample, name: str, method: dict[str, Any], runs: Path, seed: int, **settings: Any) -> Run:
    """A run of a method, in one thread."""
    return pd4ml.train(sample, recipe(name, method=method, **settings), seed=seed, runs_dir=runs, threads=1)


def of_jets(path: Path, runs: Path) -> dict[str, Any]:
    """Rejection and 1/JSD of the jet mass of each method, for each seed."""
    sample = summaries(pd4ml.TopTagging, path, "JetNumbers", mass="mass", group="event_id")
    found: dict[str, Any] = {}
    for seed in SEEDS:
        for name, method in JETS.items():
            settings: dict[str, Any] = {"width": 64, "learning_rate": 5e-3, "max_epochs": 30}
            run = train(sample, name, method, runs, seed, **settings)
            each = {name: run}
            if name == "plain":
                each["plain, then flattened"] = flatten_run(run, path, of="mass")
            for label, one in each.items():
                measured = sculpting_of_run(one, path, of="mass")
                found.setdefault(label, []).append({key: asdict(value) for key, value in measured.items()})
    return found


def of_shift(path: Path, runs: Path) -> dict[str, Any]:
    """Efficiencies at thresholds fixed on nominal jets, there and under variants, of a run before and after."""
    plain = pd4ml.train(pd4ml.TopTagging.at(path, source="generated"), "gbdt", runs_dir=runs, threads=1)
    other = path / "shift"
    if not pd4ml.TopTagging.folder(other, "generated").exists():
        pd4ml.TopTagging.generate(other, N_SHIFTED, seed=1)
    found: dict[str, Any] = {}
    for name, run in {"plain": plain, "flattened": flatten_run(plain, path, of="mass")}.items():
        body = shift(run, other, n_events=N_SHIFTED, variants=VARIANTS)
        found[name] = {"nominal": body["nominal"]["metrics"]}
        found[name] |= {one["variant"]: one["difference"] for one in body["variants"]}
    return found


def of_showers(path: Path, runs: Path) -> dict[str, Any]:
    """Resolution, and bias of Xmax of each primary, with bootstrap errors, for each seed."""
    sample = summaries(pd4ml.Airshower, path, "ShowerNumbers", primary="primary")
    events = sample.open("test")
    primary, y, rng = np.asarray(events["primary"]), np.asarray(events.y, np.float64), np.random.default_rng(0)
    found: dict[str, Any] = {}
    for seed in SEEDS:
        for name, method in SHOWERS.items():
            settings: dict[str, Any] = {"width": 64, "learning_rate": 5e-3, "max_epochs": 30}
            residual = train(sample, name, method, runs, seed, **settings).predict(events).output - y

            def numbers(rows: Any, residual: Any = residual) -> list[float]:
                kinds = [residual[rows][primary[rows] == k] for k in np.unique(primary)]
                means = [float(one.mean()) for one in kinds]
                return [float(residual[rows].std()), *means, max(means) - min(means)]

            resampled = [numbers(rng.integers(len(y), size=len(y))) for _ in range(N_RESAMPLES)]
            values, errors = numbers(np.arange(len(y))), np.std(resampled, axis=0, ddof=1).tolist()
            found.setdefault(name, []).append([list(pair) for pair in zip(values, errors, strict=True)])
    return {"primaries": [int(k) for k in np.unique(primary)], "methods": found}


def of_spectra(path: Path, runs: Path) -> dict[str, Any]:
    """AUC, and KS of each class between low and high freeze-out, there and by chance, for each seed."""
    sample = summaries(pd4ml.EOSL, path, "SpectrumNumbers", freeze_out="freeze_out", group="event_id")
    truth = events_truth(sample.dataset.card, sample.open("test"))
    _, first, collision = np.unique(np.asarray(truth.group), return_index=True, return_inverse=True)
    of_collision = np.asarray(sample.open("test")["freeze_out"])[first]
    found: dict[str, Any] = {}
    for seed in SEEDS:
        for name, method in SPECTRA.items():
            settings: dict[str, Any] = {"width": 64, "learning_rate": 5e-3, "max_epochs": 30}
            run, rng = train(sample, name, method, runs, seed, **settings), np.random.default_rng(0)
            measured = {key: asdict(one) for key, one in sculpting_of_run(run, path, of="freeze_out").items()}
            score, chance = run.predict(sample).output, []
            for _ in range(N_RESAMPLES):
                shuffled = rng.permutation(of_collision)[collision]
                by_chance = sculpting(score, truth.values, shuffled, n_resamples=2)
                chance.append([by_chance[f"ks_{k}"].value for k in (0, 1)])
            for k, (mean, error) in enumerate(zip(*(f(chance, axis=0) for f in (np.mean, np.std)), strict=True)):
                measured[f"ks_{k}_by_chance"] = {"value": float(mean), "error": float(error)}
            found.setdefault(name, []).append(measured)
    return found


def of_toy(path: Path, runs: Path) -> dict[str, Any]:
    """AUC of all z, and the largest KS distance between the scores at z of -1, 0 and 1; the exact optimum."""
    from helpers.pivot_toy import (
        auc,
        best_given,
        best_pivot,
        best_score,
        every_toy,
        largest_ks,
        make_toy,
        shifted_toys,
    )  # fmt: skip

    sample, every, shifted = make_toy(path), every_toy(path), shifted_toys(path)
    events = every.open("test")
    label = np.asarray(events.y)
    x, fixed = np.asarray(events["x"]), [np.asarray(s.open("test")["x"]) for s in shifted]
    found: dict[str, Any] = {
        name: [[auc(score(x), label), largest_ks([score(each) for each in fixed])]]
        for name, score in (("best without a pivot, exact", best_score), ("best pivot, exact", best_pivot))
    }
    given = [best_given(each, np.asarray(s.open("test")["z"])) for each, s in zip(fixed, shifted, strict=True)]
    found["best that knows z, exact"] = [[auc(best_given(x, np.asarray(events["z"])), label), largest_ks(given)]]
    for seed in SEEDS:
        for name, method in TOY.items():
            settings: dict[str, Any] = {"width": 20, "learning_rate": 2e-2, "max_epochs": 20, "batch_size": 1024}
            if method["kind"] == "pivot":  # which needs smaller steps
                settings |= {"learning_rate": 5e-3, "batch_size": 512}
            run = train(sample, name, method, runs, seed, **settings)
            scores = [run.predict(each).output for each in shifted]
            found.setdefault(name, []).append([auc(run.predict(every).output, label), largest_ks(scores)])
    return found


PARTS = {"toy": of_toy, "jets": of_jets, "shift": of_shift, "showers": of_showers, "spectra": of_spectra}


def main(path: Path, runs: Path, parts: list[str]) -> None:
    """Measure the parts, one by one, and keep the others as they are."""
    for part in parts or list(PARTS):
        record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        record[part] = PARTS[part](path, runs / part)
        write_text(RECORD, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo/decorrelation")
    main(folder, Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "runs", sys.argv[3:])
