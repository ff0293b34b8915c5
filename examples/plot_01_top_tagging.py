"""
TopTagging: jets of top quarks
==============================

A proton-proton collision leaves jets, sprays of particles. Most come from light quarks and gluons (QCD); a
few from a top quark, which decays into three quarks that fly on together. Which is which? The events are
particles of one jet each; here some are generated with Pythia 8, a detector's response and FastJet.
"""

# %%
# Events
# ------
# ``n_events`` are train and test together. The events follow from the number of events, the seed and the
# settings.

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import TopTagging
from pd4ml.evaluation import roc_curve_with_band
from pd4ml.training import load_recipe

TopTagging.generate("datasets", n_events=1500, seed=1)
sample = TopTagging.at("datasets", source="generated")
train, test = sample.open("train"), sample.open("test")
print(len(train), "train and", len(test), "test jets;", train.y[:].mean(), "of the train jets are top jets")

# %%
# An event is 200 four-momenta, most of them padding, sorted by transverse momentum:

constituents, _ = sample.open("train").X
print(constituents.shape, constituents[0, :3])

# %%
# A look
# ------
# Where the particles of a jet are, relative to its axis; areas go with their transverse momentum. A top jet
# tends to have three centres and the mass of a top quark, a QCD jet one centre and any mass.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), gridspec_kw={"wspace": 0.45})
for label, ax in enumerate(axes):
    TopTagging.draw(train[int(np.argmax(train.y[:] == label))], ax)
    ax.set_title(f"{('QCD', 'top')[label]}: {ax.get_title()}")

# %%
# What a physicist looks at before a network does:

values = TopTagging.observables(train.take(slice(None)))
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
for ax, (name, bins) in zip(
    axes,
    {"jet mass [GeV]": np.linspace(0, 300, 41), "constituents per jet": np.arange(0, 141, 5)}.items(),
    strict=True,
):
    for label in (0, 1):
        ax.hist(values[name][train.y[:] == label], bins, histtype="step", lw=1.6, label=("QCD", "top")[label])
    ax.set(xlabel=name, ylabel="jets")
    ax.legend()

# %%
# Graphs
# ------
# A network sees a jet as a graph: particles are nodes, joined to their nearest neighbours. Graphs are packed,
# one after the other without padding, and built where they are looked at.

some = sample.graphs("train")[0:32]
print(len(some), "graphs:", some.nodes.shape, "nodes and features,", some.edge_index.shape[1], "edges")

# %%
# Train
# -----
# Boosted trees on summary features, such as the jet mass, are the baseline of every network. FilterNet is this
# package's own network; this is a small one with few epochs, so that the page is built in seconds.

trees = pd4ml.train(sample, "gbdt")
small = {"width": 32, "depth": 1, "heads": 4, "dropout": 0.0}
recipe = load_recipe("filter_net_quick").override(name="filter_net_small", max_epochs=6, hyperparameters=small)
network = pd4ml.train(sample, recipe)

# %%
# Compare
# -------
# Every number comes with its error: the bootstrap error of the test events.

for run in (trees, network):
    auc = run.record.metrics["auc"]
    rejection = run.record.metrics["background_rejection_0.5"]
    print(
        f"{run.record.model['name']:10}  AUC {auc.value:.3f} ± {auc.error:.3f}"
        f"  1/eps_B at eps_S = 0.5: {'>' if rejection.lower_limit else ''} {rejection.value:.0f}"
    )

# %%
# The band is the central 68 % of the resamples. A curve ends where less than one QCD jet of the test split is
# left: there is nothing to say beyond. With few jets to learn from, trees on what physicists thought of are hard
# to beat.

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
for run in (trees, network):
    curve = roc_curve_with_band(run.predict(sample).output, test.y[:], group=test["event_id"])
    few = curve.background_efficiency > 1 / curve.n_background
    (line,) = ax.plot(
        curve.signal_efficiency[few], 1 / curve.background_efficiency[few], label=run.record.model["name"]
    )
    band = few & (curve.low > 1 / curve.n_background)
    ax.fill_between(
        curve.signal_efficiency[band],
        1 / curve.high[band],
        1 / curve.low[band],
        color=line.get_color(),
        alpha=0.25,
        lw=0,
    )
ax.set(yscale="log", xlabel="signal efficiency", ylabel="background rejection 1/eps_B", xlim=(0, 1))
ax.legend()

# %%
# Next: more events (``n_events=100_000``), the published recipe (``particle_net``), what systematic variations
# do (:doc:`/how_to/use`). The card says what every number is: ``TopTagging.print_description()``, or
# :doc:`/datasets/TopTagging`.
