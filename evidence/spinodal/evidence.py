"""Simulate what the Spinodal room's README shows and keep the numbers in ``numbers.json``.

Takes some ten minutes on two cores, then runs ``page.py``, which makes the figures and the tables from
the record. Classifiers are trained on as many events as were published.
"""

from __future__ import annotations

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
CHUNK, WORKERS = 500, 2
N_TRAIN, N_TEST = CARD.splits["train"], CARD.splits["test"]
N_SCAN, N_SCAN_TEST = 6000, 4000
N_VARIANT = 2000
SEEDS, EPOCHS, SCAN_EPOCHS = (1, 2), 20, 12
PEAK_EDGES = np.arange(3, 14.01, 0.25)
MOBILITIES = (0.5, 1.0, 1.5)  # times the default
TEMPERATURES = (0.7, 1.1, 1.4)

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
    """What the published images are compared in, one number an event."""
    density = images.astype(np.float64)
    i, total = np.arange(20), density.sum(axis=(1, 2))
    x, y = (density.sum(axis=axis) @ i / total for axis in (2, 1))
    squares = sum(density.sum(axis=axis) @ i**2 / total for axis in (2, 1))
    return {
        "rms radius": np.sqrt(squares - x**2 - y**2),
        "centroid": (x + y) / 2,
        "zeros": (density == 0).sum(axis=(1, 2)).astype(np.float64),
        "max/mean": density.max(axis=(1, 2)) / density.mean(axis=(1, 2)),
        "total": total,
    }


def summary(images: Images, labels: NDArray[np.uint8]) -> dict[str, Any]:
    """Mean with error, spread, and the range of 90 % of the events, by class."""
    out: dict[str, Any] = {"events": len(labels)}
    for name, values in observables(images).items():
        for k, label in ((1, "spinodal"), (0, "Maxwell")):
            v = values[labels == k]
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


def scanned(**config: float) -> dict[str, float]:
    """Scores of a CNN for other settings, with fewer events."""
    return cnn(*sample(N_SCAN + N_SCAN_TEST, 11, Config(**config)), N_SCAN, 1, SCAN_EPOCHS)


def trees(table: Floats, labels: NDArray[np.uint8], n_train: int) -> dict[str, float]:
    """Scores of boosted trees that see some numbers (N, k) instead of the image."""
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=0)
    model.fit(table[:n_train], labels[:n_train])
    return score(model.decision_function(table[n_train:]), labels[n_train:])


def learned() -> dict[str, Any]:
    """What can be learned from the image, from numbers made of it, and where there is nothing to learn."""
    images, labels = sample(N_TRAIN + N_TEST, 11, Config())
    seen = observables(images)
    return {
        "train": N_TRAIN,
        "test": N_TEST,
        "epochs": EPOCHS,
        "cnn": [cnn(images, labels, N_TRAIN, seed, EPOCHS) for seed in SEEDS],
        "max/mean": trees(seen["max/mean"][:, None], labels, N_TRAIN),
        "observables": trees(np.column_stack(list(seen.values())), labels, N_TRAIN),
        "scan_train": N_SCAN,
        "scan_epochs": SCAN_EPOCHS,
        "above_critical": scanned(**CARD.variants["above_critical"].config),
        "mobility": {f"{m:.2f}": scanned(mobility=m) for m in np.array(MOBILITIES) * Config().mobility},
        "temperature_max": {f"{t:.2f}": scanned(temperature_max=t) for t in TEMPERATURES},
    }


def pairs() -> dict[str, Any]:
    """The same fireballs with either dynamics, for a picture."""
    begin = draw(6, Config(), np.random.default_rng(12))
    both = {name: expand(begin, np.full(6, name == "spinodal"), Config()) for name in ("Maxwell", "spinodal")}
    out: dict[str, Any] = {name: (Config().critical_density * x).round(4).tolist() for name, x in both.items()}
    out["temperature"] = begin.temperature.tolist()
    return out


def simulate_all() -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    simulate(2, np.random.SeedSequence(0), Config())  # compiles
    start = time.perf_counter()
    simulate(CHUNK, np.random.SeedSequence(0), Config())
    rate = CHUNK / (time.perf_counter() - start)
    images, labels = sample(N_TRAIN, 1, Config())
    peak = observables(images)["max/mean"]
    return {
        "rate": rate,
        "default": summary(images, labels),
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
        "learned": learned(),
    }


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    RECORD.write_text(json.dumps(simulate_all(), indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
