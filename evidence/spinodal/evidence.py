"""Simulate what the Spinodal room's README shows and keep the numbers in ``numbers.json``.

Takes some twenty minutes of CPU time (``--train 5000 --test 2000``: six), then runs ``page.py``, which makes the
figures and the tables from the record. Classifiers are trained on as many events as were published, unless told
otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from torch import nn

from pd4ml.datasets.spinodal.card import CARD
from pd4ml.datasets.spinodal.reference import network
from pd4ml.datasets.spinodal.simulator import Config, draw, expand, simulate

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
CHUNK, WORKERS = 500, 1
N_VARIANT = 100
N_NOTHING, N_NOTHING_TEST = 500, 500
SEEDS, EPOCHS = (1, 2), 20
PEAK_EDGES = np.arange(3, 14.01, 0.25)
# What was read off twelve published images, down to 1/256 of each one's maximum.
PUBLISHED: dict[str, Any] = json.loads((HERE / "published.json").read_text())

Floats = NDArray[np.float64]
Images = NDArray[np.float32]


def sample(n: int, seed: int, config: Config) -> tuple[Images, NDArray[np.uint8]]:
    """Images (n, 20, 20) and labels (n,); chunks run in threads, since the dynamics release the lock."""
    chunks = np.random.SeedSequence(seed).spawn(-(-n // CHUNK))
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(lambda chunk: simulate(CHUNK, chunk, config), chunks))
    images, labels = (np.concatenate([part[name] for part in parts])[:n] for name in ("density", "label"))
    return images.astype(np.float32), labels.astype(np.uint8)


def observables(images: Images) -> dict[str, Floats]:
    """What the published images are compared in, one number an event; the events are of one class."""
    relative = images / images.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    level = np.floor(256 * relative / relative.max(axis=(1, 2), keepdims=True))
    x, y, r = places(relative)
    ring = r.astype(int)
    rest = relative - (np.bincount(ring.ravel(), relative.ravel()) / np.bincount(ring.ravel()).clip(1))[ring]
    neighbours = (rest[:, 1:] * rest[:, :-1]).sum(axis=(1, 2)) + (rest[:, :, 1:] * rest[:, :, :-1]).sum(
        axis=(1, 2)
    )
    return {
        "rms radius": np.sqrt((relative * r**2).mean(axis=(1, 2))),
        "centroid": (x + y) / 2,
        "level 0": (level == 0).sum(axis=(1, 2)).astype(np.float64),
        "levels 1 and 2": ((level == 1) | (level == 2)).sum(axis=(1, 2)).astype(np.float64),
        "max/mean": relative.max(axis=(1, 2)),
        "autocorrelation": neighbours / 2 / (rest**2).sum(axis=(1, 2)),
    }


def places(relative: Floats) -> tuple[Floats, Floats, Floats]:
    """Centroids, x and y (N,), and each pixel's distance from its image's (N, 20, 20)."""
    i, total = np.arange(20), relative.sum(axis=(1, 2))
    x, y = (relative.sum(axis=axis) @ i / total for axis in (2, 1))
    return x, y, np.hypot(i[:, None] - x[:, None, None], i - y[:, None, None])


def rings(images: Images) -> dict[str, Floats]:
    """Mean in rings of one pixel, and spread over mean of all pixels in rings of two; the mean pixel is 1."""
    relative = images / images.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    r = places(relative)[2]

    def means(width: int, values: Floats) -> Floats:
        ring = (r / width).astype(int).ravel()
        found: Floats = np.bincount(ring, values.ravel()) / np.bincount(ring).clip(1)
        return found

    mean = means(2, relative)
    spread = np.sqrt((means(2, relative**2) - mean**2).clip(0)) / mean.clip(1e-9)
    return {"profile": means(1, relative)[:11], "fluctuation": spread[:6]}


def compared(images: Images, labels: NDArray[np.uint8], groups: int = 200) -> dict[str, Any]:
    """Each class against the published numbers.

    The error of a published number is the spread of the same number among groups of as many generated events.
    """
    out: dict[str, Any] = {}
    for k, (label, n) in enumerate((("Maxwell", 8), ("spinodal", 4))):
        of_class = images[labels == k]
        some = [of_class[n * i : n * (i + 1)] for i in range(min(groups, len(of_class) // n))]
        of_groups = [{**{q: v.mean() for q, v in observables(x).items()}, **rings(x)} for x in some]
        for name, published in PUBLISHED[label].items():
            values = np.array([group[name] for group in of_groups])
            z = (values.mean(axis=0) - np.array(published)) / values.std(axis=0)
            out.setdefault(name, {})[label] = {"mean": values.mean(axis=0).tolist(), "z": z.tolist()}
    return out


def summary(images: Images, labels: NDArray[np.uint8]) -> dict[str, Any]:
    """Mean with error, spread, and the range of 90 % of the events, by class."""
    out: dict[str, Any] = {"events": len(labels)}
    for k, label in ((1, "spinodal"), (0, "Maxwell")):
        for name, v in observables(images[labels == k]).items():
            low, high = np.quantile(v, (0.05, 0.95))
            out.setdefault(name, {})[label] = [v.mean(), v.std() / len(v) ** 0.5, v.std(), low, high]
    return out


def train(images: Images, labels: NDArray[np.uint8], seed: int, epochs: int) -> nn.Sequential:
    """Train with Adam in batches of 100; the learning rate, 1e-3, falls to 0 over the last quarter."""
    torch.manual_seed(seed)
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    x, y = torch.from_numpy(images)[:, None], torch.from_numpy(labels).float()
    for epoch in range(epochs):
        optimiser.param_groups[0]["lr"] = 1e-3 * min(1.0, 4 * (1 - epoch / epochs))
        model.train()
        for batch in torch.randperm(len(x)).split(100):  # type: ignore[no-untyped-call]
            loss = nn.functional.binary_cross_entropy_with_logits(model(x[batch])[:, 0], y[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model.eval()


def score(logit: Floats, labels: NDArray[np.uint8]) -> dict[str, float]:
    """Accuracy at 0 with its statistical error, and the area under the ROC curve."""
    accuracy = float(((logit > 0) == labels).mean())
    error = (accuracy * (1 - accuracy) / len(labels)) ** 0.5
    return {"accuracy": accuracy, "error": error, "auc": float(roc_auc_score(labels, logit))}


def cnn(images: Images, labels: NDArray[np.uint8], n_train: int, seed: int, epochs: int) -> dict[str, float]:
    """Scores of a CNN on the events after the first ``n_train``; the seed is that of weights and order."""
    images = images / images[:n_train].std()
    model = train(images[:n_train], labels[:n_train], seed, epochs)
    with torch.no_grad():
        logit = model(torch.from_numpy(images[n_train:])[:, None])[:, 0].numpy().astype(np.float64)
    return {"seed": seed, **score(logit, labels[n_train:])}


def trees(table: Floats, labels: NDArray[np.uint8], n_train: int) -> dict[str, float]:
    """Scores of boosted trees that see some numbers (N, k) instead of the image."""
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=0)
    model.fit(table[:n_train], labels[:n_train])
    return score(model.decision_function(table[n_train:]), labels[n_train:])


def learned(images: Images, labels: NDArray[np.uint8], n_train: int) -> dict[str, Any]:
    """What can be learned from the image, from its largest pixel, and where there is nothing to learn."""
    peak = images.max(axis=(1, 2)) / images.mean(axis=(1, 2))
    nothing = sample(N_NOTHING + N_NOTHING_TEST, 11, Config(**CARD.variants["crossover"].config))
    rest = slice(n_train * 3 // 4, None)  # a quarter of the training events, all test events
    return {
        "train": n_train,
        "test": len(labels) - n_train,
        "epochs": EPOCHS,
        "cnn": [cnn(images, labels, n_train, seed, EPOCHS) for seed in SEEDS],
        "quarter": cnn(images[rest], labels[rest], n_train - n_train * 3 // 4, 1, 2 * EPOCHS),
        "max/mean": trees(peak[:, None].astype(np.float64), labels, n_train),
        "crossover": {"test": N_NOTHING_TEST, **cnn(*nothing, N_NOTHING, 1, EPOCHS)},
    }


def pairs() -> dict[str, Any]:
    """The same fireballs with either dynamics, for a picture."""
    begin = draw(6, Config(), np.random.default_rng(12))
    both = {name: expand(begin, np.full(6, name == "spinodal"), Config()) for name in ("Maxwell", "spinodal")}
    return {name: (Config().critical_density * x).round(4).tolist() for name, x in both.items()}


def simulate_all(n_train: int, n_test: int) -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    simulate(2, np.random.SeedSequence(0), Config())  # compiles
    start = time.process_time()
    simulate(CHUNK, np.random.SeedSequence(0), Config())
    rate = CHUNK / (time.process_time() - start)
    images, labels = sample(n_train + n_test, 11, Config())
    peak = images.max(axis=(1, 2)) / images.mean(axis=(1, 2))
    return {
        "rate": rate,
        "default": summary(images, labels),
        "compared": compared(images, labels),
        "variants": {
            name: summary(*sample(N_VARIANT, 4, Config(**variant.config)))
            for name, variant in CARD.variants.items()
        },
        "peak": {
            "edges": PEAK_EDGES.tolist(),
            "spinodal": np.histogram(peak[labels == 1], PEAK_EDGES)[0].tolist(),
            "Maxwell": np.histogram(peak[labels == 0], PEAK_EDGES)[0].tolist(),
        },
        "pairs": pairs(),
        "learned": learned(images, labels, n_train),
    }


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=CARD.splits["train"], help="training events")
    parser.add_argument("--test", type=int, default=CARD.splits["test"], help="test events")
    wanted = parser.parse_args()
    RECORD.write_text(json.dumps(simulate_all(wanted.train, wanted.test), indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
