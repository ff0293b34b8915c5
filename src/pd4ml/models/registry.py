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
    """What a model must know of a dataset: features per node, the largest number of nodes, task, kinds of nodes.

    ``n_tokens`` is the number of kinds; 0 where nodes have none. ``grid`` is (n_1, ..., n_d) where every graph is
    that grid; it does not count when inputs are compared: a model that is made for one dataset need not name it.
    """

    n_features: int
    max_nodes: int
    task: Task
    n_tokens: int = 0
    grid: tuple[int, ...] | None = field(default=None, compare=False)


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
