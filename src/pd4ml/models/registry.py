"""The register of models: a name, a class, and what it needs to know about the data."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pd4ml.card import Task
from pd4ml.errors import DataError, missing_extra, one_line, unknown_name
from pd4ml.machine import memory_bytes

if TYPE_CHECKING:
    from pd4ml.models.base import Model

__all__ = ["ModelInputs", "add_source", "available", "build", "model_class", "parameter_count", "register"]

_MODELS: dict[str, type[Model]] = {}
# Modules that register models when they are imported, besides those of this room.
_SOURCES: list[str] = []
_MOST_WHOLE = 1 << 13  # of a width, a depth, a number of neighbours
_TRAINED_BYTES = 16  # of a parameter: itself, its gradient, and two moments of Adam, in 32 bits
_Class = TypeVar("_Class", bound="type[Model]")


@dataclass(frozen=True)
class ModelInputs:
    """What a model must know: of the dataset's features, nodes and kinds of nodes, and of the outputs wanted.

    Inputs are equal if features, nodes and kinds are: that is what a model for one dataset is made for.

    Parameters
    ----------
    n_features : int
        Features F of a node.
    max_nodes : int
        The largest number of nodes P that an event can have.
    task : Task
        ``classification``, ``regression``, ``segmentation`` or ``unlabelled``.
    n_tokens : int
        Number of kinds of nodes; 0 where nodes have none.
    grid : tuple[int, ...], optional
        The shape, (height, width) for an image, where every graph is that grid.
    n_outputs : int
        Numbers wanted for an event, or with ``per_node`` for each node.
    per_node : bool
        Whether outputs are those of nodes.
    """

    n_features: int
    max_nodes: int
    task: Task = field(compare=False)
    n_tokens: int = 0
    grid: tuple[int, ...] | None = field(default=None, compare=False)
    n_outputs: int = field(default=1, compare=False)
    per_node: bool = field(default=False, compare=False)


def register(name: str) -> Callable[[_Class], _Class]:
    """Class decorator that makes a model known.

    Parameters
    ----------
    name : str
        What recipes call it.

    Returns
    -------
    Callable
        Takes a subclass of `Model` and gives it back.
    """

    def add(cls: _Class) -> _Class:
        _MODELS[name] = cls
        return cls

    return add


def add_source(module: str) -> None:
    """Name a module that registers models, such as a dataset's reference model; it is imported when needed."""
    if module not in _SOURCES:
        _SOURCES.append(module)


def available() -> tuple[str, ...]:
    """All models: those of this package's files and those registered from outside.

    Returns
    -------
    tuple[str, ...]
        Their names, sorted.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    """
    _import_models()
    return tuple(sorted(_MODELS))


def model_class(name: str) -> type[Model]:
    """The class registered as ``name``."""
    known = available()
    if name not in known:
        raise unknown_name("model", name, known)
    return _MODELS[name]


def build(name: str, inputs: ModelInputs, **hyperparameters: Any) -> Model:
    """Make a model.

    Parameters
    ----------
    name : str
        One of `available`.
    inputs : ModelInputs
        What it must know of the data and of the outputs wanted.
    **hyperparameters : Any
        Keyword arguments of its class.

    Returns
    -------
    Model
        From a `GraphBatch` of B events to (B,) or (B, n_outputs); per node (sum P,) or (sum P, n_outputs).

    Raises
    ------
    UnknownNameError
        For a model or hyperparameter that does not exist.
    DataError
        For values or inputs with which it cannot be built.
    MissingExtraError
        If PyTorch is not installed.
    """
    cls = model_class(name)
    known = [parameter for parameter in inspect.signature(cls).parameters if parameter != "inputs"]
    for given in hyperparameters:
        if given not in known:
            raise unknown_name(f"hyperparameter of {name}", given, known)
    try:
        _check_size(name, parameter_count(name, inputs, **hyperparameters))
        return cls(inputs, **hyperparameters)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        how = f" with {hyperparameters}" if hyperparameters else ""
        raise DataError(f"{name} cannot be built{how}: {reason}") from error


def parameter_count(name: str, inputs: ModelInputs, **hyperparameters: Any) -> int | None:
    """How many parameters a model would have, without any memory for them; None where it cannot be told so.

    ValueError for a whole number among ``hyperparameters`` that is beyond all depths and widths.
    """
    import torch

    sizes = hyperparameters.values()
    for value in [each for size in sizes for each in (size if isinstance(size, list | tuple) else [size])]:
        if isinstance(value, int) and abs(value) > _MOST_WHOLE:
            raise ValueError(f"{one_line(str(value))} is more than {_MOST_WHOLE:,}")
    try:
        with torch.device("meta"):
            return sum(
                parameter.numel() for parameter in model_class(name)(inputs, **hyperparameters).parameters()
            )
    except Exception:  # what is wrong with it is said where it is built
        return None


def _check_size(name: str, n_parameters: int | None) -> None:
    """DataError for a model that could not be trained in the memory of this machine."""
    needed, memory = _TRAINED_BYTES * (n_parameters or 0), memory_bytes()
    if memory is not None and needed > memory:
        raise DataError(
            f"{name} would have {n_parameters:,} parameters, and its training takes {needed / 1e9:,.0f} GB of "
            f"{memory / 1e9:,.0f} GB of memory: make it narrower or less deep"
        )


def _import_models() -> None:
    """Import every module of this room and every source: a new model is one file, and no list to keep."""
    package = importlib.import_module("pd4ml.models")
    found = [module.name for module in pkgutil.iter_modules(package.__path__, "pd4ml.models.")]
    try:
        for module in found + _SOURCES:
            importlib.import_module(module)
    except ImportError as error:
        raise missing_extra("a model", "train", error) from error
