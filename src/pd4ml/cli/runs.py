"""Subcommands about finished runs: predict, shift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, SourceName, ThreadNumber, VariantName, app, say, usual_source, width
from pd4ml.errors import DataError
from pd4ml.machine import cores

__all__ = ["predict", "shift"]


def _variants(ctx: typer.Context, incomplete: str) -> list[complete.Offer]:
    return complete.several(complete.variants(ctx), incomplete)


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]


@app.command()
def predict(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write: .npz or .csv.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Instead of --path: any dataset folder, or an .npz file of your own events."),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="The split to predict for.", autocompletion=complete.splits)
    ] = "test",
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Apply a trained model to any variant, split, dataset folder or file of the same schema.

    Features are those of the training: they are not fitted again. A file of your own holds arrays named as on the
    card (`pd4ml info DATASET`); the target may be missing.

    Examples: pd4ml predict runs/NAME --variant scale_up --out scale_up.npz ;
    pd4ml predict runs/NAME --data mine.npz --out mine.csv
    """
    from pd4ml.benchmark.run import load_run, open_data

    if out.suffix.lower() not in (".npz", ".csv"):
        raise DataError(f"expected --out FILE that ends in .npz or .csv, found {out.name!r}")
    finished = load_run(run, threads=threads)
    dataset = finished.fitted.dataset
    if data is not None:
        events = open_data(dataset, data, split)
    else:
        events = dataset.at(path, source=source or usual_source(dataset), variant=variant).open(split)
    predictions = finished.predict(events)
    out.parent.mkdir(parents=True, exist_ok=True)
    predictions.write(out)
    if as_json:
        facts = {"file": str(out), "events": predictions.n_events, "fingerprint": events.manifest.fingerprint}
        print(json.dumps({**facts, "features": finished.view.sha256}))
    else:
        print(f"{out}: {predictions.n_events:,} events, features {finished.view.sha256[:16]} as in training")


@app.command()
def shift(
    run: RunFolder,
    events: Annotated[
        int | None,
        typer.Option("--events", "-n", help="Make variants that are missing, with so many events in all."),
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--variants", help="These only; repeatable, or with commas between.", autocompletion=_variants
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that generate; 0 is one for each core.")] = 0,
    path: DataPath = Path("datasets"),
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Say how far each systematic variation moves a finished run, with errors; the report shows it, too.

    Thresholds are fixed on nominal events. With as many events as the nominal ones have, the same events are
    simulated anew where that is possible, and errors are paired.

    Example: pd4ml shift runs/NAME --events 20000
    """
    from pd4ml.benchmark.run import load_run
    from pd4ml.benchmark.shift import SHIFT_NAME
    from pd4ml.benchmark.shift import shift as compare

    chosen = [name for text in variants or [] for name in text.split(",") if name]
    finished = load_run(run, threads=threads)
    found = compare(finished, path, n_events=events, variants=chosen, workers=workers or cores())
    if as_json:
        print(json.dumps(found, indent=1))
        return
    from pd4ml.report import render
    from pd4ml.report.shift import read_shift, shift_table

    name = finished.record.recipe["name"]
    print(render.to_text(shift_table("", {name: read_shift(run / SHIFT_NAME)}), width()))
    say(f"Differences from nominal, with bootstrap errors; {run / SHIFT_NAME} has all numbers.")
