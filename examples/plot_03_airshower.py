"""
Airshower: depth of the maximum
===============================

A cosmic ray hits the atmosphere and becomes a shower of particles. How deep it has most of them, Xmax, tells
light nuclei from heavy ones. It is to be found from what an array of 9x9 detectors on the ground saw: signals
in time, and when they came. A regression: every event has a value.
"""

# %%
# Events
# ------

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import Airshower
from pd4ml.evaluation import by_target
from pd4ml.training import load_recipe

Airshower.generate("datasets", n_events=2500, seed=1)
sample = Airshower.at("datasets", source="generated")
train, test = sample.open("train"), sample.open("test")
for spec, values in zip(Airshower.card.inputs, train.X, strict=True):
    print(f"{spec.name:14} {values.shape}  [{spec.unit}]")

# %%
# A look
# ------
# The footprint of a shower on the ground, and the signal of its loudest station in time:

event = train[0]
loudest = np.unravel_index(event["traces"].sum(axis=-1).argmax(), (9, 9))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), gridspec_kw={"wspace": 0.6})
Airshower.draw(event, left)
right.stairs(event["traces"][loudest], np.arange(81) * 25)
right.set(
    xlabel="time after the shower front [ns]", ylabel="signal [VEM]", title=f"station {loudest[0]}, {loudest[1]}"
)

# %%
# What lies beside generated events and no model sees: the nucleus, for example. Iron showers end earlier than
# those of protons.

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for mass, name in ((1, "p"), (56, "Fe")):
    ax.hist(train.y[train["primary"][:] == mass], np.arange(600, 1101, 25), histtype="step", lw=1.6, label=name)
ax.set(xlabel="Xmax [g/cm²]", ylabel="showers")
ax.legend()

# %%
# Graphs
# ------
# The 81 stations are nodes, joined to the up to eight around them. Silent stations are nodes, too.

some = sample.graphs("train")[0:4]
print(len(some), "graphs:", some.nodes.shape, "nodes and features,", some.edge_index.shape[1], "edges")

# %%
# Train and compare
# -----------------
# Resolution is the standard deviation of prediction minus truth. A model that always says the mean has that of
# Xmax itself.

trees = pd4ml.train(sample, "gbdt")
network = pd4ml.train(sample, load_recipe("fcn_quick").override(max_epochs=15))
print(f"{'the mean':12} resolution {test.y[:].std():.1f} g/cm2")
for run in (trees, network):
    bias, resolution = (run.record.metrics[name] for name in ("bias", "resolution"))
    print(
        f"{run.record.model['name']:12} resolution {resolution.value:.1f} ± {resolution.error:.1f} g/cm2"
        f"   bias {bias.value:.1f} ± {bias.error:.1f} g/cm2"
    )

# %%
# Where is it wrong? Both pull the extremes towards the middle, as every estimate of something half seen does.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for run, marker in ((trees, "o"), (network, "s")):
    bins = by_target(run.predict(sample).output, test.y[:], 6)
    centre = [(b.low + b.high) / 2 for b in bins]
    bias = [b.metrics["bias"] for b in bins]
    ax.errorbar(
        centre,
        [b.value for b in bias],
        [b.error for b in bias],
        fmt=marker,
        capsize=3,
        label=run.record.model["name"],
    )
ax.axhline(0, color="grey", lw=0.8)
ax.set(xlabel="true Xmax [g/cm²]", ylabel="mean of prediction - truth [g/cm²]")
ax.legend()

# %%
# More: :doc:`/datasets/Airshower`, :doc:`/explanations/physics/Airshower`, the published network (recipe
# ``lstm_residual``).
