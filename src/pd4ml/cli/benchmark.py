"""Subcommand that runs a plan: benchmark."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, RunsPath, app, console
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
        autocompletion=lambda incomplete: complete.several(complete.recipes(), incomplete),
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
        int, typer.Option(help="Trainings at a time, in processes that share the cores; 1 takes them all.")
    ] = 1,
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
    )
    if dry_run:
        _print_states(plan_states(plan, path, runs), plan, as_json)
        return
    outcome = run_plan(plan, path=path, runs_dir=runs, workers=workers)
    if as_json:
        from pd4ml.report.table import to_json

        print(to_json(outcome.records))
    elif outcome.records:
        _print_tables(outcome.records)
        where = f"{shlex.quote(str(runs))} --path {shlex.quote(str(path))}"
        print(f"records: {runs}/*/record.json; on one page: pd4ml report {where} --out report.html")
    if outcome.failures:
        _print_failures(outcome, plan, path, runs)
        raise typer.Exit(1)


def _listed(texts: list[str] | None) -> list[str]:
    """``["a,b", "c"]`` as ``["a", "b", "c"]``."""
    return [name for text in texts or [] for part in text.split(",") if (name := part.strip())]


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
    print(f"{plan.name}: {plan.description}")
    width = max(len(state.cell.name) for state in states) + 2
    for state in states:
        events = plan.events.get(state.cell.dataset.name)
        of = f"{events:,} generated events" if events else "published events"
        print(f"{state.state:<10}{state.cell.name:<{width}}{state.reason or state.folder or of}")
    n_finished = sum(state.state == "finished" for state in states)
    print(f"{len(states)} trainings, {n_finished} finished")


def _print_tables(records: tuple[Record, ...]) -> None:
    """One for each task, since they share no metric."""
    from pd4ml.report.table import to_rich

    for task in dict.fromkeys(record.dataset["task"] for record in records):
        console().print(to_rich([record for record in records if record.dataset["task"] == task]))
        if task == "classification":
            print("1/eps_B(x) is the background rejection at signal efficiency x.")
    print("On the test split: mean ± bootstrap error ± spread between trainings, where there are several.")


def _print_failures(outcome: Outcome, plan: Plan, path: Path, runs: Path) -> None:
    print(f"pd4ml: {len(outcome.failures)} of {len(plan.cells)} trainings failed:", file=sys.stderr)
    option = ["--plan", plan.name] if plan.name.endswith(".toml") else [plan.name]
    for failure in outcome.failures:
        cell = failure.cell
        line = ["pd4ml", "benchmark", *option, "--datasets", cell.dataset.name]
        line += ["--recipes", cell.recipe.name, "--seeds", str(cell.seed)]
        line += ["--path", str(path), "--runs", str(runs)]
        print(f"  {cell.name}: {failure.reason}\n    again: {shlex.join(line)}", file=sys.stderr)
