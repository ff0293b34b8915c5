"""Recipes: how a model is trained, as data. The recipes of this package are TOML files in ``recipes/``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

from pd4ml.arguments import as_path
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, unknown_name
from pd4ml.storage.small import parse_toml, read_text
from pd4ml.training.objectives import OBJECTIVES, Objective, Supervised

__all__ = [
    "TREES",
    "Constant",
    "OneCycle",
    "Plateau",
    "Recipe",
    "Steps",
    "available_recipes",
    "load_recipe",
    "recipe_dataset",
    "used_settings",
]


@dataclass(frozen=True)
class Constant:
    """The recipe's learning rate throughout."""

    kind: str = field(default="constant", init=False)


@dataclass(frozen=True)
class Plateau:
    """The learning rate falls when the validation loss no longer does.

    Parameters
    ----------
    factor : float
        By which the learning rate is multiplied, between 0 and 1.
    patience : int
        Epochs without an improvement by the recipe's ``min_delta`` after which it is.
    floor : float
        The learning rate does not fall below it.

    Raises
    ------
    DataError
        For a number out of range.
    """

    factor: float = 0.75
    patience: int = 8
    floor: float = 1e-5
    kind: str = field(default="plateau", init=False)

    def __post_init__(self) -> None:
        _require(0 < self.factor < 1, "schedule.factor", self.factor, "between 0 and 1")
        _require(self.patience >= 0, "schedule.patience", self.patience, "at least 0")
        _require(self.floor >= 0, "schedule.floor", self.floor, "at least 0")


@dataclass(frozen=True)
class OneCycle:
    """One cycle over all epochs: the learning rate rises to the recipe's, then falls to nearly zero.

    Parameters
    ----------
    warmup : float
        Share of the steps in which it rises, between 0 and 1.

    Raises
    ------
    DataError
        For a share out of range.

    References
    ----------
    arXiv:1708.07120
    """

    warmup: float = 0.3
    kind: str = field(default="one_cycle", init=False)

    def __post_init__(self) -> None:
        _require(0 < self.warmup < 1, "schedule.warmup", self.warmup, "between 0 and 1")


@dataclass(frozen=True)
class Steps:
    """The learning rate falls by a factor after given numbers of epochs.

    Parameters
    ----------
    epochs : tuple[int, ...]
        After each of these; ascending, from 1.
    factor : float
        The learning rate is multiplied by it, between 0 and 1.

    Raises
    ------
    DataError
        For epochs that do not ascend, or a factor out of range.
    """

    epochs: tuple[int, ...]
    factor: float = 0.1
    kind: str = field(default="steps", init=False)

    def __post_init__(self) -> None:
        epochs = tuple(self.epochs) if isinstance(self.epochs, list | tuple) else ()
        ascending = sorted({epoch for epoch in epochs if type(epoch) is int and epoch > 0})
        good = bool(epochs) and list(epochs) == ascending
        _require(good, "schedule.epochs", self.epochs, "a list of ascending numbers from 1")
        object.__setattr__(self, "epochs", epochs)  # JSON and TOML know lists only
        _require(0 < self.factor < 1, "schedule.factor", self.factor, "between 0 and 1")


AnySchedule = Constant | Plateau | OneCycle | Steps
_SCHEDULES: dict[str, type[AnySchedule]] = {
    "constant": Constant,
    "plateau": Plateau,
    "one_cycle": OneCycle,
    "steps": Steps,
}
TREES = "gbdt"  # the model that is no network
_NOT_OF_TREES = ("batch_size", "schedule", "method", "optimiser", "l2", "precision")
_OPTIMISERS = ("adam", "adamax", "amsgrad")
_MOST_NUMBER = 1e300
_MOST = 10**9  # events of a batch, epochs
_IN_A_LINE = ("learning_rate", "batch_size", "optimiser", "patience")
_PRECISIONS = ("32", "bf16-mixed")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # a part of the name of a run's folder


