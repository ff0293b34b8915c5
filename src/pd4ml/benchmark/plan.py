"""Plans: which recipes are trained on which datasets with which seeds, as data.

The plans of this package are TOML files in ``plans/``; anybody's own is one too:

    description = "two models, three trainings each"
    source = "generated"                # or "published"
    datasets = "all"                    # or a list of names
    seeds = [1, 2, 3]
    recipes = ["fcn_quick", "reference_quick", "mine.toml"]

    [events]                            # of generated datasets, train and test together
    default = 20_000

    [variants]                          # of generated datasets, by their names, where not the default
    MyData = "wide"

    [train_events]                      # for learning curves: trained on the first so many as well as on all
    default = [1_000, 4_000]

``reference`` stands for each dataset's own reference recipe, ``reference_quick`` for its short run; a dataset
without one is left out there. A recipe file lies beside the plan. Where classification and regression need other
recipes, ``recipes`` is a table with a list for each task.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pd4ml.arguments import as_path
from pd4ml.card import Task
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, Pd4mlError, unknown_name
from pd4ml.sample import CarriesDataset, Sample
from pd4ml.storage.small import parse_toml, read_toml
from pd4ml.training.recipe import Recipe, load_recipe

__all__ = ["Cell", "Plan", "available_plans", "load_plan"]

_KEYS = ("description", "source", "datasets", "recipes", "seeds", "events", "variants", "train_events")
_SOURCES = ("generated", "published")
_REFERENCE = "reference"


@dataclass(frozen=True)
class Cell(CarriesDataset):
    """One training of a plan.

    Parameters
    ----------
    dataset : type[Dataset]
        What is trained on.
    recipe : Recipe
        How.
    seed : int
        Of the weights and of the order of events.
    source : str
        ``generated`` or ``published``; of own data ``own``.
    variant : str
        Of generated events: which ones.
    n_train : int, optional
        How many events of the train split, validation included; all by default.
    """

    dataset: type[Dataset]
    recipe: Recipe
    seed: int
    source: str
    variant: str = "default"
    n_train: int | None = None

    @property
    def name(self) -> str:
        """What is shown; no two cells of a plan share it."""
        variant = "" if self.variant == "default" else f"{self.variant} "
        part = "" if self.n_train is None else f" {self.n_train:,} events"
        return f"{self.dataset.name} {variant}{self.recipe.name}{part} seed {self.seed}"

    def sample(self, path: str | Path) -> Sample:
        """What is trained on, of the datasets in the folder ``path``."""
        return self.dataset.at(path, source=self.source, variant=self.variant)


@dataclass(frozen=True)
class Plan:
    """Cells in the order in which they run, and the number of events of each generated dataset.

    Parameters
    ----------
    name : str
        One of `available_plans`, or the TOML file.
    description : str
        What it is for.
    source : str
        ``generated`` or ``published``.
    cells : tuple[Cell, ...]
        The trainings.
    events : Mapping[str, int]
        Number of events, train and test together, by dataset; none for published ones.
    """

    name: str
    description: str
    source: str
    cells: tuple[Cell, ...]
    events: Mapping[str, int]

    @property
    def variants(self) -> Mapping[type[Dataset], str]:
        """The datasets of the cells, each once, and the variant that they are trained on."""
        return MappingProxyType({cell.dataset: cell.variant for cell in self.cells})

    def source_of(self, dataset: type[Dataset]) -> str:
        """Where the events of a dataset come from: as the plan says, but for own data."""
        return _source_of(dataset, self.source)


def _source_of(dataset: type[Dataset], source: str) -> str:
    return source if source in dataset.sources else dataset.sources[0]


def available_plans() -> tuple[str, ...]:
    """The plans of this package.

    Returns
    -------
    tuple[str, ...]
        Their names, sorted.
    """
    return tuple(sorted(_plan_files()))


def load_plan(
    plan: str | Path,
    *,
    datasets: Collection[str] = (),
    recipes: Collection[str] = (),
    seeds: Collection[int] = (),
    path: str | Path | None = None,
) -> Plan:
    """A plan of this package, or of a TOML file.

    Parameters
    ----------
    plan : str or Path
        One of `available_plans`, or a file that ends in ``.toml``.
    datasets : Collection[str]
        These only; all of the plan's by default. Own data may be named, too.
    recipes : Collection[str]
        These only, called as in the plan (``reference_quick``) or by their own names.
    seeds : Collection[int]
        In place of the plan's.
    path : str or Path, optional
        The folder in which own data are looked for.

    Returns
    -------
    Plan
        Its cells and numbers of events.

    Raises
    ------
    UnknownNameError
        For a plan that does not exist.
    DataError
        For a file that cannot be read, keys, names or numbers that do not fit, or if nothing is left to train.
    """
    plan = as_path(plan, "plan")
    file: Path | Traversable = plan
    if plan.suffix != ".toml":
        known = _plan_files()
        if str(plan) not in known:
            raise unknown_name("plan", str(plan), known)
        file = known[str(plan)]
    try:
        values = read_toml(file) if isinstance(file, Path) else parse_toml(file.read_text(encoding="utf-8"))
        return _Reader(str(plan), values, path).plan(datasets, recipes, seeds)
    except OSError as error:
        raise DataError(f"plan {plan} cannot be read: {error.strerror}") from error
    except (ValueError, Pd4mlError) as error:
        raise DataError(f"plan {plan}: {error}") from error


def _plan_files() -> dict[str, Traversable]:
    folder = resources.files("pd4ml.benchmark").joinpath("plans")
    return {Path(file.name).stem: file for file in folder.iterdir() if file.name.endswith(".toml")}


class _Reader:
    """Makes a plan of the values in a TOML file."""

    def __init__(self, name: str, values: Mapping[str, Any], path: str | Path | None) -> None:
        self.path = None if path is None else as_path(path)
        for key in values:
            if key not in _KEYS:
                raise unknown_name("key", key, _KEYS)
        for key in ("recipes", "seeds"):
            if key not in values:
                raise DataError(f"{key} is missing")
        self.name, self.values = name, values
        self.source = values.get("source", "generated")
        if self.source not in _SOURCES:
            raise unknown_name("source", str(self.source), _SOURCES)
        self.by_task = self._recipes_by_task()

    def plan(self, datasets: Collection[str], recipes: Collection[str], seeds: Collection[int]) -> Plan:
        chosen = self._datasets(datasets)
        known = {dataset: self._recipes_of(dataset) for dataset in chosen}
        words = {name for found in known.values() for word, recipe in found for name in (word, recipe.name)}
        for name in recipes:
            if name not in words:
                raise unknown_name("recipe", name, sorted(words))
        variants, sizes = self._variants(), self._train_events(chosen)
        cells = [
            Cell(
                dataset,
                recipe,
                seed,
                _source_of(dataset, self.source),
                variants.get(dataset.name, "default"),
                n_train,
            )
            for seed in _seeds(list(seeds) or self.values["seeds"])
            for dataset in chosen
            for word, recipe in known[dataset]
            if not recipes or word in recipes or recipe.name in recipes
            for n_train in (*sizes[dataset.name], None)
        ]
        if not cells:
            raise DataError("nothing is left to train: no recipe that was asked for belongs to these datasets")
        if len({cell.name for cell in cells}) < len(cells):
            raise DataError("recipes that are trained on the same dataset must have different names")
        description = str(self.values.get("description", ""))
        return Plan(self.name, description, self.source, tuple(cells), self._events(chosen))

    def _datasets(self, only: Collection[str]) -> list[type[Dataset]]:
        names = self.values.get("datasets", "all")
        register = Dataset.datasets_register
        found = list(register) if names == "all" else [self._find(name) for name in _names("datasets", names)]
        if self.source == "published":
            without = [dataset.name for dataset in found if not dataset.card.sources]
            if without and names != "all":
                raise DataError(f"no files of {', '.join(without)} were published: use source = 'generated'")
            found = [dataset for dataset in found if dataset.card.sources]
        own = [dataset for dataset in map(self._find, only) if self.source not in dataset.sources]
        found = [*found, *own]
        wanted = [self._find(name).name for name in only]
        for name in wanted:
            if name not in (dataset.name for dataset in found):
                raise unknown_name("dataset", name, [dataset.name for dataset in found])
        return [dataset for dataset in dict.fromkeys(found) if not wanted or dataset.name in wanted]

    def _find(self, name: str) -> type[Dataset]:
        return Dataset.datasets_register.find(name, self.path)

    def _recipes_by_task(self) -> dict[str, list[str]]:
        given, tasks = self.values["recipes"], get_args(Task)
        if not isinstance(given, Mapping):
            return dict.fromkeys(tasks, _names("recipes", given))
        for task in given:
            if task not in tasks:
                raise unknown_name("task", task, tasks)
        return {task: _names(f"recipes.{task}", names) for task, names in given.items()}

    def _recipes_of(self, dataset: type[Dataset]) -> list[tuple[str, Recipe]]:
        """The recipes for ``dataset``, each with the plan's word for it."""
        found: list[tuple[str, Recipe]] = []
        for word in self.by_task.get(dataset.task, []):
            if word.endswith(".toml"):
                found.append((word, load_recipe(Path(self.name).parent / word)))
            elif word.removesuffix("_quick") != _REFERENCE:
                found.append((word, load_recipe(word, dataset)))
            elif dataset.reference is not None:
                found.append((word, load_recipe(dataset.reference + word.removeprefix(_REFERENCE))))
        return found

    def _variants(self) -> Mapping[str, str]:
        """Variants of the generator by dataset, where they are not the default."""
        given = self.values.get("variants", {})
        if given and self.source == "published":
            raise DataError("variants are for generated datasets; published ones have none")
        if not isinstance(given, Mapping):
            raise DataError(f"variants must be a table, dataset = variant, found {given!r}")
        found = {}
        for name, variant in given.items():
            dataset = self._find(name)
            if str(variant) not in dataset.card.variants:
                raise unknown_name(f"variant of {dataset.name}", str(variant), dataset.card.variants)
            found[dataset.name] = str(variant)
        return found

    def _events(self, datasets: Iterable[type[Dataset]]) -> Mapping[str, Any]:
        """Numbers of events by dataset; none for published ones."""
        given = self.values.get("events", {})
        if self.source == "published":
            if given:
                raise DataError("events are for generated datasets; published ones are taken whole")
            return MappingProxyType({})
        numbers = self._by_dataset("events", [d for d in datasets if self.source in d.sources])
        for name, number in numbers.items():
            if number is None:
                raise DataError(f"events has neither {name} nor default")
            if not _is_number_of_events(number):
                raise DataError(f"events.{name} must be a whole number of events, found {number!r}")
        return MappingProxyType(numbers)

    def _train_events(self, datasets: Iterable[type[Dataset]]) -> Mapping[str, list[int]]:
        """The parts of the train splits that are trained on as well, by dataset."""
        numbers = {name: given or [] for name, given in self._by_dataset("train_events", datasets).items()}
        for name, given in numbers.items():
            if not isinstance(given, list) or not all(map(_is_number_of_events, given)):
                raise DataError(f"train_events.{name} must be a list of numbers of events, found {given!r}")
        return {name: sorted(set(given)) for name, given in numbers.items()}

    def _by_dataset(self, key: str, datasets: Iterable[type[Dataset]]) -> dict[str, Any]:
        """What ``key`` has for each of ``datasets``, or for all: a value, or a table with a ``default``."""
        given = self.values.get(key, {})
        given = given if isinstance(given, Mapping) else {"default": given}
        by_name = {self._find(name).name: value for name, value in given.items() if name != "default"}
        return {dataset.name: by_name.get(dataset.name, given.get("default")) for dataset in datasets}


def _names(key: str, given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise DataError(f"{key} must be a list of names, found {given!r}")
    return list(dict.fromkeys(given))


def _is_number_of_events(given: Any) -> bool:
    return type(given) is int and given >= 2


def _seeds(given: Any) -> list[int]:
    good = isinstance(given, list) and given and all(type(seed) is int and seed >= 0 for seed in given)
    if not good:
        raise DataError(f"seeds must be a list of whole numbers from 0, found {given!r}")
    return list(dict.fromkeys(given))
