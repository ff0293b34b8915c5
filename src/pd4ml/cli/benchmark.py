"""Subcommand that runs a plan: benchmark."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, RunsPath, app, say, width
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from pd4ml.benchmark import Outcome, Plan, Record, State

__all__ = ["benchmark"]

Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--datasets",
        help="These only; repeatable, or with commas between.",
        autocompletion=lambda incomplete: complete.several(complete.datasets(), incomplete),
    ),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        "--recipes",
        help="These only, named as in the plan or by themselves.",
        autocompletion=lambda ctx, incomplete: complete.several(complete.recipes(ctx), incomplete),
    ),
]


@app.command()
def benchmark(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET", help="`quick` (the default), `standard` or `paper`.", autocompletion=complete.plans
        ),
    ] = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Instead of PRESET: a TOML file of your own.")
    ] = None,
    datasets: Datasets = None,
    recipes: Recipes = None,
    seeds: Annotated[list[str] | None, typer.Option("--seeds", help="These instead of the plan's.")] = None,
    path: DataPath = Path("datasets"),
    runs: RunsPath = Path("runs"),
    workers: Annotated[
        str,
        typer.Option(
            metavar="N|auto", help="Trainings at a time; `auto`: as many as cores are free; 1: one with all cores."
        ),
    ] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train every recipe of a plan on every dataset, each with several seeds, and compare them.

    Events that are missing are generated or downloaded first. What is finished is not repeated: stopped, or one
    of them failed? The same line goes on. Exits with 1 if a training failed.

    Example: pd4ml benchmark quick --datasets TopTagging,Belle --seeds 1,2,3
    """
    from pd4ml.benchmark import load_plan, plan_states, run_plan

    if preset is not None and plan_file is not None:
        raise DataError(f"benchmark takes a preset or --plan FILE, found {preset} and {plan_file}")
    if plan_file is not None and plan_file.suffix != ".toml":
        raise DataError(f"--plan takes a TOML file, NAME.toml, found {plan_file}")
    plan = load_plan(
        plan_file or preset or "quick",
        datasets=_listed(datasets),
        recipes=_listed(recipes),
        seeds=[_seed(text) for text in _listed(seeds)],
        path=path,
    )
    if dry_run:
        _print_states(plan_states(plan, path, runs), plan, as_json)
        return
    outcome = run_plan(plan, path=path, runs_dir=runs, workers=_workers(workers))
    if as_json:
        from pd4ml.report.table import to_json

        print(to_json(outcome.records))
    elif outcome.records:
        _print_tables(outcome.records)
        where = f"{shlex.quote(str(runs))} --path {shlex.quote(str(path))}"
        print()
        say(f"records: {runs}/*/record.json; on one page: pd4ml report {where} --out report.html")
    if outcome.failures:
        _print_failures(outcome, plan, path, runs)
        raise typer.Exit(1)


def _listed(texts: list[str] | None) -> list[str]:
    """``["a,b", "c"]`` as ``["a", "b", "c"]``."""
    return [name for text in texts or [] for part in text.split(",") if (name := part.strip())]


def _workers(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise DataError(f"--workers takes a number from 1, or auto, found {text!r}") from None


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"--seeds takes whole numbers, found {text!r}") from None


def _print_states(states: list[State], plan: Plan, as_json: bool) -> None:
    if as_json:
        found = [
            {
                "dataset": state.cell.dataset.name,
                "recipe": state.cell.recipe.name,
                "seed": state.cell.seed,
                "state": state.state,
                "folder": None if state.folder is None else str(state.folder),
                "reason": state.reason,
            }
            for state in states
        ]
        print(json.dumps(found, indent=1))
        return
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table

    say(f"{plan.name}: {plan.description}")
    rows = []
    for state in states:
        events = plan.events.get(state.cell.dataset.name)
        of = f"{events:,} generated events" if events else f"{state.cell.source} events"
        rows.append(Row(state.cell.name, (Cell(state.state), Cell(state.reason or of))))
    columns = (Column.of("state", left=True), Column.of("events, or why it failed", left=True))
    print(to_text(Table("", columns, tuple(rows), first="training"), width()))
    n_finished = sum(state.state == "finished" for state in states)
    print(f"{len(states)} trainings, {n_finished} finished")


def _print_tables(records: tuple[Record, ...]) -> None:
    from pd4ml.report.shown import REJECTION_NOTE
    from pd4ml.report.table import to_text

    print(to_text(records, width()), end="\n\n")
    if any(record.dataset["task"] == "classification" for record in records):
        say(REJECTION_NOTE)
    say("On the test split: mean ± bootstrap error ± spread between trainings, where there are several.")


def _print_failures(outcome: Outcome, plan: Plan, path: Path, runs: Path) -> None:
    print(f"pd4ml: {len(outcome.failures)} of {len(plan.cells)} trainings failed:", file=sys.stderr)
    option = ["--plan", plan.name] if plan.name.endswith(".toml") else [plan.name]
    for failure in outcome.failures:
        cell = failure.cell
        line = ["pd4ml", "benchmark", *option, "--datasets", cell.dataset.name]
        line += ["--recipes", cell.recipe.name, "--seeds", str(cell.seed)]
        line += ["--path", str(path), "--runs", str(runs)]
        print(f"  {cell.name}: {failure.reason}\n    again: {shlex.join(line)}", file=sys.stderr)
