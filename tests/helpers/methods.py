"""A method and a transform, for tests of what carries them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from pd4ml.card import Card
from pd4ml.sample import Sample
from pd4ml.tasks import Task
from pd4ml.training.data import TrainingBatch
from pd4ml.training.fitted import Fitted
from pd4ml.training.network import Network
from pd4ml.training.objectives import Loss, Objective, register_objective

__all__ = ["Adversarial", "Sharper"]


@register_objective
@dataclass(frozen=True)
class Adversarial(Objective):
    """A second network guesses an array from the model's output, with an optimiser of its own."""

    array: str = "n_points"
    strength: float = 0.1
    kind: ClassVar[str] = "adversarial_for_tests"

    def arrays(self, card: Card) -> tuple[str, ...]:
        """What the adversary guesses."""
        return (self.array,)

    def networks(self, model: nn.Module, task: Task) -> dict[str, nn.Module]:
        """The adversary."""
        return {"adversary": nn.Sequential(nn.Linear(task.n_outputs, 8), nn.Tanh(), nn.Linear(8, 1))}

    def optimisers(self) -> dict[str, tuple[str, ...]]:
        """One each."""
        return {"model": ("model",), "adversary": ("adversary",)}

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The model's loss minus what the adversary achieves; the adversary's."""
        output = networks["model"](batch.graphs)
        guess = networks["adversary"](output.reshape(len(batch), -1)).squeeze(-1)
        achieved = (guess - batch.arrays[self.array]).square().mean()
        return {"model": loss(output, batch) - self.strength * achieved, "adversary": achieved}


@dataclass(frozen=True)
class Sharper:
    """Multiplies what the head gives by ``factor``."""

    factor: float = 2.0
    kind: ClassVar[str] = "sharper"

    def apply(self, fitted: Fitted, samples: Mapping[str, Sample], folder: Path) -> Fitted:
        """A copy of the network with a larger last layer."""
        assert isinstance(fitted, Network)
        model = copy.deepcopy(fitted.model)
        with torch.no_grad():
            for parameter in model.head.parameters():  # type: ignore[union-attr]
                parameter.mul_(self.factor)
        return Network(fitted.dataset, fitted.task, fitted.view, None, model, fitted.recipe)
