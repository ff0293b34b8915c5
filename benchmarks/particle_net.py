"""A training step of ParticleNet against weaver-core's, on the same generated jets, in turns, in one process.

Both have the published sizes and one output. weaver-core's works on jets padded to 100 constituents and gets its
padded arrays and mask ready-made; with masks its average is over real constituents, too, but padding takes part in
batch norm, and stands in for neighbours that small jets do not have. That ours is the plain network without these
is tested (tests/models/test_particle_net.py). weaver-core's model needs only PyTorch and NumPy, so ``make bench``
installs it without its other dependencies. ``python benchmarks/particle_net.py [folder of datasets]`` prints JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pd4ml
from pd4ml.graphs import PackedGraphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.batch import GraphBatch
from pd4ml.training import load_recipe

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.graph_net import row, training_step

__all__ = ["rows"]

N_JETS, TARGET = 128, 4.0


class WeaverParticleNet(nn.Module):
    """weaver-core's network with the sizes of ours; (B,) logits from points, features and mask (B, C, P)."""

    def __init__(self, n_features: int, sizes: dict[str, Any], *, trim: bool) -> None:
        super().__init__()
        network = importlib.import_module("weaver.nn.model.ParticleNet").ParticleNet
        self.network = network(
            n_features,
            1,
            conv_params=[(sizes["k"], tuple(channels)) for channels in sizes["channels"]],
            fc_params=[(sizes["width"], sizes["dropout"])],
            use_fusion=False,  # which the published network does not have
            trim=trim,
        )

    def forward(self, points: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        """(B,)."""
        result: Tensor = self.network(points, features, mask)
        return result.squeeze(1)


def step_row(graphs: PackedGraphs, *, trim: bool) -> dict[str, Any]:
    """One training step of the published network."""
    sizes = dict(load_recipe("particle_net").hyperparameters)
    inputs = ModelInputs(graphs.nodes.shape[1], graphs.max_nodes, "classification")
    models = build("particle_net", inputs, **sizes), WeaverParticleNet(inputs.n_features, sizes, trim=trim)
    target = torch.arange(len(graphs)).remainder(2).float()
    ours, other = (
        training_step(model, torch.optim.Adam(model.parameters(), fused=True), target) for model in models
    )
    nodes, mask = (torch.from_numpy(array) for array in graphs.dense_nodes())
    features = nodes.transpose(1, 2).contiguous()
    padded = features[:, sizes["coordinates"]], features, mask[:, None]
    return row(
        f"ParticleNet, one training step of {len(graphs)} TopTagging jets",
        "weaver-core 0.5.3, jets padded to "
        + ("a random quantile of the sizes: it drops constituents" if trim else "100, in batch norm, too"),
        len(graphs),
        lambda: ours(GraphBatch.from_packed(graphs)),
        lambda: other(*padded),
        TARGET,
    )


def rows(path: Path | None = None) -> list[dict[str, Any]]:
    """Both rows, on generated jets in ``path`` or on some made for it."""
    if path is None:
        with tempfile.TemporaryDirectory() as folder:
            pd4ml.TopTagging.generate(folder, n_events=2 * N_JETS, seed=1)
            return rows(Path(folder))
    graphs = pd4ml.TopTagging.graphs("train", path, source="generated")[:N_JETS]
    # weaver-core's default shortens jets; it is less work than ours has, and shown for that.
    return [step_row(graphs, trim=False), {**step_row(graphs, trim=True), "target": "shown"}]


if __name__ == "__main__":
    print(json.dumps(rows(Path(sys.argv[1]) if len(sys.argv) > 1 else None), indent=2))
