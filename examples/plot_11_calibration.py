"""
What can be trusted
===================

A tagger says 0.9: are nine of ten such events what it says? An estimate of Xmax says 750 g/cm²: within which
limits, and how often? Probabilities are calibrated, intervals made, and both held against the truth, also where
the simulation is another one.
"""

# %%
# A classifier that is not sure enough
# ------------------------------------
# Candidates of B decays, and boosting that was stopped after ten trees: it knows which are more likely signal, and
# says so with too little confidence.

import matplotlib.pyplot as plt
import numpy as np

import pd4ml
from pd4ml import Airshower, Belle
from pd4ml.benchmark import calibrate, ensemble, intervals
from pd4ml.training import load_recipe

Belle.generate("datasets/larger", n_events=4000, seed=1)
sample = Belle.at("datasets/larger", source="generated")
recipe = load_recipe("gbdt").override(max_epochs=10, hyperparameters={"max_features": 0.5})
run = pd4ml.train(sample, recipe)
calibrated = calibrate(run, "datasets/larger")
print(f"T = {calibrated.record.method['temperature']:.2f} ± {calibrated.record.method['error']:.2f}")
for each in (run, calibrated):
    print({name: str(each.record.metrics[name]) for name in ("auc", "log_loss", "calibration_error")})

# %%
# How often events are signal, against the probability that is said. The order of the events, and with it the AUC,
# is the same.

truth = sample.open("test").y[:]
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for each, label in ((run, "as trained"), (calibrated, "with a temperature")):
    score = each.predict(sample).score
    bins = np.array_split(np.argsort(score), 10)
    p, share = (np.array([values[b].mean() for b in bins]) for values in (score, truth))
    error = np.sqrt(share * (1 - share) / len(bins[0]))
    ax.errorbar(p, share, error, fmt="o", capsize=3, label=label)
ax.plot([0, 1], [0, 1], color="grey", lw=0.8)
ax.set(xlabel="probability", ylabel="share of signal")
ax.legend()

# %%
# An ensemble
# -----------
# Trees that see half of the features, drawn anew for each cut, differ with the seed. The mean of three has a
# log-loss that is never above their mean; whether it is below the best of them is to be seen.

runs = [run, *(pd4ml.train(sample, recipe, seed=seed) for seed in (2, 3))]
mean = ensemble(runs, "datasets/larger")
for each in (*runs, mean):
    print(f"{each.record.recipe['name']:36} log-loss {each.record.metrics['log_loss']}")

# %%
# Intervals
# ---------
# Xmax of air showers with boosted trees. Intervals of 68 % hold 68 of 100 showers like those of the training; of
# iron alone, or with detectors half as far apart, nothing is promised.

Airshower.generate("datasets", n_events=2500, seed=1)
for variant in ("iron", "dense"):
    Airshower.generate("datasets", n_events=700, seed=2, variant=variant)
trees = pd4ml.train(Airshower.at("datasets", source="generated"), "gbdt")
(level,) = intervals(trees, "datasets", coverage=[0.68], variants=["iron", "dense"])["levels"]
print(f"half width {level['quantiles'][0]:.1f} g/cm2")
parts = {"test events": level["all"], **{of["variant"]: of["all"] for of in level["variants"]}}
for name, part in parts.items():
    print(f"{name:12} {part['value']:.3f} ± {part['error']:.3f}")

# %%
# One width is not right for all: in bins of the prediction, which a user sees, coverage differs, and ``by`` gives
# each bin its own width. In bins of the truth it falls at the ends for any intervals: who selects extreme showers
# selects those that were pulled most towards the middle.

figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
for kind, marker in (("by_prediction", "o"), ("by_truth", "s")):
    shares, errors = ([part[of] for part in level[kind]] for of in ("value", "error"))
    ax.errorbar(range(1, len(shares) + 1), shares, errors, fmt=marker, capsize=3, label=f"quarters {kind[3:]}")
ax.axhline(0.68, color="grey", lw=0.8)
ax.set(xticks=(1, 2, 3, 4), xlabel="quarter, from the lowest", ylabel="coverage")
ax.legend()

# %%
# More: :doc:`/how_to/uncertainty`, with measured tables of five datasets.
