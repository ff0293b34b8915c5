"""
EOSL: the equation of state
===========================

Two nuclei collide and become, for a moment, a fluid of quarks and gluons. Does it turn into hadrons smoothly
(a cross-over, label 0) or with a jump (a transition of first order, label 1)? All that is seen are pions: a
histogram of their transverse momenta and directions. This is the hardest of the datasets, and this page is
about what a small sample can say.
"""

# %%
# Events
# ------
# Each event is hydrodynamics from the collision to the freeze-out. From one hydrodynamic event come several
# spectra.

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import EOSL
from pd4ml.evaluation import metrics

EOSL.generate("datasets", n_events=400, seed=1)
sample = EOSL.at("datasets", source="generated")
train, test = sample.open("train"), sample.open("test")
for split, events in (("train", train), ("test", test)):
    print(f"{split}: {len(events)} spectra of {len(np.unique(events['event_id'][:]))} hydrodynamic events")

# %%
# A look
# ------

figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), gridspec_kw={"wspace": 0.45})
for label, ax in enumerate(axes):
    EOSL.draw(train[int(np.argmax(train.y[:] == label))], ax)
    ax.set_title(f"{EOSL.card.classes[label]}: {ax.get_title()}")

# %%
# The mean transverse momentum of both classes. Collisions differ from each other far more than the classes do.

values = EOSL.observables(train.take(slice(None)))["mean pT [GeV]"]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for label in (0, 1):
    ax.hist(
        values[train.y[:] == label],
        np.linspace(0.4, 0.75, 36),
        histtype="step",
        lw=1.6,
        label=EOSL.card.classes[label],
    )
ax.set(xlabel="mean pT of the pions [GeV]", ylabel="spectra")
ax.legend()

# %%
# Graphs
# ------
# The bins of the histogram are nodes, joined to the up to eight around them; models that look at images know
# the grid.

graphs = sample.graphs("train")[0:8]
print(len(graphs), "graphs:", graphs.nodes.shape, "nodes and features, on a grid of", graphs.grid)

# %%
# Train
# -----

trees = pd4ml.train(sample, "gbdt")
auc = trees.record.metrics["auc"]
print(f"AUC {auc.value:.2f} ± {auc.error:.2f} on {len(test)} test spectra")

# %%
# What the error is made of
# -------------------------
# Spectra of one hydrodynamic event are not independent. The package draws them together for its bootstrap
# (``Card.group``); a bootstrap of single spectra gives an error that is too small:

output = trees.predict(sample).output
for name, group in (("single spectra", None), ("hydrodynamic events", test["event_id"][:])):
    auc = metrics("classification", output, test.y[:], group=group)["auc"]
    print(f"bootstrap of {name:20} AUC {auc.value:.2f} ± {auc.error:.2f}")

# %%
# With the right error this sample hardly tells whether the trees have learned anything: chance is 0.5. An AUC
# without an error, or with that of single spectra, would have looked like a result. The error falls with the
# root of the number of hydrodynamic events; :doc:`the physics page </explanations/physics/EOSL>` has trainings
# on thousands of them.
