"""The subcommand that makes a dataset of one's own files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from pd4ml.cli.app import AsJson, DataPath, Force, VariantName, app, say, width
from pd4ml.errors import DataError

__all__ = ["convert"]


@app.command()
def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="ROOT, Parquet, HDF5, NPZ or CSV files.")],
    card: Annotated[
        Path | None, typer.Option("--card", help="A TOML file that says what the columns are.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the dataset is to be called.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The column that is to be learned, or an expression.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="`classification`, `regression`, `segmentation` or `unlabelled`.")
    ] = None,
    select: Annotated[
        str | None, typer.Option("--select", help="Keep these events: 'pt > 500 and abs(eta) < 2'.")
    ] = None,
    inside: Annotated[
        str | None, typer.Option("--inside", help="The tree of a ROOT file, the group of an HDF5 file.")
    ] = None,
    list_columns: Annotated[bool, typer.Option("--list", help="Say what columns there are, and stop.")] = False,
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of your own files: a row is an event, lists stay lists. Every command then takes its name.

    Files may be larger than the memory; stopped, the same line goes on. What the columns are is found, or said by
    --card; options come before what it says.

    Examples: pd4ml convert jets.parquet --list ;
    pd4ml convert jets.parquet --name MyJets --target jet_label --select "jet_pt > 500" ;
    pd4ml convert run*.root --card card.toml
    """
    from pd4ml.expression import Expression
    from pd4ml.own.card_file import CardFile
    from pd4ml.own.conversion import convert, found_columns

    if list_columns:
        _print_columns(found_columns(files[0], inside or ""), as_json)
        return
    told = CardFile("") if card is None else CardFile.read(card)
    texts = {"task": task, "select": select, "inside": inside}
    given = {key: text for key, text in texts.items() if text is not None}
    told = replace(told, name=name or told.name, texts=MappingProxyType({**told.texts, **given}))
    if target is not None:
        told = replace(told, target=Expression(target))
    if not told.name:
        raise DataError('convert needs a name for the dataset: --name MyJets, or name = "MyJets" in the card')
    sample = convert(files, told, path, variant=variant, force=force)
    manifest = sample.manifest
    counts = {split: manifest.n_events(split) for split in manifest.arrays}
    folder = sample.dataset.folder(path, variant=variant)
    if as_json:
        print(json.dumps({"folder": str(folder), "events": counts, "fingerprint": manifest.fingerprint}))
        return
    for spec in sample.card.arrays:
        say(str(spec), hang="  ")
    summary = ", ".join(f"{n:,} {split}" for split, n in counts.items())
    print(f"{folder}: {summary}, fingerprint {manifest.fingerprint[:16]}")


def _print_columns(columns: dict[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(columns, indent=1))
        return
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table

    rows = tuple(Row(name, (Cell(kind),)) for name, kind in columns.items())
    print(to_text(Table("", (Column.of("holds", left=True),), rows, first="column"), width()))
