"""Subcommands about what can be trusted: calibrate, ensemble, intervals."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, ThreadNumber, app, say, width
from pd4ml.cli.runs import RunFolder
from pd4ml.machine import cores

if TYPE_CHECKING:
    from pd4ml.benchmark.run import Run

__all__ = ["calibrate", "ensemble", "intervals"]


def _variants(ctx: typer.Context, incomplete: str) -> list[complete.Offer]:
    return complete.several(complete.variants(ctx), incomplete)


RunsPath = Annotated[
    Path | None, typer.Option("--runs", help="The folder for the new run; by default where the run is.")
]


@app.command()
def calibrate(
    run: RunFolder,
    method: Annotated[
        str, typer.Option("--method", help="temperature, or, of two classes, isotonic.")
    ] = "temperature",
    path: DataPath = Path("datasets"),
    runs: RunsPath = None,
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Make a run's probabilities mean what they say; what comes out is a run of its own.

    Fitted on the run's validation events only; scores are those of the test split.

    Example: pd4ml calibrate runs/NAME
    """
    from pd4ml.benchmark.calibrate import calibrate
    from pd4ml.benchmark.run import load_run

    before = load_run(run, threads=threads)
    after = calibrate(before, path, method=method, runs_dir=runs)
    options = after.record.method
    if "temperature" in options:
        text = f"T = {options['temperature']:.4g} ± {options['error']:.2g}, fitted on {options['events']:,} events"
        print(text, file=sys.stderr)
    _compare([before], after, as_json)


@app.command()
def ensemble(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="The folders of two or more finished runs.")
    ],
    path: DataPath = Path("datasets"),
    out: RunsPath = None,
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Average finished runs of the same events; what comes out is a run of its own.

    The mean of their probabilities, or of their values; recipes and models may differ.

    Example: pd4ml ensemble runs/NAME-seed1-... runs/NAME-seed2-... runs/NAME-seed3-...
    """
    from pd4ml.benchmark.calibrate import ensemble
    from pd4ml.benchmark.run import load_run

    members = [load_run(folder, threads=threads) for folder in runs]
    _compare(members, ensemble(members, path, runs_dir=out), as_json)


@app.command()
def intervals(
    run: RunFolder,
    coverage: Annotated[
        list[float] | None,
        typer.Option(
            "--coverage", help="How often the truth is to be held; repeatable. By default 0.68 and 0.90."
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="A quantity of the events in each of whose bins it is to hold.")
    ] = "",
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--variants",
            help="Judge these, too: names, repeatable or with commas between, or all.",
            autocompletion=_variants,
        ),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option("--events", "-n", help="Make variants that are missing, with so many events in all."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that generate; 0 is one for each core.")] = 0,
    path: DataPath = Path("datasets"),
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Intervals of values, or sets of labels, that hold the truth as often as they say; the report shows them.

    Split conformal prediction: fitted on the run's validation events, judged on the test split and on variants.

    Example: pd4ml intervals runs/NAME --coverage 0.68 --variants all
    """
    from pd4ml.benchmark.intervals import INTERVALS_NAME, intervals
    from pd4ml.benchmark.run import load_run

    names = [name for text in variants or [] for name in text.split(",") if name]
    chosen = None if not names else () if names == ["all"] else names
    found = intervals(
        load_run(run, threads=threads),
        path,
        coverage=coverage or (0.68, 0.90),
        by=by,
        variants=chosen,
        n_events=events,
        workers=workers or cores(),
    )
    if as_json:
        print(json.dumps(found, indent=1))
        return
    from pd4ml.report.coverage import coverage_table, read_coverage
    from pd4ml.report.render import to_text

    read = read_coverage(run / INTERVALS_NAME)
    print(to_text(coverage_table("", {run.name: read}), width()))
    say(f"{run / INTERVALS_NAME} has all numbers, intervals.npz beside it what is said of each event.")


def _compare(before: list[Run], after: Run, as_json: bool) -> None:
    """The metrics of some runs and of the one that was made of them."""
    from pd4ml.report.comparison import compare
    from pd4ml.report.groups import sections
    from pd4ml.report.render import to_text

    if as_json:
        body: dict[str, Any] = after.record.to_dict()
        print(json.dumps({"folder": str(after.folder), **body}, indent=1))
        return
    (section,) = sections([run.record for run in (*before, after)])
    print(to_text(compare(section, ()), width()))
    print(after.folder)
