"""
A model of your own
===================

Any ``torch.nn.Module`` that turns a batch of graphs into a number for each event is trained, evaluated and
recorded like the models of this package. Below is a deep set: a small network for each particle, the average
over the jet, a small network on top (arXiv:1703.06114).
"""

# %%
# The module
# ----------
# A batch is packed: the particles of all jets one after the other, without padding. ``average_nodes`` gives a
# row for each jet.

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import pd4ml
from pd4ml import TopTagging
from pd4ml.models.layers import average_nodes
from pd4ml.training import load_recipe


class DeepSet(nn.Module):
    def __init__(self, n_features, width=64):
        super().__init__()
        self.particle = nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.jet = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, batch):
        return self.jet(average_nodes(self.particle(batch.nodes), batch)).squeeze(-1)


# %%
# The training
# ------------
# A recipe says how: optimiser, schedule, batch size, epochs. Its own model is replaced by yours. Seed the
# weights yourself.

TopTagging.generate("datasets", n_events=1500, seed=1)
sample = TopTagging.at("datasets", source="generated")
torch.manual_seed(1)
model = DeepSet(sample.graphs("train")[0].nodes.shape[1])
recipe = load_recipe("filter_net_quick").override(name="deep_set", max_epochs=15, hyperparameters={})
run = pd4ml.train(sample, recipe, model=model)
trees = pd4ml.train(sample, "gbdt")

for name, one in (("deep set", run), ("trees", trees)):
    auc = one.record.metrics["auc"]
    print(f"{name:9} AUC {auc.value:.3f} ± {auc.error:.3f}")

# %%
# What a training leaves
# ----------------------
# A folder with the record, the weights, the features as they were fitted, and the history:

print(sorted(file.name for file in run.folder.iterdir()))
history = np.genfromtxt(run.folder / "history.csv", delimiter=",", names=True)
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.plot(history["epoch"], history["train_loss"], label="training")
ax.plot(history["epoch"], history["valid_loss"], label="validation")
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()

# %%
# Is it as good as the trees?
# ---------------------------
# Both saw the same test jets, and the same resamples of them are behind both sides of the difference: where two
# models make the same mistakes, these cancel in it. Events of one collision are drawn together.

from pd4ml.metrics import Predicted, paired_difference

test = sample.open("test")
group, truth = test["event_id"][:], test.y[:]
sides = [Predicted(one.predict(sample).output, truth, group=group) for one in (trees, run)]
difference = paired_difference("classification", *sides, paired=True).difference["auc"]
print(f"AUC of the deep set minus that of the trees: {difference.value:.3f} ± {difference.error:.3f}")

# %%
# On another day, ``pd4ml.load_run(folder, DeepSet(...))`` puts the weights into such a module again. Models
# that recipes and the command line know by name: :doc:`/how_to/own_model`.
