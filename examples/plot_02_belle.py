"""
Belle: decay trees
==================

Simulating a detector costs far more than generating what happens in it. At Belle II, most generated decays of
the Upsilon(4S) are simulated and then thrown away by a selection. Can a network see from the generated
particles alone whether an event will pass? The events are decay trees: particles, and which of them is whose
mother.
"""

# %%
# Events
# ------
# Half of the generated events pass the selection; the label says which.

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import Belle
from pd4ml.training import load_recipe

Belle.generate("datasets", n_events=1500, seed=1)
sample = Belle.at("datasets", source="generated")
train, test = sample.open("train"), sample.open("test")
print(len(train), "train and", len(test), "test events")

# %%
# A look
# ------
# The decay tree of an event, mothers above their daughters:

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
Belle.draw(train[int(np.argmax(train.y[:] == 1))], ax)
ax.set_title(f"passes the selection: {ax.get_title()}")

# %%
# The number of particles hardly tells the classes apart: what counts is which decays there were.

particles = Belle.observables(train.take(slice(None)))["particles per event"]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for label in (0, 1):
    ax.hist(
        particles[train.y[:] == label],
        np.arange(0, 101, 4),
        histtype="step",
        lw=1.6,
        label=Belle.card.classes[label],
    )
ax.set(xlabel="particles per event", ylabel="events")
ax.legend()

# %%
# Graphs
# ------
# Particles are nodes, edges join mothers and daughters. What a particle is (pion, kaon, ...) is no number but a
# kind: ``tokens``, which models look up.

graph = sample.graphs("train")[0]
print(graph.nodes.shape, "nodes and features,", graph.edge_index.shape[1], "edges; kinds:", graph.tokens[:10])

# %%
# Train and compare
# -----------------
# A small FilterNet, which looks up kinds and weighs neighbours by what both are. The published network, recipe
# ``belle_graph_net``, needs more events than these to learn anything.

trees = pd4ml.train(sample, "gbdt")
small = {"width": 32, "depth": 1, "heads": 4, "dropout": 0.0}
recipe = load_recipe("filter_net_quick").override(name="filter_net_small", max_epochs=8, hyperparameters=small)
network = pd4ml.train(sample, recipe)
for run in (trees, network):
    auc, accuracy = (run.record.metrics[name] for name in ("auc", "accuracy"))
    print(
        f"{run.record.model['name']:10} AUC {auc.value:.3f} ± {auc.error:.3f}"
        f"   accuracy {accuracy.value:.3f} ± {accuracy.error:.3f}"
    )

# %%
# What would be saved? If only events above a threshold are simulated, a share of those that would pass is kept,
# and a share of the work on the others is not done.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
threshold = np.linspace(0, 1, 51)
for run in (trees, network):
    score = run.predict(sample).score
    passes, fails = score[test.y[:] == 1], score[test.y[:] == 0]
    ax.plot(
        (passes > threshold[:, None]).mean(axis=1),
        (fails <= threshold[:, None]).mean(axis=1),
        label=run.record.model["name"],
    )
ax.set(
    xlabel="share of passing events kept", ylabel="share of failing events not simulated", xlim=(0, 1), ylim=(0, 1)
)
ax.legend()

# %%
# What the reconstruction measured lies beside each generated event and is no part of the input, since the label
# follows from it: ``train["m_bc"]``. More: :doc:`/datasets/Belle`, :doc:`/explanations/physics/Belle`.
