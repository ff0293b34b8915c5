"""The register of models: a name, a class, and what it needs to know about the data."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pd4ml.card import Task
from pd4ml.errors import DataError, missing_extra, unknown_name

if TYPE_CHECKING:
    from pd4ml.models.base import Model

__all__ = ["ModelInputs", "add_source", "available", "build", "model_class", "register"]

_MODELS: dict[str, type[Model]] = {}
# Modules that register models when they are imported, besides those of this room.
_SOURCES: list[str] = []
_Class = TypeVar("_Class", bound="type[Model]")


@dataclass(frozen=True)
class ModelInputs:
    """What a model must know: of the dataset's features, nodes and kinds of nodes, and of the outputs wanted.

    ``n_tokens`` is the number of kinds; 0 where nodes have none. ``grid`` is the shape, (height, width) for an
    image, where every graph is that grid. ``n_outputs`` numbers are wanted for an event, or with ``per_node`` for
    each node. Inputs are equal if features, nodes and kinds are: that is what a model for one dataset is made for.
    """

    n_features: int
    max_nodes: int
    task: Task = field(compare=False)
    n_tokens: int = 0
    grid: tuple[int, ...] | None = field(default=None, compare=False)
    n_outputs: int = field(default=1, compare=False)
    per_node: bool = field(default=False, compare=False)


def register(name: str) -> Callable[[_Class], _Class]:
    """Class decorator that makes a model known as ``name``."""

    def add(cls: _Class) -> _Class:
        _MODELS[name] = cls
        return cls

    return add


def add_source(module: str) -> None:
    """Name a module that registers models, such as a dataset's reference model; it is imported when needed."""
    if module not in _SOURCES:
        _SOURCES.append(module)


def available() -> tuple[str, ...]:
    """Names of all models: those of this package's files and those registered from outside."""
    _import_models()
    return tuple(sorted(_MODELS))


def model_class(name: str) -> type[Model]:
    """The class registered as ``name``."""
    known = available()
    if name not in known:
        raise unknown_name("model", name, known)
    return _MODELS[name]


def build(name: str, inputs: ModelInputs, **hyperparameters: Any) -> Model:
    """Make the model called ``name``; a hyperparameter that it does not have is an error."""
    cls = model_class(name)
    known = [parameter for parameter in inspect.signature(cls).parameters if parameter != "inputs"]
    for given in hyperparameters:
        if given not in known:
            raise unknown_name(f"hyperparameter of {name}", given, known)
    try:
        return cls(inputs, **hyperparameters)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{name} cannot be built with {hyperparameters}: {reason}") from error


def _import_models() -> None:
    """Import every module of this room and every source: a new model is one file, and no list to keep."""
    package = importlib.import_module("pd4ml.models")
    found = [module.name for module in pkgutil.iter_modules(package.__path__, "pd4ml.models.")]
    try:
        for module in found + _SOURCES:
            importlib.import_module(module)
    except ImportError as error:
        raise missing_extra("a model", "train", error) from error
