"""How unfolding methods do where the truth is known: a Gaussian toy, half-moons, jets, depths of air showers.

``python evidence/methods_unfolding/evidence.py [FOLDER]`` generates what is missing into FOLDER (demo/unfolding if
none is given) and keeps the results in ``numbers.json``, from which ``page.py`` writes the tables of
docs/how_to/unfolding.md. What is finished is not repeated. Ten minutes of a core, beside the events.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pd4ml
from pd4ml.benchmark.run import load_run, train
from pd4ml.benchmark.unfold import unfold
from pd4ml.dataset import Dataset
from pd4ml.methods.unfold.common import Floats, counts, floor, response_of, triangular
from pd4ml.methods.unfold.empirical_bayes import gaussian, neural_empirical_bayes
from pd4ml.methods.unfold.ibu import ibu
from pd4ml.methods.unfold.measure import Options
from pd4ml.methods.unfold.omnifold import omnifold
from pd4ml.methods.unfold.spinup import spinup

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
EDGES = np.linspace(-4, 5, 41)
TOY_EVENTS, SMEARING = 100_000, 0.5
PRIORS = ((0.0, 1.0), (0.8, 1.2))
SPINUP_SEEDS = (1, 2)
# Of no width, any sample but the truth itself would be told apart.
MOON_EVENTS, MOON_WIDTH, MOON_SMEARING = 10_000, 0.1, 0.35
# Variant: events and seed. Showers of one seed would be at the same places whatever their primaries.
JETS = {"default": (20_000, 1), "tune_a14": (4_500, 1)}
SHOWERS = {"default": (20_000, 1), "proton_iron": (6_000, 2)}
OPTIONS = Options(bootstrap=20, members=5)


def toy() -> dict[str, Any]:
    """Truth N(0.2, 0.8), simulations N(0, 1) and N(0.8, 1.2), a Gaussian detector; triangular discriminators."""
    found: dict[str, Any] = {"events": TOY_EVENTS, "floor": floor(40, TOY_EVENTS, TOY_EVENTS)}
    for mean, spread in PRIORS:
        rng = np.random.default_rng(1)
        truth, particle = rng.normal(0.2, 0.8, TOY_EVENTS), rng.normal(mean, spread, TOY_EVENTS)
        data, detector = (v + rng.normal(0, SMEARING, TOY_EVENTS) for v in (truth, particle))
        wanted, prior = counts(truth, EDGES), counts(particle, EDGES)
        response, measured = response_of(particle, detector, EDGES, EDGES), counts(data, EDGES)
        x, y, measured_y = (v[:, None] for v in (particle, detector, data))
        flows = [counts(spinup(x, y, measured_y, seed=s)[:, 0], EDGES) for s in SPINUP_SEEDS]
        found[f"N({mean:g}, {spread:g})"] = {
            "start": triangular(prior, wanted),
            "ibu": {k: triangular(ibu(measured, response, prior, k), wanted) for k in (1, 3, 5, 10, 100)},
            "omnifold": {
                k: triangular(counts(particle, EDGES, omnifold(x, y, measured_y, k)), wanted) for k in (1, 3, 5)
            },
            "spinup": [triangular(f, wanted) for f in flows],
            "spinup_mean": triangular(np.sum(flows, axis=0), wanted),
        }
    return found


def half_moons(n: int, seed: int) -> Floats:
    """Two half circles of radius 1 that reach into each other, of a width of their own."""
    rng = np.random.default_rng(seed)
    angle, upper = rng.uniform(0, np.pi, n), rng.random(n) < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    line = np.stack([x, np.where(upper, np.sin(angle), 0.5 - np.sin(angle))], axis=1)
    return np.asarray(line + rng.normal(0, MOON_WIDTH, line.shape))


def separation(first: Floats, second: Floats) -> float:
    """The AUC of boosted trees that tell two samples apart, on events that are new to them; 0.5: they cannot."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    x = np.concatenate([first, second])
    label = np.repeat([0, 1], [len(first), len(second)])
    order = np.random.default_rng(0).permutation(len(x))
    train_part, test_part = np.array_split(order, 2)
    trees = HistGradientBoostingClassifier(random_state=0).fit(x[train_part], label[train_part])
    return float(roc_auc_score(label[test_part], trees.decision_function(x[test_part])))


def moons() -> dict[str, Any]:
    """Neural empirical Bayes on smeared half-moons, with one point a step and with 512."""
    source, other = half_moons(MOON_EVENTS, 1), half_moons(MOON_EVENTS, 2)
    noise = np.random.default_rng(3)
    data, again = (v + noise.normal(0, MOON_SMEARING, v.shape) for v in (source, other))
    found: dict[str, Any] = {"events": MOON_EVENTS, "observed": separation(data, other)}
    for k in (1, 512):
        sample = neural_empirical_bayes(data, gaussian(MOON_SMEARING), k, n_samples=MOON_EVENTS)
        smeared = sample + noise.normal(0, MOON_SMEARING, sample.shape)
        found[str(k)] = {"source": separation(sample, other), "observed": separation(smeared, again)}
    return found


def made(dataset: type[Dataset], path: Path, events: dict[str, tuple[int, int]]) -> None:
    """Generate the variants that are not there."""
    for variant, (n, seed) in events.items():
        if not dataset.folder(path, "generated", variant).exists():
            dataset.generate(path, n, seed, 1, variant)


def jets(path: Path, methods: tuple[str, ...]) -> dict[str, Any]:
    """Tune A14 unfolded with the default's simulation."""
    made(pd4ml.TopTagging, path, JETS)
    return without_arrays(
        unfold(
            pd4ml.TopTagging,
            path,
            data="tune_a14",
            observables=("mass", "multiplicity"),
            methods=methods,
            options=OPTIONS,
            out=path / "-".join(("unfolded_jets", *methods)),
        )
    )


def showers(path: Path, methods: tuple[str, ...]) -> dict[str, Any]:
    """Xmax of a mixture of protons and iron, unfolded with a simulation of four primaries."""
    made(pd4ml.Airshower, path, SHOWERS)
    record = train(pd4ml.Airshower, "gbdt", path=path, source="generated", runs_dir=path / "runs")
    assert record.folder is not None
    return without_arrays(
        unfold(
            pd4ml.Airshower,
            path,
            data="proton_iron",
            observables=("xmax",),
            methods=methods,
            run=load_run(record.folder),
            options=OPTIONS,
            out=path / "-".join(("unfolded_xmax", *methods)),
        )
    )


def without_arrays(body: dict[str, Any]) -> dict[str, Any]:
    """What the table needs: numbers of each method, no spectra."""
    for of in body["observables"]:
        for name in [name for name, value in of.items() if isinstance(value, list)]:
            del of[name]
        for found in of["methods"].values():
            for name in ("values", "errors", "errors_data", "errors_simulation"):
                found.pop(name, None)
    return body


def main() -> None:
    """Work out what is not there yet."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "demo" / "unfolding"
    path.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "toy": toy,
        "jets": lambda: jets(path, ("ibu", "omnifold")),
        "showers": lambda: showers(path, ("ibu", "omnifold")),
        "moons": moons,
        "jets, spinup": lambda: jets(path, ("spinup",)),
        "showers, spinup": lambda: showers(path, ("spinup",)),
    }
    for name, part in parts.items():
        if name not in record:
            record[name] = part()
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            print(f"{name}: done", file=sys.stderr)


if __name__ == "__main__":
    main()
