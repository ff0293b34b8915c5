"""Generate jet images, measure what the JetImages room's README shows, and keep the numbers in ``numbers.json``.

``--jets 20000`` a class takes some three hours of one core, most of it for QCD jets: events and trainings are
kept below ``--path``, and a run that is stopped goes on there. Then ``page.py`` makes the figure and the tables.
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
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier

import pd4ml
from pd4ml import JetImages
from pd4ml.benchmark import train
from pd4ml.benchmark.run import load_run
from pd4ml.datasets.jet_images.simulator import Config, simulate
from pd4ml.evaluation import metrics
from pd4ml.evaluation.attribution import attributions

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
SEED = 11
NETWORKS = ("jet_images_cnn_quick", "jet_images_maxout_quick")
EXTRAS = ("mass", "tau21", "delta_r")
BINS_1D, BINS_2D = 12, 6  # quantiles of the training jets, per variable
RESAMPLES = 500
WORKING_POINT = 0.5

Floats = NDArray[np.float64]
Labels = NDArray[np.uint8]
Scores = dict[str, Floats]


def likelihood(train_x: Floats, train_y: Labels, test_x: Floats, bins: int) -> Floats:
    """Log ratio of the classes' histograms in ``bins`` quantiles of each variable, half a jet added to each."""
    edges = [np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]) for x in train_x.T]

    def place(values: Floats) -> NDArray[np.int64]:
        digits = tuple(np.searchsorted(e, x, "right") for e, x in zip(edges, values.T, strict=True))
        found: NDArray[np.int64] = np.ravel_multi_index(digits, (bins,) * len(edges))
        return found

    shares = [np.bincount(place(train_x[train_y == k]), minlength=bins ** len(edges)) + 0.5 for k in (0, 1)]
    log_ratio: Floats = np.log(shares[1] / shares[1].sum()) - np.log(shares[0] / shares[0].sum())
    return log_ratio[place(test_x)]


def filled(events: Any) -> NDArray[np.int64]:
    """(N,) pixels that hold anything."""
    return np.asarray(np.count_nonzero(np.asarray(events["image"]), axis=(1, 2)), np.int64)


def baselines(events: dict[str, Any]) -> Scores:
    """Scores of the test jets by likelihoods of one and two variables, and by trees on three."""
    names = (*EXTRAS, "filled pixels")
    (train_x, train_y), (test_x, _) = (
        (np.stack([*(e[name] for name in EXTRAS), filled(e)], axis=1).astype(np.float64), np.asarray(e.y))
        for e in events.values()
    )
    found = {}
    for columns in ((0,), (1,), (2,), (3,), (0, 1), (0, 2), (1, 2)):
        bins, use = BINS_1D if len(columns) == 1 else BINS_2D, list(columns)
        name = " and ".join(names[c] for c in columns)
        found[name] = likelihood(train_x[:, use], train_y, test_x[:, use], bins)
    trees = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=0)
    trees.fit(train_x[:, :3], train_y)
    return {**found, "trees on the three of the jet": trees.decision_function(test_x[:, :3])}


def networks(path: Path, seeds: list[int]) -> tuple[Scores, dict[str, Any]]:
    """Scores of the test jets by trees on the summary and by networks, one for each seed; what trainings took."""
    scores, facts = {}, {}
    for recipe in ("gbdt", *NETWORKS):
        for seed in seeds[: 1 if recipe == "gbdt" else None]:
            options: dict[str, Any] = {"path": path, "source": "generated", "runs_dir": path / "runs"}
            record = train(JetImages, recipe, seed=seed, **options)
            run = load_run(str(record.folder))
            output = run.predict(JetImages.at(path, source="generated")).output
            scores[f"{recipe}, seed {seed}"] = np.asarray(output, np.float64)
            facts[recipe] = {"parameters": record.model["parameters"], "seconds": record.timing["train_seconds"]}
    return scores, facts


def efficiencies(score: Floats, label: Labels, weight: Floats) -> Floats:
    """Background efficiencies (R,) at the working point, for weights (R, N)."""
    order = np.argsort(-score, kind="stable")
    s, b = (np.cumsum(weight[:, order] * (label[order] == k), axis=1) for k in (1, 0))
    last = np.append(np.diff(score[order]) != 0, True)  # ties pass together
    place = [np.flatnonzero(last & (row >= WORKING_POINT * row[-1]))[0] for row in s]
    found: Floats = b[np.arange(len(b)), place] / b[:, -1]
    return found


def rejections(scores: Scores, label: Labels) -> dict[str, Any]:
    """1/eps_B of every score, and of every network over the likelihood of mass and tau21, with paired errors."""
    rng = np.random.default_rng(0)
    counts = [rng.multinomial(len(label), np.full(len(label), 1 / len(label))) for _ in range(RESAMPLES)]
    weight = np.concatenate([np.ones((1, len(label))), np.array(counts, np.float64)])
    # Half an event stands for none.
    least = 0.5 / (label == 0).sum()
    found = {name: 1 / np.maximum(efficiencies(score, label, weight), least) for name, score in scores.items()}
    base = found["mass and tau21"]
    return {
        name: {
            "value": r[0],
            "error": r[1:].std(),
            "gain": r[0] - base[0],
            "gain_error": (r[1:] - base[1:]).std(),
        }
        for name, r in found.items()
    }


