"""A plan of short trainings of Toy, with recipes beside it, for tests of what runs plans."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pd4ml.benchmark import Cell

__all__ = ["RECIPE", "train_or_die", "write_plan", "write_recipe"]

RECIPE = """
model = "{model}"
description = "for tests"
reference = "none"
learning_rate = 1e-2
batch_size = 32
max_epochs = {epochs}
patience = {epochs}
min_delta = 0
schedule = {{ kind = "constant" }}
hyperparameters = {{ width = 8, depth = {depth} }}
"""


def write_recipe(folder: Path, name: str, model: str = "fcn", depth: int = 1, epochs: int = 1) -> str:
    """A recipe file in ``folder``; its name with the suffix."""
    (folder / f"{name}.toml").write_text(RECIPE.format(model=model, depth=depth, epochs=epochs))
    return f"{name}.toml"


def write_plan(folder: Path, *recipes: str, seeds: tuple[int, ...] = (1,)) -> Path:
    """A plan file in ``folder`` for 200 events of Toy."""
    file = folder / "plan.toml"
    file.write_text(
        f'datasets = ["Toy"]\nseeds = {list(seeds)}\nrecipes = {list(recipes)}\nevents = {{ default = 200 }}\n'
    )
    return file


def train_or_die(cell: Cell, **options: Any) -> Any:
    """Train a cell, or end the process at once if its recipe is called ``dies``."""
    if cell.recipe.name == "dies":
        os._exit(1)
    from pd4ml.benchmark import execute

    return execute._train(cell, **options)
