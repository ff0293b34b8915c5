"""What a training leaves: something that predicts, with the features it was trained with, and can be loaded again.

An `Estimator` makes a `Fitted`; which one serves a recipe is said in `estimators`. Nothing here loads torch.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_whole
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, missing_extra
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.small import read_text
from pd4ml.storage.store import Events
from pd4ml.tasks import Task
from pd4ml.training.recipe import TREES, Recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "FEATURES_NAME",
    "MODEL_FILES",
    "Estimator",
    "Facts",
    "Fitted",
    "Options",
    "Transform",
    "estimator_of",
    "load_fitted",
]

FEATURES_NAME = "features.json"


@dataclass(frozen=True)
class Facts:
    """What a training took: ``seconds`` of all epochs, also before a resume; ``best_epoch`` counts from 1.

    ``valid_index`` (V,) are the places in the split ``valid_split`` of the events that were validated on.
    ``threads`` is their number in most epochs, ``threads_measured`` whether it was measured, not set.
    """

    n_train: int
    n_valid: int
    epochs: int
    best_epoch: int
    seconds: float
    valid_split: str
    valid_index: NDArray[np.int64]
    threads: int
    threads_measured: bool


@dataclass(frozen=True)
class Options:
    """How a recipe is trained here: what is not part of the recipe.

    ``n_events`` takes the first events of the train split only, validation included. ``model`` is trained in place
    of the recipe's. ``devices`` processes share each batch, on ``device`` (``auto``, ``cpu`` or ``cuda``).
    ``threads`` is their number in each process, measured if it is None.
    """

    seed: int = 1
    n_events: int | None = None
    model: nn.Module | None = None
    devices: int = 1
    device: str = "auto"
    tensorboard: bool = False
    threads: int | None = None

    def checked(self) -> Options:
        """With plain whole numbers; DataError for those that nothing can be trained with."""
        return replace(
            self,
            seed=as_whole("seed", self.seed, 0, 2**63 - 1),
            n_events=None if self.n_events is None else as_whole("n_train", self.n_events),
            devices=as_whole("devices", self.devices, 1),
            threads=None if self.threads is None else as_whole("threads", self.threads, 1),
        )


class Fitted(abc.ABC):
    """A trained model of any kind: a network, trees, later what methods make of them.

    ``view`` is what its features were fitted to, which are never fitted again. ``threads`` is their number in
    predictions, measured if it is None.
    """

    threads: int | None = None

    def __init__(self, dataset: type[Dataset], task: Task, view: FeatureView, facts: Facts | None) -> None:
        self.dataset, self.task, self.view, self._facts = dataset, task, view, facts

    def __repr__(self) -> str:
        return f"<trained model of {self.dataset.name}: {self.n_parameters:,} parameters>"

    @property
    def was_trained_here(self) -> bool:
        """Whether this process has trained it; what was loaded is somebody's files."""
        return self._facts is not None

    @property
    def facts(self) -> Facts:
        """What the training took; DataError where it was loaded, since the record says it."""
        if self._facts is None:
            raise DataError("a model that was loaded does not know its training: its record does")
        return self._facts

    @property
    @abc.abstractmethod
    def n_parameters(self) -> int:
        """Number of trained parameters."""

    @abc.abstractmethod
    def predict(self, events: Events, batch_size: int = 512) -> NDArray[np.float32]:
        """The model's output for all ``events``, in their order.

        Logits of classes or values in the target's unit: (N,) or (N, K); for a task per node (M, K), the nodes
        event after event.
        """

    def predict_fields(self, events: Events, batch_size: int = 512) -> dict[str, NDArray[np.float32]]:
        """``output``, what `predict` gives, and what else is known of it: fields of `Predictions` by name.

        These are ``spread``, or ``lower`` and ``upper``, (N,) in the target's unit, for some models that predict
        one value.
        """
        return {"output": self.predict(events, batch_size)}

    def n_nodes(self, events: Events) -> NDArray[np.int64]:
        """(N,) the number of nodes that each of ``events`` has outputs for, where the task is per node."""
        raise DataError(f"a {self.task.name} has one output an event")

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Write the features' and the model's file; a reader sees each of them whole or not at all."""


class Estimator(Protocol):
    """Something that can be trained as a recipe says."""

    def fit(self, samples: Mapping[str, Sample], recipe: Recipe, folder: Path, options: Options) -> Fitted:
        """Train on the sample of the role ``train``, keeping state in ``folder``, where a stopped one goes on.

        Raises DataError before the first epoch for what cannot be trained like this.
        """
        ...

    def load(self, folder: Path, dataset: type[Dataset], view: FeatureView, model: nn.Module | None) -> Fitted:
        """What a finished training left in ``folder``; ``model`` takes the weights if it was one of the user's."""
        ...


class Transform(Protocol):
    """A change of a trained model, such as a calibration or a compression: a frozen dataclass of its options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    kind: ClassVar[str]

    def apply(self, fitted: Fitted, samples: Mapping[str, Sample], folder: Path) -> Fitted:
        """The changed model, a new one; ``folder`` is the new run's.

        ``samples`` are those of the roles ``train``, of whose train split all events were trained on, and
        ``valid``, of which all were validated on: in the split ``valid`` where the card has one, else in the train
        split.
        """
        ...


_NETWORKS, _TREES = "pd4ml.training.network", "pd4ml.training.trees"
# What a finished training of each kind leaves, by which a folder tells what it holds.
MODEL_FILES = {"model.pt": _NETWORKS, "trees.npz": _TREES}


def estimator_of(recipe: Recipe) -> Estimator:
    """The estimator that serves ``recipe``; MissingExtraError where its packages are not installed."""
    return _imported(_TREES if recipe.model == TREES else _NETWORKS)


def load_fitted(folder: Path, model: nn.Module | None = None) -> Fitted:
    """The trained model in the folder of a finished run, with its features; nothing in it is executed.

    DataError in one line for a folder that holds none, or one of an earlier version of this package.
    """
    file = folder / FEATURES_NAME
    if not file.exists():
        raise DataError(
            f"{folder} holds no trained model with its features (no {FEATURES_NAME}): it is no finished "
            "run, or one of an earlier version, which kept neither; train it again"
        )
    try:
        view = FeatureView.from_json(read_text(file))
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    dataset = Dataset.datasets_register.fitted(view)
    for name, module in MODEL_FILES.items():
        if (folder / name).exists():
            return _imported(module).load(folder, dataset, view, model)
    raise DataError(f"{folder} holds no trained model: train it again")


def _imported(module: str) -> Estimator:
    try:
        estimator: Estimator = importlib.import_module(module).ESTIMATOR
    except ImportError as error:
        raise missing_extra("training", "train", error) from error
    return estimator
