"""
Data of your own
================

Your events, this package's trees, networks and metrics, without a class or a file of settings. The toy of this
page: is a cloud of points a ring or a disc?
"""

# %%
# Metrics alone
# -------------
# If all you want are numbers with errors, arrays are enough: no dataset, no card. On the command line that is
# ``pd4ml evaluate --predictions scores.csv --truth labels.csv`` (:doc:`/how_to/evaluation`).

import awkward as ak
import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml.evaluation import metrics
from pd4ml.training import load_recipe

rng = np.random.default_rng(1)
label = rng.integers(2, size=2000)
logit = rng.normal(2.0 * label - 1, 1.5)
for name, found in metrics("classification", logit, label).items():
    print(f"{name:26} {found.value:8.3f} ± {found.error:.3f}")

# %%
# The events
# ----------
# Ten to twenty points an event: an awkward array with a record for each point. It could as well come from
# ``uproot``, from Parquet, or from pandas; files are taken by ``pd4ml convert`` (:doc:`/how_to/own_data`).

sizes = rng.integers(10, 21, 2000)
ring = np.repeat(label, sizes)
radius = np.where(ring == 1, 0.8, np.sqrt(rng.random(len(ring)))) + rng.normal(0, 0.25, len(ring))
angle = rng.uniform(0, 2 * np.pi, len(ring))
points = ak.zip(
    {"x": ak.unflatten(radius * np.cos(angle), sizes), "y": ak.unflatten(radius * np.sin(angle), sizes)}
)

# %%
# The dataset
# -----------
# One line. Neighbours are the four nearest points in the plane.

sample = pd4ml.own_data(
    {"points": points},
    label,
    "datasets",
    name="Rings",
    classes=["disc", "ring"],
    units="1",
    graph={"coordinates": ["x", "y"], "k": 4},
    test=0.3,
)
sample.dataset.print_description()

# %%
# From here on it is a dataset like every other: stored, checked against its card, drawn, trained on.

train = sample.open("train")
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for kind, ax in enumerate(axes):
    sample.dataset.draw(train[int(np.argmax(train.y[:] == kind))], ax)
    ax.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8), aspect="equal", title=sample.card.classes[kind])

# %%

small = {"width": 32, "depth": 1, "heads": 4, "dropout": 0.0}
recipe = load_recipe("filter_net_quick").override(name="filter_net_small", max_epochs=6, hyperparameters=small)
runs = [pd4ml.train(sample, "gbdt"), pd4ml.train(sample, recipe)]

# %%
# Sums, spreads and extremes of the coordinates, against a network that sees the points. Errors are bootstrap
# errors of the test events:

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for place, run in enumerate(runs):
    auc = run.record.metrics["auc"]
    ax.errorbar(auc.value, place, xerr=auc.error, fmt="o", capsize=4)
    print(f"{run.record.recipe['name']:18} AUC {auc.value:.3f} ± {auc.error:.3f}")
ax.set(
    xlabel="AUC", yticks=range(len(runs)), yticklabels=[run.record.model["name"] for run in runs], ylim=(-0.6, 1.6)
)

# %%
# A dataset with a simulator is a package that ``pd4ml new dataset`` begins: :doc:`/how_to/contribute`.
