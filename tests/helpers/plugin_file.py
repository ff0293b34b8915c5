"""A plugin: a dataset in one file, a model and an objective, each as small as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.dataset import Dataset
from pd4ml.generation.settings import within
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs, no_edges
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import average_nodes, dense
from pd4ml.models.registry import ModelInputs, register
from pd4ml.storage.store import Array
from pd4ml.training.data import TrainingBatch
from pd4ml.training.objectives import Loss, Objective, register_objective

__all__ = ["Darts", "Halved", "PlugLinear"]


@dataclass(frozen=True)
class Config:
    """Where darts land."""

    distance: float = within(1.0, 0.0, 5.0, "cm", "between the mean places of the two players")


def simulate(n: int, seed: np.random.SeedSequence, config: Config, split: str) -> dict[str, Array]:
    """Three darts (N, 3, 2) of one of two players."""
    rng = np.random.default_rng(seed)
    player = rng.integers(0, 2, n, dtype=np.uint8)
    darts = rng.normal(config.distance * player[:, None, None], 1, (n, 3, 2))
    return {"darts": darts.astype(np.float32), "player": player}


class Darts(Dataset):
    """Three darts of one of two players."""

    card = Card(
        name="Darts",
        version="1",
        title="three darts of one of two players",
        task="classification",
        description="Normally distributed darts.",
        inputs=(ArraySpec("darts", (3, 2), "float32", "cm", "horizontal and vertical place"),),
        target=ArraySpec("player", (), "uint8", "1", "0 or 1"),
        classes=("left", "right"),
        splits=MappingProxyType({"train": 80, "test": 20}),
        sources=(),
        variants=MappingProxyType({"default": Variant("as is")}),
        licence="MIT",
        citations=(Citation("Darts", "@misc{Darts}"),),
        graph="darts without edges",
        generator="normal distributions",
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Normal distributions."""
        return Simulator(simulate, Config, chunk_events=50)

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """Three nodes without edges."""
        darts = np.asarray(arrays["darts"], np.float32)
        return PackedGraphs(darts.reshape(-1, 2), no_edges(), 3 * np.arange(len(darts) + 1), 3)


@register("plug_linear")
class PlugLinear(Model):
    """A line through the mean of the nodes."""

    permutation_invariant = True
    needs_edges = False

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs)
        self.first = dense(inputs.n_features, 8)
        self.add_head(8)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 8)."""
        return average_nodes(torch.tanh(self.first(batch.nodes)), batch)


@register_objective
@dataclass(frozen=True)
class Halved(Objective):
    """Half the task's loss."""

    kind: ClassVar[str] = "halved"

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """Half of it."""
        return {"model": 0.5 * loss(networks["model"](batch.graphs), batch)}
