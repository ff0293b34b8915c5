"""Ways to say how sure a network is of a value, compared on one task: Xmax of Airshower.

``python evidence/methods_uncertainty_heads/evidence.py [FOLDER]`` generates 20,000 showers into FOLDER
(demo/methods_uncertainty_heads if none is given), trains what is missing there, and keeps the numbers in
``numbers.json``, from which ``page.py`` writes the table of docs/how_to/predicted_uncertainty.md. What is finished
is not repeated. A quarter of an hour of a core.

All networks are those of the recipe ``fcn_quick``. Whatever is fitted after the training (constant spreads,
factors of conformal intervals) is fitted on the validation part, by whose loss the best epoch was chosen, too.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pd4ml
from pd4ml.benchmark import Run, transform
from pd4ml.evaluation import Predictions, metrics
from pd4ml.evaluation.truth import events_truth
from pd4ml.methods.laplace import Laplace
from pd4ml.metrics.measurement import Measurement
from pd4ml.sample import Sample
from pd4ml.training.recipe import load_recipe

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
N_EVENTS, SEED = 20_000, 1
COVERAGE = 0.68
SEEDS = (1, 2, 3, 4, 5)  # of the networks without a method; all others are trained once, with the first
Z = NormalDist().inv_cdf((1 + COVERAGE) / 2)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """What is said of some events, each (N,): value, standard deviation, interval; and the truth."""

    truth: Floats
    value: Floats
    spread: Floats | None
    lower: Floats
    upper: Floats


def parts_of(run: Run, sample: Sample) -> tuple[Part, Part]:
    """Validation and test part as the run predicted them; without a spread the interval is the value itself."""
    found = []
    for name, split in (("predictions_valid.npz", "train"), ("predictions.npz", "test")):
        said = Predictions.read(run.folder / name, "regression")
        truth = events_truth(sample.card, sample.open(split).choose(said.event_id)).values.astype(np.float64)
        value = said.output.astype(np.float64)
        known = {key: values.astype(np.float64) for key, values in said.spreads.items()}
        sigma = known.get("spread")
        half = 0.0 if sigma is None else Z * sigma
        found.append(Part(truth, value, sigma, known.get("lower", value - half), known.get("upper", value + half)))
    return found[0], found[1]


def with_constant(valid: Part, test: Part, variance: Sequence[Any] = (0.0, 0.0)) -> tuple[Part, Part]:
    """With the standard deviation that the residuals of the validation part leave beside ``variance``."""
    rest = max(float(np.mean((valid.value - valid.truth) ** 2 - variance[0])), 0.0)
    made = []
    for part, own in zip((valid, test), variance, strict=True):
        sigma = np.sqrt(rest + own) * np.ones(len(part.truth))
        made.append(replace(part, spread=sigma, lower=part.value - Z * sigma, upper=part.value + Z * sigma))
    return made[0], made[1]


def together(parts: Sequence[tuple[Part, Part]]) -> tuple[Part, Part]:
    """The ensemble of networks, with the spread of its members and a constant one."""
    values = [np.stack([each[i].value for each in parts]) for i in (0, 1)]
    means = [replace(parts[0][i], value=values[i].mean(axis=0)) for i in (0, 1)]
    return with_constant(means[0], means[1], [v.var(axis=0, ddof=1) for v in values])


def conformal(valid: Part, test: Part) -> tuple[Floats, Floats]:
    """Intervals of the test part that cover by construction, from what the validation part needs.

    Intervals of a spread are stretched (split conformal, normalised scores), quantiles are widened by a constant
    (arXiv:1905.03222). The constant is the score of rank ceil((n + 1) COVERAGE).
    """
    rank = math.ceil((len(valid.truth) + 1) * COVERAGE) - 1
    if valid.spread is None or test.spread is None:
        by = np.sort(np.maximum(valid.lower - valid.truth, valid.truth - valid.upper))[rank]
        return test.lower - by, test.upper + by
    factor = np.sort(np.abs(valid.value - valid.truth) / valid.spread)[rank]
    return test.value - factor * test.spread, test.value + factor * test.spread


def numbers(valid: Part, test: Part) -> dict[str, Measurement]:
    """The columns of the table, of the test part, with bootstrap errors."""
    lower, upper = conformal(valid, test)
    found = metrics("regression", test.value, test.truth, spread=test.spread, lower=test.lower, upper=test.upper)
    adjusted = metrics("regression", test.value, test.truth, lower=lower, upper=upper)
    found |= {f"conformal_{name}": adjusted[name] for name in ("coverage", "half_width")}
    inside = (lower <= test.truth) & (test.truth <= upper)
    quartile = np.searchsorted(np.quantile(test.value, (0.25, 0.5, 0.75)), test.value)
    for q in range(4):
        share = float(inside[quartile == q].mean())
        found[f"quartile_{q}"] = Measurement(share, math.sqrt(share * (1 - share) / (quartile == q).sum()))
    return found


def networks(sample: Sample, runs: Path) -> dict[str, list[Run]]:
    """All runs, by method."""
    plain = load_recipe("fcn_quick", pd4ml.Airshower)
    found = {"one network": [pd4ml.train(sample, plain, seed=s, runs_dir=runs, threads=1) for s in SEEDS]}
    for kind in ("gaussian", "quantiles", "swag"):
        recipe = plain.override(name=f"fcn_quick-{kind}", method={"kind": kind})
        found[kind] = [pd4ml.train(sample, recipe, seed=SEEDS[0], runs_dir=runs, threads=1)]
    found["laplace"] = [transform(found["one network"][0], Laplace(), sample, runs_dir=runs)]
    return found


def main(folder: Path) -> None:
    """Train, measure, keep."""
    if not pd4ml.Airshower.folder(folder / "datasets", "generated").exists():
        pd4ml.Airshower.generate(folder / "datasets", N_EVENTS, seed=SEED)
    sample = pd4ml.Airshower.at(folder / "datasets", source="generated")
    runs = networks(sample, folder / "runs")
    parts = {kind: [parts_of(run, sample) for run in of] for kind, of in runs.items()}
    plain = [with_constant(*each) for each in parts["one network"]]
    compared = {
        "one network": plain[0],
        f"ensemble of {len(SEEDS)}": together(parts["one network"]),
        **{kind: parts[kind][0] for kind in ("laplace", "swag", "gaussian", "quantiles")},
    }
    rows = {name: numbers(*each) for name, each in compared.items()}
    seeds = [numbers(*each) for each in plain]
    first = runs["one network"][0].record
    body = {
        "events": first.events,
        "fingerprint": first.dataset["fingerprint"],
        "recipe": first.recipe["name"],
        "coverage": COVERAGE,
        "records": {kind: [run.record.sha256 for run in of] for kind, of in runs.items()},
        "rows": {row: {name: [m.value, m.error] for name, m in of.items()} for row, of in rows.items()},
        "seeds": {name: [of[name].value for of in seeds] for name in ("mse", "nll", "crps")},
    }
    RECORD.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo/methods_uncertainty_heads"))
