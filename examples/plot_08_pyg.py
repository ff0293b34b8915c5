"""
PyTorch Geometric
=================

Graphs of every dataset become a ``Batch`` of PyTorch Geometric with ``to_pyg``. What follows is a training
loop of one's own, which knows nothing of this package but its graphs, and at the end its metrics. It needs
``pip install torch_geometric``.
"""

# %%
# Graphs
# ------

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch_geometric.nn import GraphConv, global_mean_pool

from pd4ml import TopTagging
from pd4ml.evaluation import metrics

TopTagging.generate("datasets", n_events=1500, seed=1)
sample = TopTagging.at("datasets", source="generated")
graphs = {split: sample.graphs(split) for split in ("train", "test")}
target = {split: torch.tensor(sample.open(split).y[:], dtype=torch.float32) for split in ("train", "test")}
batch = graphs["train"][0:3].to_pyg()
print(batch)

# %%
# One jet, as its neighbours see it: two of the features are the place of a particle relative to the jet's
# axis.

one = graphs["train"][int(np.argmax(target["train"].numpy()))]
eta, phi = one.nodes[:, 2], one.nodes[:, 3]
source, to = one.edge_index
figure, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ax.plot(np.stack([eta[source], eta[to]]), np.stack([phi[source], phi[to]]), color="grey", lw=0.3)
ax.scatter(eta, phi, s=14, zorder=3)
ax.set(xlabel="Δη to the jet", ylabel="Δφ to the jet", title="a top jet and its edges", aspect="equal")

# %%
# A network and a loop
# --------------------


class Network(torch.nn.Module):
    def __init__(self, n_features, width=32):
        super().__init__()
        self.first, self.second = GraphConv(n_features, width, "mean"), GraphConv(width, width, "mean")
        self.last = torch.nn.Linear(width, 1)

    def forward(self, batch):
        x = self.first(batch.x, batch.edge_index).relu()
        x = self.second(x, batch.edge_index).relu()
        return self.last(global_mean_pool(x, batch.batch)).squeeze(-1)


torch.manual_seed(1)
network = Network(batch.x.shape[1])
optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
loss = torch.nn.BCEWithLogitsLoss()
batches = [
    (graphs["train"][i : i + 50].to_pyg(), target["train"][i : i + 50]) for i in range(0, len(graphs["train"]), 50)
]
for epoch in range(10):
    total = 0.0
    for inputs, wanted in batches:
        optimiser.zero_grad()
        value = loss(network(inputs), wanted)
        value.backward()
        optimiser.step()
        total += value.item()
    print(f"epoch {epoch + 1}: loss {total / len(batches):.3f}")

# %%
# Metrics
# -------
# With bootstrap errors, and jets of one collision drawn together:

with torch.no_grad():
    logit = network(graphs["test"][:].to_pyg()).numpy()
test = sample.open("test")
for name, found in metrics("classification", logit, test.y[:], group=test["event_id"][:]).items():
    print(f"{name:26} {'>' if found.lower_limit else ' '} {found.value:7.3f} ± {found.error:.3f}")

# %%
# The same predictions can be put on a leaderboard: :doc:`/how_to/evaluation`.
