"""Trainings on small events, for tests of what happens in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.toy import Toy
from pd4ml.sample import Sample
from pd4ml.training import Recipe
from pd4ml.training.data import TrainingData
from pd4ml.training.fitted import Options
from pd4ml.training.material import prepare
from pd4ml.training.network import ESTIMATOR, Network

__all__ = ["toy", "train_network", "training_data"]


def toy(path: Path) -> Sample:
    """The generated Toy in ``path``."""
    return Toy.at(path, source="generated")


def train_network(sample: Sample, recipe: Recipe, folder: Path, **options: Any) -> Network:
    """Train a network on ``sample``."""
    return ESTIMATOR.fit({"train": sample}, recipe, folder, Options(**options))


def training_data(sample: Sample, recipe: Recipe, seed: int = 1, n_events: int | None = None) -> TrainingData:
    """Batches as a training sees them."""
    return TrainingData(prepare({"train": sample}, recipe, n_events), batch_size=recipe.batch_size, seed=seed)
