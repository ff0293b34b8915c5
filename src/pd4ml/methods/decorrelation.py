"""Objectives that make a network's output independent of a nuisance, or tell it. Nothing here loads torch.

    [method]
    kind = "disco"
    nuisance = "mass"
    strength = 10.0

``nuisance`` is an array of the events (a truth of the simulation, a setting that was drawn), a summary feature, or
an expression over both. What must not depend on it is, of a classification, the probabilities for events of
``classes``, of a regression the residual: a prediction follows its target, and that may depend on the nuisance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.expression import Expression
from pd4ml.tasks import Task
from pd4ml.training.objectives import Loss, Objective, Quantities, Supervised, register_objective

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pd4ml.training.data import TrainingBatch

__all__ = ["Disco", "Parametrised", "Pivot", "Planing"]

_NUISANCE = "nuisance"  # what batches call it; NaN for events that it is not taken out of
_BINS = 20
_LARGEST_WEIGHT = 20.0
_MOST = 1e300  # what is larger is no number of an event


@dataclass(frozen=True)
class _Decorrelation(Objective):
    """What all of them have in common: which quantity, and how strong."""

    nuisance: str = ""
    strength: float = 1.0
    classes: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        _require(
            isinstance(self.nuisance, str) and self.nuisance != "", self, "nuisance", "the name of a quantity"
        )
        _require(self.strength >= 0, self, "strength", "at least 0")
        labels = tuple(self.classes) if isinstance(self.classes, list | tuple) else ()
        good = bool(labels) and all(type(label) is int and label >= 0 for label in labels)
        _require(good, self, "classes", "a list of labels, such as [0]")
        object.__setattr__(self, "classes", labels)  # JSON and TOML know lists only

    def check(self, card: Card, task: Task) -> None:
        """Classes or values of events."""
        if task.per_node or task.name == "unlabelled":
            raise DataError(f"method {self.kind} is for classes or values of events, and {card.name} has none")

    def quantities(self) -> tuple[str, ...]:
        """The nuisance."""
        return (self.nuisance,)

    def chosen(self, part: Quantities) -> NDArray[np.bool_]:
        """(n,) of which events the output must not depend on the nuisance."""
        every = np.ones(len(part.target), bool)
        return every if part.task.scaled else np.isin(part.target, self.classes)

    def penalised(self, output: Tensor, batch: TrainingBatch, task: Task) -> tuple[Tensor, Tensor, Tensor | None]:
        """Of the chosen events of a batch: what must not depend on the nuisance (n, D), the nuisance, weights."""
        nuisance, weight = batch.arrays[_NUISANCE], batch.event_weight
        there = ~nuisance.isnan()
        score = _score(output.float(), batch.target, task).reshape(len(batch), -1)
        return score[there], nuisance[there], None if weight is None else weight[there]


@register_objective
@dataclass(frozen=True)
class Disco(_Decorrelation):
    """The task's loss and ``strength`` times the squared distance correlation of output and nuisance.

    The nuisance goes in by its ranks. A batch must be large, some hundred chosen events, since of fewer the
    correlation is mostly noise; time and memory go as their square.

    Parameters
    ----------
    nuisance : str
        An array, a summary feature, or an expression over both.
    strength : float
        In units of the loss, which of a regression is the square of the target's; 0 is supervised training.
    classes : tuple[int, ...]
        Of a classification: the output is decorrelated for events of these, the background by default.

    References
    ----------
    arXiv:2001.05310
    """

    kind: ClassVar[str] = "disco"

    def prepare(self, part: Quantities, training: Quantities) -> dict[str, NDArray[Any]]:
        """The nuisance's rank among the chosen training events."""
        fitted = training.values[self.nuisance][self.chosen(training)]
        ranks = _ranks(part.values[self.nuisance], fitted, 0.5)
        return {_NUISANCE: np.where(self.chosen(part), ranks, np.nan)}

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The loss of the model's output with the penalty."""
        from pd4ml.methods.dependence import distance_correlation

        output = networks["model"](batch.graphs)
        score, nuisance, weight = self.penalised(output, batch, loss.task)
        total = loss(output, batch)
        if len(score) > 1 and self.strength:
            total = total + self.strength * distance_correlation(score, nuisance, weight)
        return {"model": total}


