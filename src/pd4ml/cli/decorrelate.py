"""Subcommands against a quantity: decorrelate."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import (
    AsJson,
    ColumnNames,
    DataPath,
    SourceName,
    ThreadNumber,
    VariantName,
    app,
    find,
    width,
)
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from pd4ml.card import Measurement
    from pd4ml.dataset import Dataset

__all__ = ["decorrelate"]

_PLOTS = (".png", ".pdf")
Found = dict[str, dict[str, "Measurement"]]


@app.command()
def decorrelate(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN...", help="The folders of finished runs.")
    ] = None,
    quantity: Annotated[
        str, typer.Option("--from", help="An array, a summary feature, or an expression over both.")
    ] = "",
    measure: Annotated[bool, typer.Option("--measure", help="Only measure: make no flattened run.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Rejection against 1/JSD: .png or .pdf.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Instead of RUN: predictions of any tool.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="What they are for.", autocompletion=complete.datasets)
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="The split they are for.", autocompletion=complete.splits)
    ] = "test",
    columns: ColumnNames = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Of --predictions: the flattened ones.")] = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Make a score independent of an observed quantity, and say what its cuts do to it before and after.

    Each run's score becomes its rank among background with nearly the same value, taken from the run's validation
    part: a run of its own, judged on the test split. Of --predictions each half of the events is ranked among the
    other half's.

    Examples: pd4ml decorrelate runs/NAME --from mass ;
    pd4ml decorrelate runs/A runs/B runs/C --from mass --measure --plot mass.pdf ;
    pd4ml decorrelate --predictions scores.csv --dataset TopTagging --from mass --out flat.npz
    """
    if not quantity or bool(runs) == (predictions is not None):
        raise DataError(
            "decorrelate takes --from QUANTITY and folders of runs, or --predictions FILE with --dataset"
        )
    if plot is not None and plot.suffix.lower() not in _PLOTS:
        raise DataError(f"expected --plot FILE that ends in {', '.join(_PLOTS)}, found {plot.name!r}")
    if out is not None and (predictions is None or out.suffix.lower() not in (".npz", ".csv")):
        raise DataError("--out FILE, .npz or .csv, is for --predictions: runs get folders of their own")
    if predictions is None:
        found = _of_runs(runs or [], path, quantity, threads, measure=measure)
    else:
        if dataset is None:
            raise DataError("decorrelate --predictions needs --dataset NAME")
        chosen, source = find(dataset, path, source)
        where = (chosen, split, path, source, variant)
        found = _of_file(predictions, where, columns, quantity, out, measure=measure)
    _show(found, quantity, plot, as_json)


def _of_runs(folders: list[Path], path: Path, quantity: str, threads: int | None, *, measure: bool) -> Found:
    from pd4ml.benchmark.decorrelate import flatten_run, sculpting_of_run
    from pd4ml.benchmark.run import load_run

    found: Found = {}
    for folder in folders:
        run = load_run(folder, threads=threads)
        for each in (run,) if measure else (run, flatten_run(run, path, of=quantity)):
            name = each.record.recipe["name"] + ("" if each.record.seed is None else f", seed {each.record.seed}")
            label = name if name not in found else each.folder.name
            found[label] = sculpting_of_run(each, path, of=quantity)
            if each is not run:
                print(f"{label}: {each.folder}", file=sys.stderr)
    return found


def _of_file(
    file: Path,
    where: tuple[type[Dataset], str, Path, str, str],
    columns: str | None,
    of: str,
    out: Path | None,
    *,
    measure: bool,
) -> Found:
    from pd4ml.benchmark.decorrelate import flatten_predictions, sculpting_of
    from pd4ml.evaluation.names import parse_columns
    from pd4ml.evaluation.submission import read_submission
    from pd4ml.evaluation.truth import dataset_truth
    from pd4ml.quantity import quantity

    dataset, split, path, source, variant = where
    truth = dataset_truth(dataset, split, path, source=source, variant=variant)
    before = read_submission(file, truth, parse_columns(columns))
    events = dataset.open(split, path, source=source, variant=variant)
    value = quantity(dataset, events, of)
    found = {file.name: sculpting_of(before, dataset, events, value)}
    if not measure:
        after = flatten_predictions(before, dataset, events, of=of)
        found["flattened"] = sculpting_of(after, dataset, events, value)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            after.write(out)
    return found


def _show(found: Found, quantity: str, plot: Path | None, as_json: bool) -> None:
    from pd4ml.report.decorrelation import sculpting_picture, sculpting_table
    from pd4ml.report.render import to_text
    from pd4ml.report.style import house_style
    from pd4ml.storage.atomic import write_bytes

    if plot is not None:
        with house_style():
            drawn = sculpting_picture("sculpting", found, quantity)
        plot.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(plot, drawn.png if plot.suffix.lower() == ".png" else drawn.pdf)
    if as_json:
        body = {label: {name: asdict(value) for name, value in each.items()} for label, each in found.items()}
        print(json.dumps({"quantity": quantity, "scores": body}, indent=1))
        return
    print(to_text(sculpting_table("", found), width()))