@dataclass(frozen=True)
class Recipe:
    """What is trained and how.

    Parameters
    ----------
    name : str
        Letters, digits and any of ``_ . + -``; a part of the name of a run's folder.
    model : str
        One of `pd4ml.models.available`, or ``gbdt``: boosted trees on summary features.
    description, reference : str
        What it is, and where the settings come from.
    learning_rate : float
        Above 0; the largest of the schedule.
    batch_size : int
        Events.
    max_epochs : int
        Training stops after these at the latest; the weights of the best epoch are kept. Of boosted trees, the
        trees.
    patience : int
        Training stops after so many epochs in which the validation loss has not fallen by ``min_delta``.
    min_delta : float
        In units of the loss.
    schedule : Constant or Plateau or OneCycle or Steps
        Of the learning rate.
    method : Objective
        What is trained for: `Supervised`, unless the recipe's ``[method]`` table says otherwise.
    optimiser : str
        ``adam``, ``adamax`` or ``amsgrad``.
    validation_fraction : float
        Share of the train split, its last events or groups of them, that is validated on; between 0 and 1. Not
        used where the card has a split ``valid``.
    l2 : float
        This times the sum of the squared weights of all layers (no biases, norms, slopes) is part of the training
        loss.
    precision : str
        Of matrix products: ``32``, or ``bf16-mixed`` with float32 weights.
    balance_classes : bool
        Weight events so that all classes of the training part weigh the same.
    hyperparameters : Mapping[str, Any]
        Of the model.

    Raises
    ------
    DataError
        For a value out of range.
    UnknownNameError
        For an optimiser or precision that does not exist.
    """

    name: str
    model: str
    description: str
    reference: str
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    min_delta: float
    schedule: AnySchedule
    method: Objective = field(default_factory=Supervised)
    optimiser: str = "adam"
    validation_fraction: float = 0.2
    l2: float = 0.0
    precision: str = "32"
    balance_classes: bool = False
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(bool(_NAME.fullmatch(self.name)), "name", repr(self.name), "letters, digits and any of _ . + -")
        if self.optimiser == "boosting":
            raise DataError(f"boosting is no optimiser: leave it out, model = {TREES!r} says it all")
        if self.optimiser not in _OPTIMISERS:
            raise unknown_name("optimiser", self.optimiser, _OPTIMISERS)
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        for name in ("batch_size", "max_epochs", "patience"):
            _require(1 <= getattr(self, name) <= _MOST, name, getattr(self, name), f"from 1 to {_MOST:,}")
        _require(self.min_delta >= 0, "min_delta", self.min_delta, "at least 0")
        _require(self.l2 >= 0, "l2", self.l2, "at least 0")
        if self.precision not in _PRECISIONS:
            raise unknown_name("precision", self.precision, _PRECISIONS)
        fraction = self.validation_fraction
        _require(0 < fraction < 1, "validation_fraction", fraction, "between 0 and 1")

    def __repr__(self) -> str:
        rounds = "trees" if self.model == TREES else "epochs"
        settings = {name: value for name, value in used_settings(self.to_dict()).items() if name in _IN_A_LINE}
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
        return f"<recipe {self.name}: {self.model}, at most {self.max_epochs:,} {rounds}, {told}>"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a recipe from plain values, as in a TOML file or a record; unknown or missing keys are errors."""
        values = dict(values)
        known = _field_names(cls)
        _require_known("recipe key", values, known)
        missing = [f.name for f in dataclasses.fields(cls) if f.name not in values and _is_required(f)]
        if missing:
            raise DataError(f"a recipe needs {', '.join(missing)}")
        for table in ("schedule", "method", "hyperparameters"):
            if not isinstance(values.get(table, {}), Mapping | AnySchedule | Objective):
                raise DataError(f"{table} must be a table of names and values, found {values[table]!r}")
        if values.get("precision") == 32:  # as one writes it
            values["precision"] = "32"
        if isinstance(values.get("schedule"), Mapping):
            values["schedule"] = _of_kind("schedule", values["schedule"], _SCHEDULES)
        if isinstance(values.get("method"), Mapping):
            values["method"] = _of_kind("method", values["method"], OBJECTIVES)
        return cls(**_converted(cls, values))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        method = {"kind": self.method.kind, **dataclasses.asdict(self.method)}
        return {**dataclasses.asdict(self), "method": method, "hyperparameters": dict(self.hyperparameters)}

    def override(self, /, **changes: Any) -> Self:
        """The same recipe with other values; it says so in its name, if that is not among them."""
        name = f"{self.name}-changed" if changes else self.name
        return self.from_dict({**self.to_dict(), "name": name, **changes})


def available_recipes(dataset: type[Dataset] | None = None) -> tuple[str, ...]:
    """The recipes of this package and of the datasets' rooms.

    Parameters
    ----------
    dataset : type[Dataset], optional
        Without those that other datasets' rooms have for their own reference models.

    Returns
    -------
    tuple[str, ...]
        Their names, sorted.
    """
    found = _recipe_files()
    return tuple(sorted(name for name, (_, of) in found.items() if dataset is None or of in (None, dataset)))


def recipe_dataset(recipe: str) -> str:
    """The dataset whose reference model one of `available_recipes` is for; nothing if it is for any."""
    of = _recipe_files()[recipe][1]
    return "" if of is None else of.name


def used_settings(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe's plain values say of its model: trees have no batches, optimiser or precision."""
    trees = recipe.get("model") == TREES
    return {name: value for name, value in recipe.items() if not (trees and name in _NOT_OF_TREES)}


