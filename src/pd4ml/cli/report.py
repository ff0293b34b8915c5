"""Subcommands that draw: report, plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pd4ml.cli.app import DataPath, DatasetName, SourceName, VariantName, app, find
from pd4ml.errors import DataError, missing_extra, readable
from pd4ml.machine import cores

__all__ = ["plot", "report"]


@app.command()
def report(
    runs: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    path: DataPath = Path("datasets"),
    collaborations: Annotated[
        Path, typer.Option("--collaborations", help="The folder that holds collaborations, which are shown, too.")
    ] = Path("collaborations"),
    analyses: Annotated[
        list[Path] | None,
        typer.Option(
            "--analyses",
            help="A folder that infer or unfold left, or one that holds such; repeatable. [default: inferences]",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes, a section each; 0 is one for each core.")] = 0,
) -> None:
    """Compare finished runs on one page: tables, curves with bands, example events, provenance. Works offline.

    Truth and example events come from the datasets in --path; what is not there is left out, and the page says so.

    Example: pd4ml report runs --path datasets --out report.html
    """
    from pd4ml.cli.training import read_runs
    from pd4ml.collaborate.together import COLLABORATION_NAME, read_collaboration
    from pd4ml.report.asides import analyses_in
    from pd4ml.report.html import write_report

    places = sorted(file.parent for file in collaborations.glob(f"*/{COLLABORATION_NAME}"))
    together = readable(read_collaboration, places)
    found = {folder: analyses_in(folder) for folder in analyses or [Path("inferences")]}
    if analyses and (empty := [folder for folder, inside in found.items() if not inside]):
        raise DataError(f"{empty[0]} holds nothing that `pd4ml infer` or `pd4ml unfold` made")
    inside = [each for those in found.values() for each in those]
    write_report(read_runs(runs), out, path, together, inside, workers or cores())
    print(out)


@app.command()
def plot(
    dataset: DatasetName,
    events: Annotated[int, typer.Option("--events", "-n", help="Example events of each class.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .png, .pdf or .svg file; by default DATASET.png.")
    ] = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
) -> None:
    """Draw example events of each class, and distributions by class, train against test: for the eye first.

    Example: pd4ml plot TopTagging --events 2 --out jets.pdf
    """
    found, source = find(dataset, path, source)
    try:
        from pd4ml.report.examples import plot_dataset
    except ImportError as error:
        raise missing_extra("a plot", "plot", error) from error
    train, test = (found.open(split, path, source=source, variant=variant) for split in ("train", "test"))
    file = out or Path(f"{found.name}.png")
    plot_dataset(found, train, test, events, file)
    print(file)
