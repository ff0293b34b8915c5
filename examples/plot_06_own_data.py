"""
Data of your own
================

Your events, this package's trees, networks and metrics. What is needed is a card, which says what each array
holds, and two functions: one that gives the arrays, one that makes graphs of them. The toy of this page: is a
cloud of points a ring or a disc?
"""

# %%
# Metrics alone
# -------------
# If all you want are numbers with errors, arrays are enough: no dataset, no card. On the command line that is
# ``pd4ml evaluate --predictions scores.csv --truth labels.csv`` (:doc:`/how_to/evaluation`).

from dataclasses import dataclass
from types import MappingProxyType

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml.card import ArraySpec, Card, Variant
from pd4ml.evaluation import metrics
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.builders import point_graphs
from pd4ml.training import load_recipe

rng = np.random.default_rng(1)
label = rng.integers(2, size=500)
logit = rng.normal(2.0 * label - 1, 1.5)
for name, found in metrics("classification", logit, label).items():
    print(f"{name:26} {found.value:8.3f} ± {found.error:.3f}")

# %%
# The card
# --------
# Shapes are those of one event. Places where nothing was measured hold the padding.

CARD = Card(
    name="Rings",
    version="1",
    title="rings and discs of points",
    task="classification",
    description="Up to twenty points in a plane, on a ring or in a disc, each blurred.",
    inputs=(ArraySpec("points", (20, 2), "float32", "1", "x, y of the points", padding=-9.0),),
    target=ArraySpec("label", (), "uint8", "1", "1 = ring, 0 = disc"),
    classes=("disc", "ring"),
    splits=MappingProxyType({"train": 700, "test": 300}),
    sources=(),
    variants=MappingProxyType({"default": Variant("as is"), "sharp": Variant("less blur", {"blur": 0.1})}),
    licence="yours",
    citations=(),
)

# %%
# The events
# ----------
# A simulator is a function of a number of events, a seed and settings. Events that you have already are read by
# the same kind of function: it gives the arrays that lie in your files.


@dataclass(frozen=True)
class Config:
    blur: float = 0.25


def simulate(n_events, seed, config, split):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n_events, dtype=np.uint8)
    radius = np.where(label[:, None] == 1, 0.8, np.sqrt(rng.random((n_events, 20))))
    angle = rng.uniform(0, 2 * np.pi, (n_events, 20))
    points = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    points += rng.normal(0, config.blur, points.shape)
    points[np.arange(20) >= rng.integers(10, 21, (n_events, 1))] = -9
    return {"points": points.astype(np.float32), "label": label}


# %%
# The dataset
# -----------
# Features of a point are its place and its distance from the middle; neighbours are the four nearest points.


class Rings(pd4ml.Dataset):
    card = CARD

    @classmethod
    def simulator(cls):
        return Simulator(simulate, Config)

    @classmethod
    def build_graphs(cls, arrays, fitted, *, edges=True):
        points = np.asarray(arrays["points"])
        real = points[..., 0] != -9
        nodes = np.column_stack([points[real], np.hypot(*points[real].T)])
        offsets = np.concatenate([[0], np.cumsum(real.sum(axis=1))])
        return point_graphs(nodes, offsets, (0, 1), 4, max_nodes=20, edges=edges)

    @classmethod
    def summary(cls, arrays):
        points = np.asarray(arrays["points"], np.float64)
        real = points[..., 0] != -9
        distance = np.hypot(points[..., 0], points[..., 1])
        return {
            "mean_distance": np.mean(distance, axis=1, where=real),
            "spread": np.std(distance, axis=1, where=real),
        }


# %%
# That is all. From here on it is a dataset like every other: stored, checked against the card, trained on.

Rings.generate("datasets", n_events=2000)
sample = Rings.at("datasets", source="generated")
train = sample.open("train")

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for label, ax in enumerate(axes):
    x, y = train.X[0][np.argmax(train.y[:] == label)].T
    ax.scatter(x[x != -9], y[x != -9])
    ax.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8), aspect="equal", title=CARD.classes[label])

# %%

small = {"width": 32, "depth": 1, "heads": 4, "dropout": 0.0}
recipe = load_recipe("filter_net_quick").override(name="filter_net_small", max_epochs=6, hyperparameters=small)
runs = [pd4ml.train(sample, "gbdt"), pd4ml.train(sample, recipe)]

# %%
# Two features that somebody thought of, against a network that sees the points. Errors are bootstrap errors of
# the test events:

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for place, run in enumerate(runs):
    auc = run.record.metrics["auc"]
    ax.errorbar(auc.value, place, xerr=auc.error, fmt="o", capsize=4)
    print(f"{run.record.recipe['name']:18} AUC {auc.value:.3f} ± {auc.error:.3f}")
ax.set(
    xlabel="AUC", yticks=range(len(runs)), yticklabels=[run.record.model["name"] for run in runs], ylim=(-0.6, 1.6)
)

# %%
# A dataset for others is a package with an entry point, nothing of this one is changed: :doc:`/contributing`.
