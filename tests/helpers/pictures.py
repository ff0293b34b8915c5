"""A small dataset of images, for tests of what looks at graphs that are grids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from helpers.toy import Toy
from pd4ml.card import ArraySpec
from pd4ml.dataset import Dataset
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array

__all__ = ["Pictures"]


@dataclass(frozen=True)
class NoConfig:
    """Nothing to set."""


def simulate(n: int, seed: np.random.SeedSequence, config: NoConfig, split: str) -> dict[str, Array]:
    """Images of three by four pixels; one class is brighter."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n, dtype=np.uint8)
    image = rng.normal(0.5 * label[:, None, None] + 1.0, 1.0, (n, 3, 4))
    return {"image": image.astype(np.float32), "label": label}


class Pictures(Dataset):
    """Two classes of images."""

    card = replace(
        Toy.card,
        name="Pictures",
        inputs=(ArraySpec("image", (3, 4), "float32", "1", "pixels"),),
        variants={"default": Toy.card.variants["default"]},
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Random images."""
        return Simulator(simulate, NoConfig)

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """The grid of the pixels."""
        return grid_graphs(np.asarray(arrays["image"], np.float32)[..., None], edges=edges)
