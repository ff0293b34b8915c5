"""What inference is worth: against exact answers, on air showers and collisions, and which array tells most.

``python evidence/methods_inference/evidence.py [PART ...] [--path A] [--out B]`` measures the parts that are named
(all if none is), with datasets and inferences in two folders (of demo if not given), keeps the numbers in
``numbers.json`` and has ``page.py`` write them into docs/how_to/inference.md. What is not there is generated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import pd4ml
from pd4ml.benchmark.infer import Question, infer, observe
from pd4ml.dataset import Dataset
from pd4ml.methods.infer.design import posterior_bound
from pd4ml.report.inference import inference_picture
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_bytes
from pd4ml.training import load_recipe

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))
from moons import measure as two_moons  # noqa: E402

from helpers import linear_design, normal_sets  # noqa: E402

RECORD = HERE / "numbers.json"
SPACINGS, TRIGGERS = (750.0, 1100.0, 1500.0, 2000.0), (1.2, 1.8)
N_SHOWERS, N_FOLDS = 2400, 4


def toy(path: Path, out: Path) -> dict[str, Any]:
    """Exact ln posterior minus that of PAIRS, of sets of 500, for two seeds."""
    rows = []
    for seed in (1, 2):
        found = normal_sets.measure(seed=seed)
        difference = found["exact"] - found["pairs"]
        error = float(difference.std() / np.sqrt(len(difference)))
        nll = {name: -float(found[name].mean()) for name in ("exact", "pairs", "stage")}
        rows.append({"seed": seed, **nll, "difference": float(difference.mean()), "error": error})
    return {"rows": rows}


def linear(path: Path, out: Path) -> dict[str, Any]:
    """Bounds of a linear and normal experiment, against the exact information."""
    sizes = {"n_train": 12_000, "n_test": 2000, "n_others": 255}
    return {str(design): linear_design.measure(design, **sizes) for design in (0.5, 1.0, 2.0, 3.0)}


def moons(path: Path, out: Path) -> dict[str, Any]:
    """C2ST of two moons from 10,000 simulations, for three observations."""
    return {"c2st": two_moons()}


def showers(path: Path, out: Path) -> dict[str, Any]:
    """The share of iron among showers of protons and iron."""
    question, select = Question("primary", 56.0), "primary == 1 or primary == 56"
    return _inferred(_generated(pd4ml.Airshower, path).select(select), "filter_net_quick", 8, question, 100, out)


def many_showers(path: Path, out: Path) -> dict[str, Any]:
    """The same of sets of 500, which need many showers, with trees as the encoder."""
    sample = _generated(pd4ml.Airshower, path, 60_000, "proton_iron")
    return _inferred(sample, "gbdt", None, Question("primary", 56.0), 500, out, "Airshower_500")


def collisions(path: Path, out: Path) -> dict[str, Any]:
    """The share of collisions with a transition of first order."""
    return _inferred(_generated(pd4ml.EOSL, path), "eosl_cnn_quick", 2, Question("label", 1.0), 50, out)


def jets(path: Path, out: Path) -> dict[str, Any]:
    """The energy scale of a calorimeter, from jets of which half are of top quarks."""
    drawn = {"energy_scale": "uniform:0.95,1.05"}
    sample = _generated(pd4ml.TopTagging, path, variant="drawn_energy_scale", draw=drawn)
    return _inferred(sample, "gbdt", None, Question("energy_scale", window=0.1), 100, out)


def _generated(
    dataset: type[Dataset], path: Path, n_events: int = 20_000, variant: str = "default", **options: Any
) -> Sample:
    dataset.generate(path, n_events, seed=1, variant=variant, **options)
    return dataset.at(path, source="generated", variant=variant)


def _inferred(
    sample: Sample, recipe: str, epochs: int | None, question: Question, n_events: int, out: Path, name: str = ""
) -> dict[str, Any]:
    name = name or sample.dataset.name
    chosen, folder = load_recipe(recipe, sample.dataset), out / name
    chosen = chosen.override(max_epochs=epochs) if epochs else chosen
    found = infer(sample, chosen, question, n_events=n_events, folder=folder)
    figure = HERE.parents[1] / "docs" / "figures" / f"inference_{name}.png"
    write_bytes(figure, inference_picture(found).png)
    kept = {name: found[name] for name in ("parameter", "asked", "events", "independent", "valid_loss", "sizes")}
    if question.value is None:
        return kept
    truth = float((np.asarray(sample.open("test")[question.array]) == question.value).mean())
    return {**kept, "observed": observe(folder, sample), "observed_share": truth}


def arrays(path: Path, out: Path) -> dict[str, Any]:
    """Information on whether a shower is of a proton or of iron, for spacings and triggers of the array.

    A bound from below, by boosted trees on summary features in folds. A higher trigger silences more stations of
    the same showers.
    """
    rows = []
    for spacing in SPACINGS:
        settings = {"primaries": {"p": 1.0, "Fe": 1.0}, "spacing": spacing, "core_radius": spacing / 2}
        simulator = pd4ml.Airshower.simulator()
        events = simulator.simulate(N_SHOWERS, np.random.SeedSequence(1), simulator.config(settings), "train")
        for trigger in TRIGGERS:
            seen = _silenced(dict(events), trigger)
            rows.append({"spacing": spacing, "trigger": trigger, **_information(seen)})
    return {"showers": N_SHOWERS, "rows": rows}


def _silenced(events: dict[str, Any], trigger: float) -> dict[str, Any]:
    silent = events["traces"].sum(-1) < trigger * 80 * 1.2
    traces, times = (np.where(silent[..., None], -1, events[name]) for name in ("traces", "arrival_time"))
    return {**events, "traces": traces.astype(np.float32), "arrival_time": times.astype(np.float32)}


def _information(events: dict[str, Any]) -> dict[str, Any]:
    """In nats: of a shower that falls on the middle of the array, and of one that three stations see."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict

    columns = np.column_stack(list(pd4ml.Airshower.summary(events).values()))
    iron = events["primary"] == 56
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=120, max_leaf_nodes=8, early_stopping=False, random_state=1
    )
    p = cross_val_predict(trees, columns, iron, cv=N_FOLDS, method="predict_proba")[:, 1]
    log_p = np.log(np.where(iron, p, 1 - p))
    seen = (events["traces"].reshape(len(iron), 81, 80)[..., 0] >= 0).sum(1) >= 3
    kinds = {"generated": np.ones_like(seen), "triggered": seen}
    found = {name: posterior_bound(log_p[which], float(np.log(2))) for name, which in kinds.items()}
    plain = {name: [of.value, of.error] for name, of in found.items()}
    return {**plain, "seen": float(seen.mean())}


PARTS = {
    "toy": toy,
    "linear": linear,
    "moons": moons,
    "showers": showers,
    "many_showers": many_showers,
    "collisions": collisions,
    "jets": jets,
    "arrays": arrays,
}


def main() -> None:
    """Measure, keep, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--path", type=Path, default=HERE.parents[1] / "demo" / "datasets")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "demo" / "inferences")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        found = PARTS[name](options.path, options.out)
        record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        RECORD.write_text(json.dumps({**record, name: found}, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
