"""A small dataset with every kind of array, for tests of what serves all datasets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs, no_edges
from pd4ml.storage.store import Array

__all__ = ["CHUNK_EVENTS", "Toy", "ToyConfig", "simulate"]

CHUNK_EVENTS = 50


@dataclass(frozen=True)
class ToyConfig:
    """``shift`` separates the classes; ``seconds`` is slept per chunk; ``log`` notes each chunk made.

    ``centre`` is where the points lie: a tuple, which becomes a list in JSON.
    """

    shift: float = 1.0
    seconds: float = 0.0
    bad: bool = False
    log: str = ""
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise DataError(f"shift must not be negative, found {self.shift}")


def simulate(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    """``n`` events of five points, shifted by class."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n, dtype=np.uint8)
    points = rng.normal(label[:, None, None] * config.shift + np.array(config.centre), 1, (n, 5, 2)).astype(
        np.float32
    )
    if config.bad:
        points[n // 2, 0, 0] = np.nan
    if config.log:
        with Path(config.log).open("a") as log:
            log.write(f"{split} {n}\n")
    time.sleep(config.seconds)
    return {"points": points, "grid": np.arange(3, dtype=np.int64), "label": label}


class Toy(Dataset):
    """Two classes of five points."""

    card = Card(
        name="Toy",
        version="1",
        title="points for tests",
        task="classification",
        description="Made for tests.",
        inputs=(
            ArraySpec("points", (5, 2), "float32", "1", "five points"),
            ArraySpec("grid", (3,), "int64", "1", "the same for all events", per_event=False),
        ),
        target=ArraySpec("label", (), "uint8", "1", "0 or 1"),
        classes=("zero", "one"),
        splits=MappingProxyType({"train": 160, "test": 40}),
        sources=(),
        variants=MappingProxyType(
            {"default": Variant("as is"), "far": Variant("far apart", MappingProxyType({"shift": 5.0}))}
        ),
        licence="MIT",
        citations=(Citation("Toy", "@misc{Toy}"),),
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Random points."""
        return Simulator(simulate, ToyConfig, chunk_events=CHUNK_EVENTS)

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """A chain of the five points."""
        points = np.asarray(arrays["points"], np.float32)
        n = len(points)
        local = np.array([[1, 0, 2, 1, 3, 2, 4, 3], [0, 1, 1, 2, 2, 3, 3, 4]])
        edge_index = (5 * np.arange(n)[:, None, None] + local).transpose(1, 0, 2).reshape(2, -1)
        return PackedGraphs(points.reshape(-1, 2), edge_index if edges else no_edges(), 5 * np.arange(n + 1), 6)
