"""
A composition from many showers
===============================

A shower of iron looks much like one of a proton, so that one shower says little of what cosmic rays are. Many say
more: how much, and is what a network claims of them right? On the command line this is ``pd4ml infer Airshower
--share primary=56`` (:doc:`/how_to/inference`).

Sets that share a truth
-----------------------
Showers of protons and of iron can be mixed in any proportion, so that there are as many sets of showers with a
known share of iron as one likes. An encoder learns from sets of one and two, a flow from means of N
(arXiv:2605.07972).
"""

import matplotlib.pyplot as plt
import numpy as np

from pd4ml import Airshower
from pd4ml.benchmark import Question, infer, observe
from pd4ml.training import load_recipe

Airshower.generate("datasets", n_events=2000, seed=14, variant="proton_iron")
showers = Airshower.at("datasets", source="generated", variant="proton_iron")
recipe = load_recipe("filter_net_quick", Airshower).override(max_epochs=4)
iron = Question("primary", 56)
found = infer(showers, recipe, iron, n_events=20, folder="inferences/iron", n_sets=500)

# %%
# How well the share is known
# ---------------------------
# If each shower's nucleus were known, the share would still have the error of a binomial. A template fit of a
# score of single showers is the usual analysis.

sizes = [entry["events"] for entry in found["sizes"]]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
widths = {name: [entry[name]["width"]["value"] for entry in found["sizes"]] for name in ("known", "template")}
left.plot(sizes, widths["known"], "--", label="known nuclei")
left.plot(sizes, widths["template"], ":", label="template fit")
left.plot(sizes, [entry["width"]["value"] for entry in found["sizes"]], "o", label="posterior")
left.set(xscale="log", yscale="log", xlabel="showers", ylabel="width in the share of iron")
left.legend()

# %%
# Whether that is right
# ---------------------
# Among samples of its posterior the true share has a rank, which is uniform if posteriors are right. With so few
# showers they come out too narrow, and this is how one sees it; with ten times as many (:doc:`/how_to/inference`)
# regions hold what they say. ``pool`` says how far the finite number of showers may move a posterior, in units of
# its width.

last = found["sizes"][-1]
right.stairs(last["calibration"]["counts"], np.linspace(0, 1, 21))
right.set(xlabel="rank of the true share", ylabel=f"sets of {last['events']} showers", ylim=(0, None))
for entry in found["sizes"]:
    inside = entry["coverage"]["0.68"]
    print(f"{entry['events']:3} showers: 68 % regions hold {inside['value']:.2f} ± {inside['error']:.2f}", end="")
    print(f" of the truths; pool {entry['pool']:.2f}")

# %%
# Data
# ----
# Test events taken as data, in sets of 20; half of them are of iron.

seen = observe("inferences/iron", showers)
quantiles = np.array(seen["quantiles"])
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.errorbar(
    np.arange(len(quantiles)),
    quantiles[:, 2],
    np.abs(quantiles[:, [1, 3]] - quantiles[:, [2]]).T,
    fmt="o",
    capsize=2,
)
ax.axhline(0.5, color="tab:grey", linestyle=":")
ax.set(xlabel="set", ylabel="share of iron", ylim=(0, 1))
