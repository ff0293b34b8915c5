"""
Spinodal: lumps in nuclear matter
=================================

Nuclear matter that expands through a first-order phase transition can become unstable: small differences of
density grow to lumps (spinodal, label 1). Or it follows Maxwell's construction, and they do not (label 0). An
event is an image of the baryon density, 20x20 pixels.
"""

# %%
# Events
# ------

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import Spinodal
from pd4ml.training import load_recipe

Spinodal.generate("datasets", n_events=2000, seed=1)
sample = Spinodal.at("datasets", source="generated")
train, test = sample.open("train"), sample.open("test")
print(train.X[0].shape, "train,", test.X[0].shape, "test")

# %%
# A look
# ------

figure, axes = plt.subplots(2, 3, figsize=(12, 7), gridspec_kw={"wspace": 0.55, "hspace": 0.35})
for label, row in enumerate(axes):
    for ax, place in zip(row, np.flatnonzero(train.y[:] == label), strict=False):
        Spinodal.draw(train[int(place)], ax)
        ax.set_title(f"{Spinodal.card.classes[label]}: {ax.get_title()}", fontsize="medium")
        ax.set_ylabel("y [pixels]" if ax is row[0] else "")

# %%
# The largest density over the mean, which lumps raise:

values = Spinodal.observables(train.take(slice(None)))["maximum over mean density"]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for label in (0, 1):
    ax.hist(
        values[train.y[:] == label],
        np.linspace(0, 20, 41),
        histtype="step",
        lw=1.6,
        label=Spinodal.card.classes[label],
    )
ax.set(xlabel="maximum over mean density", ylabel="images")
ax.legend()

# %%
# Graphs
# ------
# Pixels are nodes, joined to the up to eight around them.

graphs = sample.graphs("train")[0:8]
print(len(graphs), "graphs:", graphs.nodes.shape, "nodes and features, on a grid of", graphs.grid)

# %%
# Train and compare
# -----------------
# Trees on summary features against the published convolutional network in a short run, each on all and on a
# quarter of the train images. A quarter of the same seed is the same quarter for both.

quarter = sample.subset(0.25, seed=1)
recipes = ("gbdt", load_recipe("spinodal_cnn_quick").override(max_epochs=10))
results = {}
for recipe in recipes:
    for part in (quarter, sample):
        run = pd4ml.train(part, recipe)
        n = run.record.events["train"] + run.record.events["valid"]
        auc = results[run.record.model["name"], n] = run.record.metrics["auc"]
        print(f"{run.record.model['name']:14} {n:5} images  AUC {auc.value:.3f} ± {auc.error:.3f}")

# %%
# Errors are bootstrap errors of the test images, which all four share.

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name in dict.fromkeys(name for name, _ in results):
    points = [(n, auc) for (model, n), auc in results.items() if model == name]
    ax.errorbar(
        [n for n, _ in points],
        [a.value for _, a in points],
        [a.error for _, a in points],
        fmt="o-",
        capsize=3,
        label=name,
    )
ax.set(xlabel="train and validation images", ylabel="AUC")
ax.legend()

# %%
# What can be trusted of it? The simulation can be varied: ``pd4ml info Spinodal`` lists variants with the same
# fireballs seen otherwise, and ``pd4ml shift`` says what they do to a model (:doc:`/how_to/use`).