def load_recipe(recipe: str | Path, dataset: type[Dataset] | None = None) -> Recipe:
    """A recipe of this package, of a dataset's room, or of a TOML file.

    Parameters
    ----------
    recipe : str or Path
        One of `available_recipes`, or a file that ends in ``.toml``.
    dataset : type[Dataset], optional
        What it is for; an unknown name is answered with recipes that fit. A recipe of this package that looks for
        neighbours takes the dataset's `Dataset.coordinates`, if it names some.

    Returns
    -------
    Recipe
        Checked; a file without a ``name`` gives its own.

    Raises
    ------
    UnknownNameError
        For a recipe that does not exist.
    DataError
        For a file that cannot be read, unknown or missing keys, and values out of range.
    """
    recipe = as_path(recipe, "recipe")
    path: Path | Traversable = recipe
    if recipe.suffix != ".toml":
        known = _recipe_files()
        if str(recipe) not in known:
            raise unknown_name("recipe", str(recipe), available_recipes(dataset))
        path = known[str(recipe)][0]
    try:
        text = read_text(path) if isinstance(path, Path) else path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"recipe file {path} cannot be read: {reason}") from error
    try:
        values = {"name": Path(path.name).stem, **parse_toml(text)}
        own = None if dataset is None or recipe.suffix == ".toml" else dataset.coordinates()
        if own is not None and "coordinates" in values.get("hyperparameters", {}):
            values["hyperparameters"] = {**values["hyperparameters"], "coordinates": list(own)}
        return Recipe.from_dict(values)
    except ValueError as error:
        raise DataError(f"recipe {recipe}: {error}") from error


def _recipe_files() -> dict[str, tuple[Traversable, type[Dataset] | None]]:
    """The TOML files of ``recipes/`` here and in the rooms of datasets with a reference model, by name."""
    # A room's recipes are for the first of its datasets.
    datasets = reversed(list(Dataset.datasets_register))
    rooms = {dataset.__module__: dataset for dataset in datasets if dataset.reference is not None}
    return {
        Path(file.name).stem: (file, rooms.get(room))
        for room in ("pd4ml.training", *rooms)
        for file in resources.files(room).joinpath("recipes").iterdir()
        if file.name.endswith(".toml")
    }


def _of_kind(table: str, values: Mapping[str, Any], known: Mapping[str, type[Any]]) -> Any:
    """The schedule or objective that a table of a recipe describes."""
    values = dict(values)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in known:
        raise unknown_name(f"{table}.kind", str(kind), known)
    cls = known[kind]
    _require_known(f"key of {table} {kind}", values, _field_names(cls))
    return cls(**_converted(cls, values))


def _field_names(cls: type[Any]) -> list[str]:
    return [f.name for f in dataclasses.fields(cls) if f.init]


def _is_required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _require_known(kind: str, values: Iterable[str], known: list[str]) -> None:
    for name in values:
        if name not in known:
            raise unknown_name(kind, name, known)


def _converted(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with numbers as the field's type, so that ``1`` is a good learning rate and ``"1"`` is not."""
    types = {f.name: str(f.type) for f in dataclasses.fields(cls)}
    accepted: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    converted = dict(values)
    for name, value in values.items():
        wanted = accepted.get(types[name])
        if types[name] == "bool" and not isinstance(value, bool):
            raise DataError(f"{name} must be true or false, found {value!r}")
        if wanted and (isinstance(value, bool) or not isinstance(value, wanted) or _is_endless(value)):
            raise DataError(f"{name} must be of type {types[name]}, found {value!r}")
        if types[name] == "float":
            converted[name] = float(value)
    return converted


def _is_endless(value: object) -> bool:
    """Whether a number has more digits than any that is used."""
    return isinstance(value, int | float) and abs(value) > _MOST_NUMBER


def _require(holds: bool, name: str, found: object, wanted: str) -> None:
    if not holds:
        raise DataError(f"{name} must be {wanted}, found {found}")
