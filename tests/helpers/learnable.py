"""Small datasets of every kind of task from which something can be learned, for tests from training to report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from helpers.toy import Toy
from pd4ml.card import ArraySpec, Card, Task, Variant
from pd4ml.dataset import Dataset
from pd4ml.generation.settings import within
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs, no_edges, packed_offsets
from pd4ml.storage.store import Array, Events

__all__ = ["LEARNABLE", "Classes", "Nodes", "Values", "Vectors", "Weighted"]

PLACES = 6
CLASSES = ("up", "down", "strange")


@dataclass(frozen=True)
class Config:
    """How the points are seen."""

    scale: float = within(1.0, 0.1, 10.0, what="factor on what is measured", stage="response")


def simulate(n: int, seed: np.random.SeedSequence, config: Config, split: str) -> dict[str, Array]:
    """One to six points an event (NaN is none), and all that could be asked of them."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(0, 1, (n, 2))
    points = rng.normal(centre[:, None], 0.5, (n, PLACES, 2))
    real = np.arange(PLACES) < rng.integers(1, PLACES + 1, (n, 1))
    angle = np.arctan2(points[..., 1], points[..., 0])
    of_event = np.arctan2(centre[:, 1], centre[:, 0])
    return {
        "points": np.where(real[..., None], config.scale * points, 0).astype(np.float32),
        "n_points": real.sum(axis=1).astype(np.int64),
        "pair": (np.arange(n) // 2 + 2 * rng.integers(1 << 40)).astype(np.int64),
        "event_weight": rng.gamma(4, 0.25, n).astype(np.float32) + np.float32(0.01),
        "label": np.digitize(of_event, (-1.0, 1.0)).astype(np.uint8),
        "two": (centre[:, 0] > 0).astype(np.uint8),
        "vector": (centre * (1, 100) + (0, 50)).astype(np.float32),
        "value": (10 * centre[:, 0] + 700).astype(np.float32),
        "of_nodes": np.where(real, np.digitize(angle, (-1.0, 1.0)), -1).astype(np.int8),
    }


class Learnable:
    """What all have in common; a dataset says what is asked."""

    card: ClassVar[Card]

    @classmethod
    def simulator(cls) -> Simulator:
        """Points around a centre."""
        simulated = _OnlyItsArrays(tuple(spec.name for spec in cls.card.arrays))
        return Simulator(simulated, Config, chunk_events=50, truth=(cls.card.target.name,))

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """The spread of the points."""
        return {"spread": float(np.std(np.asarray(events["points"])))}

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """A ring of the points."""
        sizes = np.asarray(arrays["n_points"])
        offsets, mask = packed_offsets(sizes), np.arange(PLACES) < sizes[:, None]
        nodes = (arrays["points"][mask] / np.float32(fitted["spread"])).astype(np.float32)
        if not edges:
            return PackedGraphs(nodes, no_edges(), offsets, PLACES)
        node, size = np.arange(len(nodes)), np.repeat(sizes, sizes)
        first = np.repeat(offsets[:-1], sizes)
        following = first + (node - first + 1) % size
        both = np.stack([np.concatenate([node, following]), np.concatenate([following, node])])
        both = np.unique(both[:, both[0] != both[1]], axis=1)
        return PackedGraphs(nodes, both[:, np.lexsort(both)], offsets, PLACES)

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Mean and number of the points."""
        mean = arrays["points"].sum(axis=1) / arrays["n_points"][:, None]
        return {"x": mean[:, 0], "y": mean[:, 1], "n": arrays["n_points"]}


@dataclass(frozen=True)
class _OnlyItsArrays:
    names: tuple[str, ...]
    __name__ = "simulate"

    def __call__(self, n: int, seed: np.random.SeedSequence, config: Config, split: str) -> dict[str, Array]:
        every = simulate(n, seed, config, split)
        return {name: every[name] for name in self.names}


def _card(name: str, task: Task, target: ArraySpec, classes: tuple[str, ...] = (), **changes: Any) -> Card:
    return replace(
        Toy.card,
        name=name,
        task=task,
        inputs=(
            ArraySpec("points", (PLACES, 2), "float32", "1", "points"),
            ArraySpec("n_points", (), "int64", "1", "how many there are"),
        ),
        target=target,
        classes=classes,
        variants=MappingProxyType(
            {"default": Variant("as is"), "scaled": Variant("wider", MappingProxyType({"scale": 1.5}))}
        ),
        **changes,
    )


_WEIGHT = ArraySpec("event_weight", (), "float32", "1", "what an event counts")
_PAIR = ArraySpec("pair", (), "int64", "1", "two events each")
_LABEL = ArraySpec("label", (), "uint8", "1", "0 to 2")


class Classes(Learnable, Dataset):
    """Three classes."""

    card = _card("LearnClasses", "classification", _LABEL, CLASSES)


class Weighted(Learnable, Dataset):
    """Two classes of weighted events, two of each group, with a split of their own to validate on."""

    card = _card(
        "LearnWeighted",
        "classification",
        ArraySpec("two", (), "uint8", "1", "0 or 1"),
        ("left", "right"),
        extras=(_WEIGHT, _PAIR),
        weight="event_weight",
        group="pair",
    )


class Values(Learnable, Dataset):
    """A value."""

    card = _card("LearnValues", "regression", ArraySpec("value", (), "float32", "g/cm2", "a value"))


class Vectors(Learnable, Dataset):
    """A vector whose components differ in scale."""

    card = _card("LearnVectors", "regression", ArraySpec("vector", (2,), "float32", "mm", "a place"))


class Nodes(Learnable, Dataset):
    """A label for each node."""

    card = _card(
        "LearnNodes",
        "segmentation",
        ArraySpec("of_nodes", (PLACES,), "int8", "1", "0 to 2", padding=-1),
        CLASSES,
    )


LEARNABLE = (Classes, Weighted, Values, Vectors, Nodes)
