"""
Any framework: arrays in, arrays out
====================================

Events are NumPy arrays, and metrics take NumPy arrays. Whatever turns the one into the other can be trained
on these datasets. Here it is a neural network of scikit-learn; lines for Keras and JAX are in
:doc:`/how_to/other_frameworks`.
"""

# %%
# Arrays
# ------
# ``load`` gives the arrays of a split in the card's units. The features are ours to make: the twenty hardest
# particles of a jet, relative to the jet's axis.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pd4ml import TopTagging
from pd4ml.evaluation import metrics, roc_curve_with_band

TopTagging.generate("datasets", n_events=1500, seed=1)


def features(split):
    (constituents, _), label = TopTagging.load(split, "datasets", source="generated")
    _, px, py, pz = np.moveaxis(constituents[:, :20].astype(np.float64), -1, 0)
    jet_x, jet_y, jet_z = constituents[..., 1:].sum(axis=1, dtype=np.float64).T[..., None]
    pt, jet_pt = np.hypot(px, py), np.hypot(jet_x, jet_y)
    real = pt > 0
    eta = np.arcsinh(np.divide(pz, pt, where=real, out=np.zeros_like(pt))) - np.arcsinh(jet_z / jet_pt)
    phi = np.angle((px + 1j * py) * (jet_x - 1j * jet_y))
    return np.hstack([pt / jet_pt, np.where(real, eta, 0), np.where(real, phi, 0)]), label


x, y = features("train")
x_test, y_test = features("test")
print(x.shape, x_test.shape)

# %%
# A network
# ---------

network = make_pipeline(StandardScaler(), MLPClassifier((64, 64), alpha=1.0, early_stopping=True, random_state=1))
network.fit(x, y)
score = network.predict_proba(x_test)[:, 1]

# %%
# Numbers
# -------
# Metrics take logits, which keep their digits where probabilities pile up at 1. Jets of one collision are drawn
# together.

logit = np.log(score) - np.log1p(-score)
group = TopTagging.at("datasets", source="generated").open("test")["event_id"][:]
for name, found in metrics("classification", logit, y_test, group=group).items():
    print(f"{name:26} {'>' if found.lower_limit else ' '} {found.value:7.3f} ± {found.error:.3f}")

curve = roc_curve_with_band(logit, y_test, group=group)
figure, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
ax.plot(curve.signal_efficiency, curve.background_efficiency)
ax.fill_between(curve.signal_efficiency, curve.low, curve.high, alpha=0.25, lw=0)
ax.set(xlabel="signal efficiency", ylabel="background efficiency", xlim=(0, 1), ylim=(0, 1))

# %%
# A file for others
# -----------------
# With the events' places in their split, such a file is all that ``pd4ml evaluate`` and ``pd4ml leaderboard
# add`` need (:doc:`/how_to/evaluation`).

np.savez("scores.npz", event_id=np.arange(len(logit)), logit=logit.astype(np.float32), split="test")