@register_objective
@dataclass(frozen=True)
class Pivot(_Decorrelation):
    """A game: an adversary learns the nuisance's density given the output, which the model makes hard.

    The model's loss is the task's plus ``strength`` times what the adversary knows, in nats: the entropy of the
    nuisance minus the adversary's loss. The nuisance goes in by its normal scores, equal values in a random order,
    so that its entropy is that of a normal whatever it is. The adversary steps in each batch, the model in every
    ``steps``-th, so that it costs as many epochs more. No validation loss says when to stop: all are trained.

    Parameters
    ----------
    nuisance : str
        An array, a summary feature, or an expression over both.
    strength : float
        In units of the loss per nat; 0 is supervised training.
    classes : tuple[int, ...]
        Of a classification: the adversary sees events of these, the background by default.
    steps : int
        Of the adversary to one of the model.
    n_gaussians, width : int
        Of the adversary's mixture and of its two hidden layers; 5 and 20 in the paper's toy.

    References
    ----------
    arXiv:1611.01046
    """

    steps: int = 1
    n_gaussians: int = 5
    width: int = 20
    kind: ClassVar[str] = "pivot"
    keeps_best: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "n_gaussians", "width"):
            _require(getattr(self, name) >= 1, self, name, "at least 1")

    def prepare(self, part: Quantities, training: Quantities) -> dict[str, NDArray[Any]]:
        """The nuisance's normal scores among the chosen training events."""
        from scipy.special import ndtri

        fitted = training.values[self.nuisance][self.chosen(training)]
        within = np.random.default_rng(0).random(len(part.target))
        scores = ndtri(_ranks(part.values[self.nuisance], fitted, within))
        return {_NUISANCE: np.where(self.chosen(part), scores, np.nan)}

    def networks(self, model: nn.Module, task: Task) -> dict[str, nn.Module]:
        """The adversary."""
        from pd4ml.methods.dependence import Adversary

        return {"adversary": Adversary(task.n_outputs, self.width, self.n_gaussians)}

    def optimisers(self) -> dict[str, tuple[str, ...]]:
        """One each."""
        return {"model": ("model",), "adversary": ("adversary",)}

    def every(self) -> Mapping[str, int]:
        """The model waits for the adversary."""
        return {"model": self.steps}

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The task's loss plus what the adversary knows; the adversary's loss."""
        from pd4ml.methods.dependence import NORMAL_ENTROPY

        output = networks["model"](batch.graphs)
        score, nuisance, weight = self.penalised(output, batch, loss.task)
        total = loss(output, batch)
        if len(score) < 2:  # a batch without the chosen classes
            return {"model": total, "adversary": 0 * next(networks["adversary"].parameters()).sum()}
        each = networks["adversary"](score, nuisance)
        guessed = each.mean() if weight is None else (each * weight).sum() / weight.sum()
        return {"model": total + self.strength * (NORMAL_ENTROPY - guessed), "adversary": guessed}


@register_objective
@dataclass(frozen=True)
class Parametrised(Supervised):
    """Supervised training of a network that is told the nuisance: one more feature of each node.

    The best output at each value of the nuisance is learnt, not one that is best on average over the values.

    Parameters
    ----------
    nuisance : str
        An array, a summary feature, or an expression over both; it must vary among the training events.
    at : float, optional
        Predictions take this value for all events, as where nobody knows it; by default each event's own.

    References
    ----------
    arXiv:1601.07913
    """

    nuisance: str = ""
    at: float | None = None
    kind: ClassVar[str] = "parametrised"

    def __post_init__(self) -> None:
        _require(
            isinstance(self.nuisance, str) and self.nuisance != "", self, "nuisance", "the name of a quantity"
        )
        good = self.at is None or (type(self.at) in (int, float) and abs(self.at) < _MOST)
        _require(good, self, "at", "a number")

    def check(self, card: Card, task: Task) -> None:
        """There must be a target, which is not what the network is told."""
        super().check(card, task)
        if card.target.name in Expression(self.nuisance).columns:
            raise DataError(f"method.nuisance of parametrised is made of {card.target.name}, the target itself")

    def beside(self) -> Mapping[str, float | None]:
        """The nuisance."""
        return {self.nuisance: self.at}


@register_objective
@dataclass(frozen=True)
class Planing(Objective):
    """Supervised training in which all classes have the distribution that one of them has in a quantity.

    Events of the others are weighed, in bins that hold as many events each of the class ``like``, by the ratio of
    shares, at most 20; what they weigh together stays. What the model learns from the quantity itself is lost,
    what it learns from all that goes along with it is not.

    Parameters
    ----------
    quantity : str
        An array, a summary feature, or an expression over both.
    like : int
        The class whose distribution all get.

    References
    ----------
    arXiv:1709.10106
    """

    quantity: str = ""
    like: int = 1
    kind: ClassVar[str] = "planing"

    def __post_init__(self) -> None:
        _require(
            isinstance(self.quantity, str) and self.quantity != "", self, "quantity", "the name of a quantity"
        )
        _require(self.like >= 0, self, "like", "a label")

    def check(self, card: Card, task: Task) -> None:
        """Classes of events."""
        if task.name != "classification":
            raise DataError(f"method planing is for classes of events, and {card.name} is a {task.name}")

    def quantities(self) -> tuple[str, ...]:
        """The one that is planed."""
        return (self.quantity,)

    def prepare(self, part: Quantities, training: Quantities) -> dict[str, NDArray[Any]]:
        """What each event counts."""
        fitted, labels = training.values[self.quantity], training.target
        if not (labels == self.like).any():
            raise DataError(f"method.like is {self.like}, and no event of the training part has this label")
        edges = np.unique(np.quantile(fitted[labels == self.like], np.linspace(0, 1, _BINS + 1)[1:-1]))
        bins, fitted_bins = (np.searchsorted(edges, values) for values in (part.values[self.quantity], fitted))
        wanted = (
            np.bincount(fitted_bins[labels == self.like], minlength=len(edges) + 1) / (labels == self.like).sum()
        )
        weights = np.ones(len(bins))
        for label in np.unique(labels):
            share = np.bincount(fitted_bins[labels == label], minlength=len(edges) + 1) / (labels == label).sum()
            ratio = np.minimum(wanted / np.maximum(share, 1e-12), _LARGEST_WEIGHT)
            ratio /= ratio @ share
            weights[part.target == label] = ratio[bins[part.target == label]]
        return {"planing": weights}

    def step(self, networks: Mapping[str, nn.Module], batch: TrainingBatch, loss: Loss) -> dict[str, Tensor]:
        """The loss of weighed events."""
        weight = batch.arrays["planing"] * (1 if batch.event_weight is None else batch.event_weight)
        return {"model": loss(networks["model"](batch.graphs), replace(batch, event_weight=weight))}


def _score(output: Tensor, target: Tensor, task: Task) -> Tensor:
    """Probabilities of classes, or residuals: what may be asked not to depend on a nuisance."""
    if task.scaled:
        return output - target
    return output.sigmoid() if task.n_outputs == 1 else output.softmax(dim=1)


def _ranks(values: NDArray[Any], fitted: NDArray[Any], within: Any) -> NDArray[np.float64]:
    """Where ``values`` (n,) lie among the ``fitted`` (m,), from 0 to 1; ``within`` equal ones, at this share."""
    if not len(fitted):
        raise DataError("no event of the training part is of method.classes")
    ordered = np.sort(fitted)
    low, high = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    place = low + within * (high - low)
    return np.asarray(np.clip(place, 0.5, len(ordered) - 0.5) / len(ordered), np.float64)


def _require(holds: bool, method: Objective, name: str, wanted: str) -> None:
    if not holds:
        raise DataError(f"method.{name} of {method.kind} must be {wanted}, found {getattr(method, name)!r}")
