"""Objectives: what a network is trained for, named in a recipe's ``[method]`` table. Nothing here loads torch.

    [method]
    kind = "supervised"

An objective is a frozen dataclass of its options with a ``kind``, and is read like a schedule. A new one
is a class with `register_objective` in a module of its own.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.tasks import Task

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import Tensor, nn

    from pd4ml.training.data import TrainingBatch, TrainingData

__all__ = ["OBJECTIVES", "Objective", "Quantities", "Supervised", "register_objective"]

_Class = TypeVar("_Class", bound="type[Objective]")


@dataclass(frozen=True)
class Quantities:
    """What an objective sees of a part of the events: quantities (n,) by name, target (n, ...), task."""

    values: Mapping[str, NDArray[Any]]
    target: NDArray[Any]
    task: Task


@dataclass(frozen=True)
class Objective(abc.ABC):
    """What is minimised, with which networks, and which arrays it needs besides the target.

    ``networks`` that an objective adds to the model are trained with it and are not part of what predicts. One
    whose model gives more numbers than the task asks for, the value first, says so with ``n_outputs``, and with
    ``readout`` how predictions are made of them. Where the smallest validation loss says nothing, since losses are
    against one another or weights are averaged, ``keeps_best`` is false: nothing stops early, and the last epoch's
    weights are kept.
    """

    kind: ClassVar[str]
    readout: ClassVar[str] = "value"  # how predictions are read off the model; see pd4ml.training.readout
    keeps_best: ClassVar[bool] = True

    def check(self, card: Card, task: Task) -> None:  # noqa: B027  most can use any data
        """Raise DataError, in one line and before anything is trained, for data that it is not made for."""

    def arrays(self, card: Card) -> tuple[str, ...]:
        """Names of the per-event arrays that a batch must carry, besides the target."""
        return ()

    def quantities(self) -> tuple[str, ...]:
        """Arrays, summary features or expressions over both that `prepare` sees; see ``pd4ml.quantity``."""
        return ()

    def beside(self) -> Mapping[str, float | None]:
        """Quantities that nodes carry besides features, with what predictions take; None: each event's own."""
        return {}

    def prepare(self, part: Quantities, training: Quantities) -> Mapping[str, NDArray[Any]]:
        """Further numbers (n,) of the events of ``part`` that batches carry; what is fitted is to ``training``."""
        return {}

    def networks(self, model: nn.Module, task: Task) -> dict[str, nn.Module]:
        """Networks to train besides the model, by name."""
        return {}

    def optimisers(self) -> dict[str, tuple[str, ...]]:
        """For each optimiser the networks whose parameters it steps; the model is called ``model``."""
        return {"model": ("model",)}

    def n_outputs(self, task: Task) -> int:
        """Numbers that the model gives for each event, or for each node."""
        return task.n_outputs

    def start(self, mean: Any, scale: Any) -> tuple[Any, Any]:
        """Mean and scale that the outputs of a regression start with, made of those of the training target."""
        return mean, scale

    def every(self) -> Mapping[str, int]:
        """Of optimisers that do not step in each batch: in every how many."""
        return {}

    @abc.abstractmethod
    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The loss of a batch for each optimiser. ``loss`` is the task's, of an output and the batch."""

    def callbacks(self) -> list[Any]:
        """Further Lightning callbacks."""
        return []

    def finish(self, model: nn.Module, trainer: Trainer, data: TrainingData) -> dict[str, Tensor]:
        """Change the trained ``model``, if need be, and give the arrays that the readout needs."""
        return {}


class Loss(abc.ABC):
    """The task's loss with all that a recipe says of it: a callable from (output, batch) to the mean loss."""

    task: Task

    @abc.abstractmethod
    def __call__(self, output: Tensor, batch: TrainingBatch) -> Tensor:
        """Mean loss of the batch, in float32 at any precision."""


OBJECTIVES: dict[str, type[Objective]] = {}


def register_objective(cls: _Class) -> _Class:
    """Class decorator that makes an objective known by its ``kind``."""
    OBJECTIVES[cls.kind] = cls
    return cls


@register_objective
@dataclass(frozen=True)
class Supervised(Objective):
    """The task's loss between the model's output and the target."""

    kind: ClassVar[str] = "supervised"

    def check(self, card: Card, task: Task) -> None:
        """There must be a target."""
        if task.name == "unlabelled":
            raise DataError(
                f"{card.name} has no target, which supervised training needs: choose another kind in [method]"
            )

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The loss of the model's output."""
        return {"model": loss(networks["model"](batch.graphs), batch)}
