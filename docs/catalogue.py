"""Pages that list what is registered: datasets, models, methods, and the results that are kept."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any

import pd4ml
from pd4ml.benchmark.record import Record
from pd4ml.models import available
from pd4ml.models.registry import model_class
from pd4ml.report.table import to_markdown
from pd4ml.training import Recipe, available_recipes, load_recipe
from pd4ml.training.fitted import Transform
from pd4ml.training.objectives import OBJECTIVES
from pd4ml.training.recipe import TREES

__all__ = ["datasets_page", "methods_page", "model_pages", "results_page"]


def datasets_page(datasets: Iterable[type[pd4ml.Dataset]]) -> str:
    """The list of datasets."""
    rows = [
        (f"[{d.name}](datasets/{d.name}.md)", d.task, d.card.title, f"`{d.reference}`" if d.reference else "")
        for d in datasets
    ]
    lines = ["# Datasets", "", *_table(("dataset", "task", "what", "reference recipe"), rows)]
    lines += ["", *_toctree(f"{d.name} <datasets/{d.name}>" for d in datasets)]
    return "\n".join(lines)


def model_pages(records: list[Record], compared: list[dict[str, Any]]) -> dict[str, str]:
    """A page for each registered model and one for the trees, by name.

    ``records`` are those that are kept, ``compared`` the rows of the comparison at equal time.
    """
    recipes = [load_recipe(name) for name in available_recipes()]
    pages = {name: _model_page(name, model_class(name), recipes, records, compared) for name in available()}
    pages[TREES] = _model_page(TREES, None, recipes, records, compared)
    return dict(sorted(pages.items()))


def _model_page(
    name: str, cls: type[Any] | None, recipes: list[Recipe], records: list[Record], compared: list[dict[str, Any]]
) -> str:
    own = [recipe for recipe in recipes if recipe.model == name]
    about = "Boosted decision trees on the dataset's summary features." if cls is None else inspect.getdoc(cls)
    lines = [f"# {name}", "", _markdown(about or ""), ""]
    if cls is not None:
        made_for = [
            d.name for d in pd4ml.Dataset.datasets_register if cls.__module__.startswith(f"{d.__module__}.")
        ]
        serves = "every dataset" if cls.made_for is None else f"{made_for[0]} only"
        lines += [f"`{cls.__module__}.{cls.__qualname__}`, for {serves}.", "", "## Recipes", ""]
        rows = [(f"`{r.name}`", r.description, r.reference, _settings(r)) for r in own]
        lines += _table(("recipe", "what", "source", "hyperparameters"), rows)
    else:
        lines += ["## Recipes", "", *_table(("recipe", "what"), [(f"`{r.name}`", r.description) for r in own])]
    trained = {
        (r.dataset["name"], r.recipe["name"], r.model["parameters"]) for r in records if r.model["name"] == name
    }
    recipe_names = {recipe.name for recipe in own}
    trained |= {
        (row["dataset"], row["recipe"], row["parameters"])
        for row in compared
        if row["recipe"] in recipe_names and "parameters" in row
    }
    if cls is not None and trained:
        sizes = [(dataset, f"`{recipe}`", f"{n:,}") for dataset, recipe, n in sorted(trained)]
        lines += ["", "## Parameters", "", *_table(("dataset", "recipe", "parameters"), sizes)]
    for task in ("classification", "regression"):
        if shown := [r for r in records if r.model["name"] == name and r.dataset["task"] == task]:
            lines += ["", f"## Results, {task}", "", to_markdown(shown).rstrip()]
    return "\n".join([*lines, ""])


def methods_page() -> str:
    """What a recipe's table ``[method]`` can ask for."""
    lines = ["# Methods", ""]
    lines += [
        "A table `[method]` in a [recipe](how_to/training.md#methods) says what a network is trained for.",
        "",
    ]
    for kind, cls in sorted((k, c) for k, c in OBJECTIVES.items() if c.__module__.startswith("pd4ml.")):
        lines += [f"## {kind}", "", _markdown(inspect.getdoc(cls) or ""), ""]
        lines += ["```toml", "[method]", f'kind = "{kind}"', "```", ""]
        options = [(f"`{f.name}`", f"`{f.type}`", _default(f)) for f in dataclasses.fields(cls)]
        lines += [*(_table(("option", "type", "default"), options) if options else ["It has no options."]), ""]
    transforms = sorted(_below(Transform), key=lambda cls: cls.__name__)
    lines += ["## Transforms", "", _markdown(inspect.getdoc(Transform) or ""), ""]
    lines += [f"- `{cls.__name__}`: {_markdown(inspect.getdoc(cls) or '')}" for cls in transforms]
    lines += [] if transforms else ["None is part of the package."]
    return "\n".join([*lines, ""])


def results_page(tables: dict[str, tuple[str, str]]) -> str:
    """All records that are kept: of the plan ``standard`` and of the demo, by dataset."""
    lines = ["# Results", ""]
    lines += ["Generated events and short runs: they compare models with each other, not with published scores"]
    lines += ["([why](explanations/numbers.md)). The records lie in `docs/results`."]
    for dataset, (standard, demo) in tables.items():
        lines += ["", f"## {dataset}", "", f"[What it is](datasets/{dataset}.md)."]
        parts = (("standard", standard), ("quick", demo))
        for plan, table in parts:
            lines += ["", f"### `pd4ml benchmark {plan}`", "", table.rstrip()] if table else []
    return "\n".join([*lines, ""])


def _below(cls: type[Any]) -> list[type[Any]]:
    """All classes of this package that derive from ``cls``."""
    found = [deeper for below in cls.__subclasses__() for deeper in (below, *_below(below))]
    return [one for one in found if one.__module__.startswith("pd4ml.")]


def _settings(recipe: Recipe) -> str:
    return ", ".join(f"{name} {value}" for name, value in recipe.hyperparameters.items())


def _default(option: dataclasses.Field[Any]) -> str:
    return "" if option.default is dataclasses.MISSING else f"`{option.default!r}`"


def _markdown(docstring: str) -> str:
    """A docstring's prose, up to its first section, with its literals as Markdown has them."""
    prose, paragraphs = docstring.split("\n\n"), []
    for paragraph in prose:
        if "\n---" in paragraph:
            break
        paragraphs.append(paragraph.replace("``", "`"))
    return "\n\n".join(paragraphs).strip()


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = list(columns)
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *map(list, rows))]


def _toctree(pages: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", "", *pages, "```", ""]
