"""Subcommands about models: recipes, train, results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import pd4ml
from pd4ml.cli import complete
from pd4ml.cli.app import (
    AsJson,
    DataPath,
    DatasetName,
    Force,
    RunsPath,
    Selection,
    Settings,
    SourceName,
    ThreadNumber,
    VariantName,
    app,
    find,
    say,
    settings,
    width,
)
from pd4ml.errors import DataError, readable

__all__ = ["print_records", "read_runs", "recipes", "results", "train"]


@app.command()
def train(
    dataset: DatasetName,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "--model",
            help="A recipe of this package (`pd4ml recipes DATASET`) or a TOML file of your own.",
            autocompletion=complete.recipes,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the events.")] = 1,
    n_train: Annotated[
        int | None, typer.Option("--events", "-n", help="Train on the first events only, validation included.")
    ] = None,
    options: Settings = None,
    source: SourceName = "",
    variant: VariantName = "default",
    select: Selection = None,
    path: DataPath = Path("datasets"),
    runs: RunsPath = Path("runs"),
    device: Annotated[
        str,
        typer.Option(help="`cpu`, `cuda`, or `auto`: a GPU where there is one.", autocompletion=complete.devices),
    ] = "auto",
    devices: Annotated[int, typer.Option(help="Processes that share each batch, on GPUs where there are.")] = 1,
    threads: ThreadNumber = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard too.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train a model as its recipe says, evaluate it on the test split, leave a record.

    A training that was stopped goes on; one that is finished is not repeated.

    Examples: pd4ml train TopTagging --recipe graph_net --set max_epochs=20 --seed 2 ;
    pd4ml train Airshower --recipe fcn_quick --set method.kind=gaussian ;
    pd4ml train TopTagging --recipe gbdt --select "particle_pt > 600"
    """
    from pd4ml.benchmark.run import train_sample
    from pd4ml.training.fitted import Options
    from pd4ml.training.recipe import available_recipes, load_recipe

    found, source = find(dataset, path, source)
    if recipe is None:
        known = ", ".join(available_recipes(found))
        raise DataError(f"choose what to train with --recipe: {known}, or a TOML file")
    chosen = load_recipe(recipe, found)
    chosen = chosen.override(**_tables(chosen.to_dict(), settings(options)))
    sample = found.at(path, source=source, variant=variant)
    run = train_sample(
        sample if select is None else sample.select(select),
        chosen,
        runs_dir=runs,
        force=force,
        options=Options(seed, n_train, None, devices, device, tensorboard, threads),
    )
    print_records([run.record], as_json)


@app.command()
def results(
    runs: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Compare the records of finished runs in a table, with errors, and say where the record files are.

    Records that cannot be read are named on standard error and left out.
    """
    from pd4ml.report.table import to_markdown

    records = read_runs(runs)
    if markdown:
        print(to_markdown(records), end="")
    else:
        print_records(records, as_json)


@app.command()
def recipes(
    dataset: Annotated[
        str | None, typer.Argument(metavar="[DATASET]", help="Without those for other datasets only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes: which model is trained and how, on which dataset, and where the settings come from."""
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table
    from pd4ml.training.recipe import available_recipes, load_recipe, recipe_dataset

    chosen = None if dataset is None else pd4ml.Dataset.datasets_register.find(dataset)
    found = [load_recipe(name) for name in available_recipes(chosen)]
    if as_json:
        print(json.dumps([recipe.to_dict() for recipe in found], indent=1))
        return
    rows = [
        Row(
            recipe.name,
            (
                Cell(recipe_dataset(recipe.name) or "any"),
                Cell(f"{' '.join(recipe.description.split())} [{recipe.reference}]"),
            ),
        )
        for recipe in found
    ]
    columns = tuple(Column.of(name, left=True) for name in ("dataset", "what is trained [settings from]"))
    print(to_text(Table("", columns, tuple(rows), first="recipe"), width()))


def _tables(recipe: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """``options``, those such as ``method.kind`` in the recipe's tables; another kind begins a new one."""
    changes = {key: value for key, value in options.items() if "." not in key}
    dotted: dict[str, dict[str, Any]] = {}
    for key in options.keys() - changes.keys():
        table, _, name = key.partition(".")
        if not isinstance(recipe.get(table), dict):
            raise DataError(f"--set {key}: a recipe has the tables schedule, method and hyperparameters")
        dotted.setdefault(table, {})[name] = options[key]
    for table, values in dotted.items():
        changes[table] = ({} if "kind" in values else changes.get(table, recipe[table])) | values
    return changes


def read_runs(runs: Path) -> list[Any]:
    """The records below ``runs``, see `readable`; DataError if there are none."""
    from pd4ml.benchmark.record import find_records, read_record

    records = readable(read_record, find_records(runs))
    if not records:
        raise DataError(f"no records in {runs}: train something first, for example with `pd4ml train`")
    return records


def print_records(records: list[Any], as_json: bool) -> None:
    """Records as a table on the terminal, or as JSON."""
    from pd4ml.report.shown import REJECTION_NOTE
    from pd4ml.report.table import to_json, to_text

    if as_json:
        print(to_json(records))
        return
    print(to_text(records, width()), end="\n\n")
    if any(record.dataset["task"] == "classification" for record in records):
        say(REJECTION_NOTE)
    say("On the test split, with bootstrap errors.")
    if len(records) == 1:
        print(f"record: {records[0].folder / 'record.json'}")
    else:
        print(f"{len(records)} records: {records[0].folder.parent / '*' / 'record.json'}")
