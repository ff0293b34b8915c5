"""
Unfolding a spectrum
====================

A detector smears what it measures. Two methods undo it on a toy of which the truth is known; with generated jets
that is ``pd4ml unfold TopTagging --data tune_a14 --observables mass --out unfolded`` (:doc:`/how_to/unfolding`).

Truth, data and a simulation that is wrong
------------------------------------------
The detector is a Gaussian of width 0.5. The simulation has the right detector and the wrong truth.
"""

import matplotlib.pyplot as plt
import numpy as np

from pd4ml.methods.unfold.common import counts, floor, response_of, triangular
from pd4ml.methods.unfold.ibu import ibu
from pd4ml.methods.unfold.omnifold import omnifold

n, edges = 10_000, np.linspace(-3, 4, 29)
rng = np.random.default_rng(1)
truth, particle = rng.normal(0.2, 0.8, n), rng.normal(0.8, 1.2, n)
data, detector = truth + rng.normal(0, 0.5, n), particle + rng.normal(0, 0.5, n)
wanted, prior, measured = (counts(values, edges) for values in (truth, particle, data))

# %%
# Iterative Bayes
# ---------------
# Every iteration asks where the data must have come from, given what was found before. A few are enough; many fit
# the fluctuations of the data.

response = response_of(particle, detector, edges, edges)
steps = [1, 2, 3, 5, 8, 15, 30, 60, 100]
distance = [triangular(ibu(measured, response, prior, k), wanted) for k in steps]

figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
axes.plot(steps, distance, "o-")
axes.axhline(floor(len(wanted), n, n), color="grey", linestyle=":", label="two samples of one truth")
axes.set(xscale="log", yscale="log", xlabel="iterations", ylabel="triangular discriminator x $10^3$")
axes.legend()

# %%
# OmniFold
# --------
# Without bins: trees reweigh the simulation's events until they look like the data, then say what that means
# before the detector.

weight = omnifold(particle[:, None], detector[:, None], data[:, None], 4)
found = {"ibu": ibu(measured, response, prior, 4), "omnifold": counts(particle, edges, weight)}

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.stairs(wanted, edges, fill=True, alpha=0.3, color="grey", label="truth")
axes.stairs(prior, edges, color="grey", label="simulation")
axes.stairs(measured, edges, color="black", linestyle=":", label="data")
for name, spectrum in found.items():
    axes.plot((edges[1:] + edges[:-1]) / 2, spectrum, "o", ms=3, label=name)
axes.set(xlabel="x", ylabel="events per bin")
axes.legend()

for name, spectrum in {"before": prior, **found}.items():
    print(f"{name:9} {triangular(spectrum, wanted):6.2f}")
