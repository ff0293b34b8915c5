"""Subcommands of the leaderboard: add, show, check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import pd4ml
from pd4ml.cli import complete
from pd4ml.cli.app import App, AsJson, ColumnNames, DataPath, SourceName, VariantName, app, find, width
from pd4ml.errors import DataError, readable, unknown_name

__all__ = ["add", "check", "leaderboard", "show"]

leaderboard = App(
    no_args_is_help=True,
    help="""A folder of records in git is the leaderboard; nobody types numbers.

    \b
    pd4ml leaderboard add runs/NAME --to leaderboard       recompute a run's numbers and take it in
    pd4ml leaderboard show leaderboard                     rank by dataset, with errors and ties
    pd4ml leaderboard check leaderboard                    verify every entry again
    """,
)
app.add_typer(leaderboard, name="leaderboard")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the leaderboard.")]


@leaderboard.command()
def add(
    run: Annotated[Path | None, typer.Argument(help="The folder of a finished run.")] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder of the leaderboard.")] = Path("leaderboard"),
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Instead of RUN: another tool's predictions of the test split."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="The dataset they are predictions for.", autocompletion=complete.datasets),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the model is called.")] = None,
    reference: Annotated[str, typer.Option("--reference", help="A paper or an address of the model.")] = "",
    parameters: Annotated[int | None, typer.Option("--parameters", min=0, help="Trained parameters.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the training, if there was one.")] = None,
    columns: ColumnNames = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Recompute the numbers from predictions and dataset, refuse a mismatch, take the entry in.

    Another framework: pd4ml leaderboard add --predictions scores.npz --dataset TopTagging --name "My net"
    """
    from pd4ml.benchmark.leaderboard import add_predictions, add_run
    from pd4ml.evaluation.names import parse_columns

    if run is not None and predictions is None:
        record = add_run(run, to, path)
    elif predictions is not None and run is None and dataset and name:
        chosen, source = find(dataset, path, source)
        record = add_predictions(
            predictions,
            chosen,
            to,
            name=name,
            columns=parse_columns(columns),
            path=path,
            source=source,
            variant=variant,
            reference=reference,
            parameters=parameters,
            seed=seed,
        )
    else:
        raise DataError("add takes the folder of a run, or --predictions FILE with --dataset and --name")
    print(json.dumps({**record.to_dict(), "folder": str(record.folder)}, indent=1) if as_json else record.folder)


@leaderboard.command()
def show(
    folder: Folder = Path("leaderboard"),
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="This dataset only.", autocompletion=complete.datasets)
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rank the entries, each set of events by itself; published scores stand apart and unranked.

    Entries that cannot be read are named on standard error and left out.
    """
    from pd4ml.benchmark.leaderboard import entries
    from pd4ml.benchmark.record import read_record
    from pd4ml.report import ranking

    records = readable(read_record, entries(folder))
    if not records:
        raise DataError(f"no entries in {folder}: add one with `pd4ml leaderboard add`")
    if dataset is not None:
        names = {record.dataset["name"] for record in records}
        wanted = next((name for name in names if name.lower() == dataset.lower()), dataset)
        if wanted not in names:
            wanted = pd4ml.Dataset.datasets_register.find(dataset).name
        if wanted not in names:
            raise unknown_name("dataset", dataset, sorted(names))
        records = [record for record in records if record.dataset["name"] == wanted]
    if as_json:
        print(ranking.to_json(records))
    elif markdown:
        print(ranking.to_markdown(records), end="")
    else:
        print(ranking.to_text(records, width()))


@leaderboard.command()
def check(
    folder: Folder = Path("leaderboard"), path: DataPath = Path("datasets"), as_json: AsJson = False
) -> None:
    """Verify every entry again: schema, hashes, events, and all numbers recomputed. Exits with 1 if one fails."""
    from pd4ml.benchmark.leaderboard import check

    failed, found = 0, []
    for result in check(folder, path):
        failed += bool(result.problem)
        if as_json:
            found.append({"entry": str(result.entry), "problem": result.problem})
        else:
            print(f"{result.entry}: {result.problem or 'verified'}", flush=True)
    if as_json:
        print(json.dumps(found, indent=1))
    if failed:
        raise typer.Exit(1)
