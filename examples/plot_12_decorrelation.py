"""
A score against a nuisance
==========================

A cut on a tagger's score sculpts the mass spectrum of what passes, and a score moves with every setting of the
detector that nobody measured. These are two problems, with two ways out (:doc:`/how_to/decorrelation`). Here both
are shown on events that take no time to make; on a dataset the first is ``pd4ml decorrelate RUN --from mass``.

An observed quantity
--------------------
Background has a falling mass spectrum and signal a peak. The network sees a number that tells of the class, and
one that tells of the mass.
"""

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml.benchmark.decorrelate import flatten_run, sculpting_of_run
from pd4ml.training import load_recipe

rng = np.random.default_rng(1)
n = 24_000
label = rng.integers(0, 2, n)
mass = np.where(label == 1, rng.normal(170, 15, n), 40 + rng.exponential(70, n))
seen = {"substructure": rng.normal(1.2 * label), "smeared_mass": mass + rng.normal(0, 10, n)}
jets = pd4ml.own_data(seen, label, "datasets", name="Bump", extras={"mass": mass}, graph="none")

small = load_recipe("fcn_quick").override(
    name="small",
    batch_size=1024,
    learning_rate=1e-2,
    max_epochs=10,
    hyperparameters={"width": 32, "depth": 3},
)
plain = pd4ml.train(jets, small, runs_dir="runs/bump")
flat = flatten_run(plain, "datasets", of="mass")

# %%
# The flattened score is a rank among background of the same mass, taken from the validation events. What it costs
# in rejection, and what it leaves of the background's shape, is measured on test events.

for name, run in {"plain": plain, "flattened": flat}.items():
    found = sculpting_of_run(run, "datasets", of="mass")
    print(name, {key: found[key] for key in ("rejection_0.5", "inverse_jsd_0.5", "inverse_jsd_limit_0.5")})

test = jets.open("test")
of_test, background = np.asarray(test["mass"]), np.asarray(test.y) == 0
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
edges = np.linspace(40, 400, 37)
ax.hist(of_test[background], edges, density=True, alpha=0.3, label="all background")
for name, run in {"plain": plain, "flattened": flat}.items():
    score = run.predict(jets).output
    passes = background & (score > np.median(score[~background]))
    ax.hist(of_test[passes], edges, density=True, histtype="step", label=f"passes, {name}")
ax.set(xlabel="mass", ylabel="density", title="half of the signal passes")
_ = ax.legend()

# %%
# A nuisance that is not observed
# -------------------------------
# The toy of arXiv:1611.01046: class 1 lies around (1, 1 + z), and z is known in training only. The score of a
# network that uses x2 moves with z; ``disco`` takes the squared distance correlation of score and z into the loss.

label = rng.integers(0, 2, 40_000)
z = rng.normal(size=40_000)
x = rng.normal(size=(40_000, 2))
x[label == 0] = x[label == 0] @ np.linalg.cholesky([[1, -0.5], [-0.5, 1]]).T
x[label == 1] += np.stack([np.ones(40_000), 1 + z], axis=1)[label == 1]
toy = pd4ml.own_data(x, label, "datasets", name="Pivot", extras={"z": z}, graph="none")

test = toy.open("test")
is_one, of_test = np.asarray(test.y) == 1, np.asarray(test["z"])
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, strength in zip(axes, (0.0, 5.0), strict=True):
    method = {"kind": "disco", "nuisance": "z", "strength": strength, "classes": [1]}
    recipe = small.override(name=f"disco{strength:g}", learning_rate=2e-2, method=method)
    run = pd4ml.train(toy, recipe, runs_dir="runs/pivot")
    score = run.predict(toy).score
    for low, high in ((-3, -0.5), (-0.5, 0.5), (0.5, 3)):
        here = is_one & (of_test > low) & (of_test < high)
        ax.hist(score[here], np.linspace(0, 1, 31), density=True, histtype="step", label=f"{low} < z < {high}")
    ax.set(xlabel="score of class 1", title=f"strength {strength:g}: AUC {run.record.metrics['auc']}")
_ = axes[0].legend()

# %%
# What is lost came from x2: no score that does not depend on z at all can have an area of more than 0.764, which
# is known exactly, and one that may has 0.859.
