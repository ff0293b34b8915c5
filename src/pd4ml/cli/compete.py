"""Subcommand about models that compete: compete."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, DatasetName, SourceName, VariantName, app, find, say, width
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from pd4ml.collaborate.competition import Standing

__all__ = ["compete"]


@app.command()
def compete(
    dataset: DatasetName,
    entries: Annotated[
        list[str] | None,
        typer.Option("--entries", metavar="NAME=FILE", help="A competitor and their predictions; repeatable."),
    ] = None,
    hand_out: Annotated[
        Path | None, typer.Option("--hand-out", help="Write the inputs, without labels, to this folder first.")
    ] = None,
    folder: Annotated[Path, typer.Option("--to", help="The organiser's folder: keep it.")] = Path("competition"),
    limit: Annotated[int, typer.Option(help="Entries that a competitor may make; the last one counts.")] = 3,
    split: Annotated[
        str, typer.Option("--split", help="Whose labels are hidden.", autocompletion=complete.splits)
    ] = "test",
    leaderboard: Annotated[
        Path | None, typer.Option("--leaderboard", help="Take the last entries into this leaderboard.")
    ] = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Judge predictions of several competitors on events whose labels none of them sees, and rank them.

    Predictions are files as `pd4ml evaluate --predictions` takes them, with the event_id of what was handed out.
    The ledger in --to keeps every entry: `pd4ml collaborate verify competition/ledger.jsonl`.

    Examples: pd4ml generate TopTagging -n 20000 --seed 90210 --path hidden &&
    pd4ml compete TopTagging --path hidden --hand-out inputs ;
    pd4ml compete TopTagging --path hidden --entries ours=a.npz --entries theirs=b.csv
    """
    from pd4ml.collaborate import competition

    found, source = find(dataset, path, source)
    sample = found.at(path, source=source, variant=variant)
    if hand_out is not None:
        say(f"{competition.hand_out(sample, hand_out, folder, split=split)}: for competitors; {folder}: for you")
        if not entries:
            return
    judged = competition.Competition(sample, folder, split=split, limit=limit)
    for entry in entries or ():
        name, equals, file = entry.partition("=")
        if not equals:
            raise DataError(f"an entry is NAME=FILE, found {entry}")
        judged.enter(name, Path(file))
    standings = judged.standings()
    if leaderboard is not None:
        judged.to_leaderboard(leaderboard)
    if as_json:
        print(json.dumps([asdict(standing) for standing in standings], indent=1))
    else:
        _print(standings)


def _print(standings: list[Standing]) -> None:
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table, measured_cell, metric_columns
    from pd4ml.report.shown import deciding_metric, shown_metrics

    names = shown_metrics(standings[0].metrics, details=False)
    metric = deciding_metric(standing.metrics for standing in standings)
    rows = []
    for standing in standings:
        cells = [Cell(str(standing.rank) if standing.rank else ABSENT)]
        cells += [measured_cell(name, standing.metrics.get(name)) for name in names]
        cells.append(measured_cell(metric, standing.behind))
        cells.append(Cell(ABSENT if standing.p is None else f"{standing.p:.2g}"))
        rows.append(Row(standing.name, tuple(cells)))
    columns = (Column.of("rank"), *metric_columns(names, plain=True), Column.of("behind"), Column.of("p"))
    print(to_text(Table("", columns, tuple(rows), first="competitor"), width()))
    print("\nbehind: difference from the best on the same events; p: of equals, after Holm; above 0.05 is a tie")
