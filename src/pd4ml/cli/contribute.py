"""Subcommands for those who add something: new, check."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pd4ml.cli.app import App, AsJson, DatasetName, SourceName, VariantName, app, find, say, width

if TYPE_CHECKING:
    from pd4ml.contribute import Check

__all__ = ["check_dataset", "new_dataset", "new_method", "new_model"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.")]
Folder = Annotated[Path | None, typer.Option("--to", help="The folder it is written to.")]
InTree = Annotated[bool, typer.Option("--in-tree", help="Make it a part of a checkout of this project.")]

new = App(no_args_is_help=True, help="Begin a dataset, a model or a method from a template that works at once.")
app.add_typer(new, name="new")
check = App(no_args_is_help=True, help="Hold a dataset against all that is promised of datasets.")
app.add_typer(check, name="check")


@check.command("dataset")
def check_dataset(
    dataset: DatasetName,
    path: Annotated[
        Path | None,
        typer.Option("--path", help="The folder that holds its events; without it some are generated."),
    ] = None,
    source: SourceName = "",
    variant: VariantName = "default",
    events: Annotated[int, typer.Option("--events", "-n", help="How many are generated.")] = 400,
    workers: Annotated[
        int, typer.Option(help="Events of one process are compared with those of so many; 1: they are not.")
    ] = 2,
    train: Annotated[bool, typer.Option("--train/--no-train", help="Whether something is trained.")] = True,
    as_json: AsJson = False,
) -> None:
    """Print what a reviewer asks of a dataset, and what was found. Exits with 1 if something failed.

    Card, simulator, events, graphs, a short training, README and page; events are generated in a temporary folder.

    Examples: pd4ml check dataset TopTagging ; pd4ml check dataset TopTagging --path datasets --source published
    """
    from pd4ml.contribute import check_dataset

    chosen, source = find(dataset, path or Path("datasets"), source)
    found = check_dataset(
        chosen,
        path or (Path("datasets") if source == "own" else None),
        source=source,
        variant=variant,
        n_events=events,
        workers=workers,
        train=train,
    )
    if as_json:
        print(json.dumps([asdict(check) for check in found], indent=1))
    else:
        _print(found)
    if any(check.state == "failed" for check in found):
        raise typer.Exit(1)


def _print(found: tuple[Check, ...]) -> None:
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table

    rows = tuple(Row(check.name, (Cell(check.state), Cell(check.found))) for check in found)
    columns = (Column.of("state", left=True), Column.of("what was found", left=True))
    print(to_text(Table("", columns, rows, first="check"), width()))
    states = [check.state for check in found]
    print("\n" + ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


@new.command("dataset")
def new_dataset(name: Name, to: Folder = None, in_tree: InTree = False) -> None:
    """Write a dataset's room: a package that can be installed, or with --in-tree a part of this project.

    Its simulator is a toy, and what is to be replaced says REPLACE; `pd4ml check dataset NAME` passes at once.

    Example: pd4ml new dataset MyShowers && pip install -e my_showers && pd4ml check dataset MyShowers
    """
    from pd4ml.contribute import new_dataset

    written = new_dataset(name, to, in_tree=in_tree)
    print("\n".join(map(str, written)))
    if in_tree:
        say(f"next: pd4ml check dataset {name}, then python docs/make_pages.py")
    else:
        folder = next(file.parent for file in written if file.name == "pyproject.toml")
        say(f"next: pip install -e {folder}, then pd4ml check dataset {name}")


@new.command("model")
def new_model(name: Name, to: Folder = None, in_tree: InTree = False) -> None:
    """Write a model's file, its recipe and its test, here or with --in-tree in this project.

    Example: pd4ml new model my_net && pd4ml train TopTagging --recipe my_net.toml --plugin my_net.py
    """
    from pd4ml.contribute import new_model

    written = new_model(name, to, in_tree=in_tree)
    print("\n".join(map(str, written)))
    if in_tree:
        say(f"next: pd4ml train TopTagging --recipe {written[1].stem}")
    else:
        say(f"next: pd4ml train TopTagging --recipe {written[1]} --plugin {written[0]}")


@new.command("method")
def new_method(name: Name, to: Folder = None) -> None:
    """Write a method's file, a recipe that names it in its table [method], and its test.

    Example: pd4ml new method my_penalty && pd4ml train TopTagging --recipe my_penalty.toml --plugin my_penalty.py
    """
    from pd4ml.contribute import new_method

    written = new_method(name, to)
    print("\n".join(map(str, written)))
    say(f"next: pd4ml train TopTagging --recipe {written[1]} --plugin {written[0]}")
