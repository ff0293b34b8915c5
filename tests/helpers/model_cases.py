"""Every model on small batches: graphs without and with kinds, grids; of a reference model its own inputs."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from helpers.graphs import random_graphs
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.models import ModelInputs, available, build
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.registry import model_class

__all__ = ["CASES", "Case", "loss", "with_nodes"]

F, MAX_NODES = 3, 12
SIZES = [5, 3, 1, 12, 0, 8]
GRIDS = ("fcn", "filter_net", "graph_net")  # whose code asks whether nodes lie on a grid
# Few layers and channels: differences of ten thousand numbers say no more than those of a hundred.
SMALL: dict[str, dict[str, Any]] = {
    "belle_graph_net": {"width": 8},
    "fcn": {"width": 8, "depth": 3},
    "filter_net": {"width": 8, "heads": 2, "depth": 2},
    "graph_net": {"width": 8},
    "lar_cnn": {"widths": (4, 6, 8), "mirrored": False},
    "particle_net": {"k": 3, "channels": ((4, 6), (8, 4)), "width": 8},
    "pct": {"width": 8, "neighbours": 3},
    "spct": {"width": 8},
}


class Case(NamedTuple):
    """A model and what it is tried on: ``kind`` is one of graph, kinds, grid, patches and reference."""

    name: str
    kind: str

    @property
    def inputs(self) -> ModelInputs:
        """The model's inputs."""
        made_for = model_class(self.name).made_for
        if made_for is not None:
            return made_for
        shape = {"grid": (4, 3), "patches": (12, 12)}.get(self.kind)
        size = MAX_NODES if shape is None else shape[0] * shape[1]
        return ModelInputs(F, size, "classification", 4 if self.kind == "kinds" else 0, shape)

    def model(self, **changes: Any) -> Model:
        """The model, without dropout, with its biases off zero: at zero is the corner of a ReLU."""
        torch.manual_seed(0)
        known = inspect.signature(model_class(self.name)).parameters
        dropout = {name: 0.0 for name in ("dropout", "last_dropout") if name in known}
        model = build(
            self.name, dataclasses.replace(self.inputs, **changes), **SMALL.get(self.name, {}), **dropout
        )
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    def batch(self, seed: int = 0) -> GraphBatch:
        """`graphs` as tensors."""
        return GraphBatch.from_packed(self.graphs(seed))

    def graphs(self, seed: int = 0) -> PackedGraphs:
        """Events of several sizes where the model takes them. Nodes on a grid have few values: some are alike."""
        inputs = self.inputs
        if inputs.grid is not None:
            counts = np.random.default_rng(seed).poisson(0.7, (4, *inputs.grid, F))
            counts[..., 1:] = counts[..., :1]
            return grid_graphs(counts.astype(np.float32))
        whole = self.kind == "reference" and not model_class(self.name).has_nodes
        sizes = [inputs.max_nodes] * 3 if whole else SIZES
        return random_graphs(sizes, inputs.n_features, inputs.max_nodes, seed, inputs.n_tokens)

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


def _cases() -> list[Case]:
    cases = []
    for name in available():
        of_a_room = model_class(name).__module__.startswith("pd4ml.datasets.")
        if of_a_room and model_class(name).made_for is None:
            continue  # made for several datasets of a room, whose tests try it
        if model_class(name).made_for is not None:
            cases.append(Case(name, "reference"))
            continue
        kinds = ["graph", "kinds", *(["grid"] if name in GRIDS else []), *["patches"] * (name == "filter_net")]
        cases += [Case(name, kind) for kind in kinds]
    return cases


CASES = _cases()


def with_nodes(batch: GraphBatch, nodes: Tensor) -> GraphBatch:
    """The same graphs with other features; nothing that was found before is kept."""
    return dataclasses.replace(batch, nodes=nodes)


def loss(output: Tensor) -> Tensor:
    """A number of which every output has a share of its own, not linear."""
    weight = torch.linspace(-1, 2, output.numel(), dtype=output.dtype, device=output.device).view(output.shape)
    return (output * weight).sum() + output.square().sum()
