"""Small datasets of every kind of task: classes, vectors, labels of nodes; with weights and groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from helpers.records import example_record
from helpers.toy import Toy
from pd4ml.benchmark.record import Record
from pd4ml.card import ArraySpec, Card, Task
from pd4ml.dataset import Dataset
from pd4ml.evaluation import Predictions
from pd4ml.evaluation.truth import dataset_truth
from pd4ml.generation.simulator import Simulator
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.store import Array

__all__ = ["PLACES", "ToyClasses", "ToyNodes", "ToyVectors", "outputs_of", "run_of"]

PLACES = 6
CLASSES = ("up", "down", "strange")


@dataclass(frozen=True)
class NoConfig:
    """Nothing to set."""


def points_and_more(n: int, rng: np.random.Generator) -> dict[str, Array]:
    """Points that say nothing, weights, and pairs of events that belong together."""
    return {
        "points": rng.normal(size=(n, PLACES, 2)).astype(np.float32),
        "event_weight": rng.gamma(4, 0.25, n).astype(np.float32) + np.float32(0.01),
        "pair": (np.arange(n) // 2 + rng.integers(1 << 40)).astype(np.int64),
    }


def classes(n: int, seed: np.random.SeedSequence, config: NoConfig, split: str) -> dict[str, Array]:
    """Labels of three classes."""
    rng = np.random.default_rng(seed)
    return {**points_and_more(n, rng), "label": rng.integers(0, 3, n, dtype=np.uint8)}


def vectors(n: int, seed: np.random.SeedSequence, config: NoConfig, split: str) -> dict[str, Array]:
    """Vectors of three components."""
    rng = np.random.default_rng(seed)
    return {**points_and_more(n, rng), "vertex": rng.normal([0, 10, 100], [1, 2, 5], (n, 3)).astype(np.float32)}


def nodes(n: int, seed: np.random.SeedSequence, config: NoConfig, split: str) -> dict[str, Array]:
    """Labels of one to six nodes, -1 where none is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (n, PLACES)).astype(np.int8)
    labels[np.arange(PLACES) >= rng.integers(1, PLACES + 1, (n, 1))] = -1
    return {**points_and_more(n, rng), "track": labels}


def card(name: str, task: Task, target: ArraySpec, of_classes: tuple[str, ...]) -> Card:
    extras = (
        ArraySpec("event_weight", (), "float32", "1", "what an event counts"),
        ArraySpec("pair", (), "int64", "1", "two events each"),
    )
    return replace(
        Toy.card,
        name=name,
        task=task,
        inputs=(ArraySpec("points", (PLACES, 2), "float32", "1", "points"),),
        target=target,
        classes=of_classes,
        extras=extras,
        group="pair",
        weight="event_weight",
        variants=MappingProxyType({"default": Toy.card.variants["default"]}),
    )


class ToyClasses(Dataset):
    """Three classes."""

    card = card("ToyClasses", "classification", ArraySpec("label", (), "uint8", "1", "0 to 2"), CLASSES)

    @classmethod
    def simulator(cls) -> Simulator:
        """Random labels."""
        return Simulator(classes, NoConfig, chunk_events=50)


class ToyVectors(Dataset):
    """A regression of three components."""

    card = card("ToyVectors", "regression", ArraySpec("vertex", (3,), "float32", "mm", "a place"), ())

    @classmethod
    def simulator(cls) -> Simulator:
        """Random places."""
        return Simulator(vectors, NoConfig, chunk_events=50)


class ToyNodes(Dataset):
    """A label for each of some nodes."""

    card = card(
        "ToyNodes", "segmentation", ArraySpec("track", (PLACES,), "int8", "1", "0 to 2", padding=-1), CLASSES
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Random labels."""
        return Simulator(nodes, NoConfig, chunk_events=50)


def outputs_of(task: Task, truth: Any, rng: np.random.Generator, noise: float = 1.0) -> Any:
    """Outputs that know something of ``truth``: logits of three classes, or values and noise."""
    if task == "regression":
        return (truth + rng.normal(0.1, noise, truth.shape)).astype(np.float32)
    logits = 2 * np.eye(3)[truth.astype(int)] + rng.normal(0, noise, (len(truth), 3))
    return logits.astype(np.float32)


def run_of(dataset: type[Dataset], data: Path, folder: Path, recipe: str = "fcn", seed: int = 1) -> Record:
    """A finished run on the events in ``data``, which knows something of their truth."""
    truth = dataset_truth(dataset, "test", data, source="generated")
    output = outputs_of(truth.task, truth.values, np.random.default_rng(seed), 1 + len(recipe) / 10)
    predictions = Predictions(truth.task, truth.event_id, output, truth.node)
    folder.mkdir(parents=True)
    predictions.write(folder / "predictions.npz")
    example = example_record()
    facts = {"name": dataset.name, "task": truth.task, "fingerprint": truth.fingerprint}
    return example_record(
        dataset={**example.dataset, **facts, "unit": dataset.card.target.unit},
        recipe={**example.recipe, "name": recipe},
        seed=seed,
        events={"train": 640, "valid": 160, "test": predictions.n_events},
        metrics=truth.metrics(predictions),
        predictions={"file": "predictions.npz", "sha256": sha256_of(folder / "predictions.npz")},
        folder=folder,
    )