def measured(scores: Scores, label: Labels) -> dict[str, Any]:
    """AUC and rejection of every score."""
    at_half = rejections(scores, label)
    out = {}
    for name, score in scores.items():
        auc = metrics("classification", score.astype(np.float32), label)["auc"]
        out[name] = {"auc": auc.value, "auc_error": auc.error, **at_half[name]}
    return out


def by_class(events: Any) -> dict[str, Any]:
    """Medians and the range of 68 % of the jets by class; the Kolmogorov-Smirnov distance of the classes' pT."""
    label = np.asarray(events.y)
    columns = {name: np.asarray(events[name], np.float64) for name in (*EXTRAS, "pt")}
    columns["filled pixels"] = filled(events).astype(np.float64)
    out: dict[str, Any] = {"jets": [int((label == k).sum()) for k in (0, 1)]}
    for name, values in columns.items():
        out[name] = [np.quantile(values[label == k], (0.5, 0.16, 0.84)).tolist() for k in (0, 1)]
    ks = ks_2samp(*(columns["pt"][label == k] for k in (0, 1)))
    # Two samples of these sizes from one distribution differ by this much in the median of cases.
    expected = 0.83 * (1 / (label == 0).sum() + 1 / (label == 1).sum()) ** 0.5
    return {**out, "ks": [float(ks.statistic), float(expected)]}


def maps(events: Any, score: Floats, looked_at: Floats) -> dict[str, Any]:
    """Images (25, 25): mean of W minus mean of QCD, Pearson correlation with the score, attributions by class."""
    label, image = np.asarray(events.y), np.asarray(events["image"], np.float64)
    pixels, centred = image - image.mean(axis=0), score - score.mean()
    spread = pixels.std(axis=0) * centred.std()
    covariance = (pixels * centred[:, None, None]).mean(axis=0)
    found = {
        "difference": image[label == 1].mean(axis=0) - image[label == 0].mean(axis=0),
        "correlation": np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0),
        **{
            f"attribution, {of}": looked_at[label == k].mean(axis=0) for k, of in enumerate(JetImages.card.classes)
        },
    }
    return {name: np.round(values, 5).tolist() for name, values in found.items()}


def variants(n_events: int) -> dict[str, Any]:
    """Medians of some jets of every variant that has other jets than the default one; CPU seconds of a jet."""
    out: dict[str, Any] = {}
    simulate(2, np.random.SeedSequence(0), Config())  # compiles
    for name, variant in JetImages.card.variants.items():
        if name != "default" and JetImages.simulator().same_events(variant.config):
            continue
        start = time.process_time()
        found = simulate(n_events, np.random.SeedSequence(4), Config(**variant.config))
        seconds = (time.process_time() - start) / n_events
        label, pixels = found["label"], np.count_nonzero(found["image"], axis=(1, 2))
        columns = {"tau21": found["tau21"], "filled pixels": pixels, "pt": found["pt"]}
        out[name] = {key: [float(np.median(v[label == k])) for k in (0, 1)] for key, v in columns.items()}
        out[name]["seconds"] = seconds
    return out


def measure(path: Path, jets: int, seeds: list[int], workers: int) -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    JetImages.generate(path, 2 * jets, seed=SEED, workers=workers)
    events = {split: JetImages.open(split, path, source="generated") for split in ("train", "test")}
    label = np.asarray(events["test"].y)
    scores, facts = networks(path, seeds)
    first = f"{NETWORKS[0]}, seed {seeds[0]}"
    run = pd4ml.train(JetImages.at(path, source="generated"), NETWORKS[0], seed=seeds[0], runs_dir=path / "runs")
    looked_at = attributions(run.fitted, events["test"])
    assert looked_at is not None
    return {
        "jets": jets,
        "train": len(events["train"]),
        "test": len(label),
        "seeds": seeds,
        "by class": by_class(events["train"]),
        "scores": measured({**baselines(events), **scores}, label),
        "networks": facts,
        "maps": maps(events["test"], scores[first], looked_at.astype(np.float64)),
        "variants": variants(max(40, jets // 20)),
        "variant jets": max(40, jets // 20),
    }


def main() -> None:
    """Measure, keep the numbers, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=20_000, help="jets of each class, train and test together")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--path", type=Path, default=Path("datasets/jet_images_evidence"), help="what is kept")
    parser.add_argument("--workers", type=int, default=1, help="processes that generate")
    wanted = parser.parse_args()
    record = measure(wanted.path, wanted.jets, list(range(1, wanted.seeds + 1)), wanted.workers)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
