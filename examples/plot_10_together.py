"""
One model of five groups
========================

Five groups simulate neutrinos in liquid argon, each in its own way, and none gives its events away. Can they train
one model (arXiv:2209.07191)? On the command line this is ``pd4ml collaborate LArTPC --recipe fcn_quick --split
variants`` (:doc:`/how_to/collaborate`).

The five simulations
--------------------
They differ in the drift field, in the law of recombination, in the purity of the argon, in how many pions a
nucleus absorbs; and each group has neutrinos of its own.
"""

import matplotlib.pyplot as plt

from pd4ml import LArTPC
from pd4ml.collaborate import collaborate, compare_ledgers, make_strategy

variants = ("default", "low_field", "birks", "impure", "absorption_up")
for seed, variant in enumerate(variants, 1):
    LArTPC.generate("datasets", n_events=600, seed=seed, variant=variant)
groups = {variant: LArTPC.at("datasets", source="generated", variant=variant) for variant in variants}

figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
for ax, variant in zip(axes, ("default", "impure"), strict=True):
    LArTPC.draw(groups[variant].open("test")[0], ax)
    ax.set_title(variant)

# %%
# Votes and means
# ---------------
# In a vote one group trains the common model for an epoch, and all take the result if at least half of the others
# find it better on events of their own. FedAvg takes the mean of what all groups have made of the model, every
# time. With it comes what groups reach alone, and what one model of all events does.

together = {
    "vote": collaborate(groups, "fcn_quick", "vote", rounds=15, folder="runs/vote", compare=False),
    "fedavg": collaborate(groups, "fcn_quick", "fedavg", rounds=15, folder="runs/fedavg"),
    "fedavg_vote": collaborate(
        groups,
        "fcn_quick",
        make_strategy("fedavg_vote", threshold=0.6),
        rounds=15,
        folder="runs/both",
        compare=False,
    ),
}
for kind, found in together.items():
    print(f"{kind:12} {found.accepted[0]:2} of {found.accepted[1]} proposals were taken")

# %%
# Nobody has to be believed: each group keeps a ledger of what was proposed, voted and decided, every entry signed.

n_entries = compare_ledgers("runs/vote/birks/ledger.jsonl", "runs/vote/impure/ledger.jsonl")
print(f"{n_entries} entries, the same in both ledgers")

# %%
# Alone, together, pooled
# -----------------------
# On the test events of all five simulations, with bootstrap errors of the events:

scores = {f"together, {kind}": found.scores["together"]["all"] for kind, found in together.items()}
ends = together["fedavg"].scores
scores |= {model: tests["all"] for model, tests in ends.items() if model != "together"}
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for place, (model, found) in enumerate(reversed(scores.items())):
    colour = "tab:blue" if model.startswith("together") else "tab:orange" if model == "pooled" else "tab:grey"
    auc = found["auc_macro"]
    ax.errorbar(auc.value, place, xerr=auc.error, fmt="o", capsize=3, color=colour)
ax.set_yticks(range(len(scores)), list(reversed(scores)))
ax.set_xlabel("AUC (macro), test events of all simulations")
