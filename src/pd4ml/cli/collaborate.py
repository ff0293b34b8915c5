"""Subcommands about groups that learn together: collaborate, collaborate verify."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pd4ml.cli import complete
from pd4ml.cli.app import App, AsJson, DataPath, DatasetName, Settings, SourceName, app, find, say, settings, width
from pd4ml.errors import missing_extra

if TYPE_CHECKING:
    from pd4ml.collaborate.privacy import Privacy
    from pd4ml.collaborate.together import Collaboration

__all__ = [
    "Epochs",
    "RecipeName",
    "Rounds",
    "StrategyName",
    "WorkingThreads",
    "collaborate",
    "parted",
    "run",
    "show",
    "verify",
]


class _RunsByDefault(TyperGroup):
    """``collaborate DATASET`` is short for ``collaborate run DATASET``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With the name of the command, if it is not there."""
        known = {*self.list_commands(ctx), "--help"}
        return super().parse_args(ctx, args if not args or args[0] in known else ["run", *args])


collaborate = App(
    cls=_RunsByDefault,
    no_args_is_help=True,
    help="Train one model of many groups, none of which shows its events: `pd4ml collaborate DATASET`.",
)
app.add_typer(collaborate, name="collaborate")


RecipeName = Annotated[
    str, typer.Option("--recipe", "--model", help="Of a network.", autocompletion=complete.recipes)
]
Split = Annotated[
    str,
    typer.Option(
        help="Groups have `equal` or `skewed` parts of one sample, or `variants`, simulations of their own."
    ),
]
Variants = Annotated[
    str, typer.Option(help="Which variants, with commas between; the first ones of the card if not given.")
]
Skew = Annotated[
    float, typer.Option(help="Of skewed parts: 0 are alike, 1 share no range of what they differ in.")
]
StrategyName = Annotated[
    str, typer.Option("--strategy", help="`vote`, `fedavg`, `fedprox`, `trimmed_mean` or `fedavg_vote`.")
]
Compare = Annotated[
    bool, typer.Option("--compare/--no-compare", help="Whether each also learns alone, and one of all events.")
]
Rounds = Annotated[int, typer.Option(help="How many rounds.")]
Epochs = Annotated[int, typer.Option(help="Epochs of one proposal.")]
WorkingThreads = Annotated[int, typer.Option("--threads", help="Threads that work.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="The folder it is kept in; collaborations/... if not given.")
]


@collaborate.command("run")
def run(
    dataset: DatasetName,
    recipe: RecipeName,
    learners: Annotated[int, typer.Option(help="How many groups.")] = 5,
    split: Split = "equal",
    variants: Variants = "",
    by: Annotated[str, typer.Option(help="What skewed parts differ in: an array; the target if not given.")] = "",
    skew: Skew = 0.8,
    strategy: StrategyName = "vote",
    options: Settings = None,
    rounds: Rounds = 20,
    epochs: Epochs = 1,
    seed: Annotated[int, typer.Option(help="Of parts, weights and the order of events.")] = 1,
    compare: Compare = True,
    epsilon: Annotated[
        float | None, typer.Option(help="Differential privacy: what a learner's proposals may tell of an event.")
    ] = None,
    delta: Annotated[float, typer.Option(help="Of that privacy, below one over the training events.")] = 1e-5,
    source: SourceName = "",
    path: DataPath = Path("datasets"),
    out: Out = None,
    threads: WorkingThreads = 1,
    engine: Annotated[
        str, typer.Option(help="`process`: this one plays all. `nvflare`: each a process, over mutual TLS.")
    ] = "process",
    as_json: AsJson = False,
) -> None:
    """Train one model of many groups in rounds, and compare it with each group's own and one of all events.

    A collaboration that was stopped goes on from its ledgers. --set changes the recipe, or as strategy.NAME a
    setting of the strategy.

    Examples: pd4ml collaborate TopTagging --recipe fcn_quick --rounds 10 ;
    pd4ml collaborate LArTPC --recipe fcn_quick --split variants --strategy fedavg --set batch_size=64
    """
    from pd4ml.collaborate import collaborate as together
    from pd4ml.collaborate import groups_of, make_strategy
    from pd4ml.training.recipe import load_recipe

    found, source = find(dataset, path, source)
    of_strategy, of_recipe = parted(options)
    chosen = load_recipe(recipe, found).override(**of_recipe)
    names = tuple(name for name in variants.split(",") if name)
    made = together(
        groups_of(found, path, learners, split, source=source, variants=names, by=by, skew=skew, seed=seed),
        chosen,
        make_strategy(strategy, **of_strategy),
        rounds=rounds,
        folder=out or Path("collaborations") / f"{found.name}-{chosen.name}-{split}-{strategy}-seed{seed}",
        seed=seed,
        epochs=epochs,
        threads=threads,
        compare=compare,
        privacy=_privacy(epsilon, delta),
        engine=engine,
    )
    show(made, as_json)


def parted(options: list[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the strategy, those of the recipe."""
    prefix, given = "strategy.", settings(options)
    of_strategy = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    return of_strategy, {key: value for key, value in given.items() if not key.startswith(prefix)}


def _privacy(epsilon: float | None, delta: float) -> Privacy | None:
    if epsilon is None:
        return None
    try:
        from pd4ml.collaborate.privacy import Privacy
    except ImportError as error:
        raise missing_extra("differential privacy", "private", error) from error
    return Privacy(epsilon, delta)


def show(found: Collaboration, as_json: bool) -> None:
    """Print what a collaboration came to."""
    from pd4ml.collaborate.together import COLLABORATION_NAME
    from pd4ml.report.collaboration import collaboration_picture, collaboration_table
    from pd4ml.report.render import to_text
    from pd4ml.storage.atomic import write_bytes

    try:
        write_bytes(found.folder / "collaboration.png", collaboration_picture(found).png)
    except ImportError:
        say("no picture: that needs the extra [plot]")
    if as_json:
        print((found.folder / COLLABORATION_NAME).read_text("utf-8"), end="")
        return
    table = collaboration_table(found)
    print(f"{table.title}\n\n{to_text(table, width())}")
    if spent := found.settings.get("spent"):
        say(f"epsilon spent: {', '.join(f'{name} {value:.2f}' for name, value in spent.items())}")
    say(f"{found.folder}: {COLLABORATION_NAME}, collaboration.png, the common model or its weights, ledgers")


@collaborate.command("verify")
def verify(
    ledger: Annotated[Path, typer.Argument(help="A learner's ledger.jsonl.")],
    other: Annotated[Path | None, typer.Argument(help="Another learner's, that must tell the same.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find any change, loss, reordering or fork in what was decided; exits with 2 and names the first wrong entry.

    Example: pd4ml collaborate verify run/group_1/ledger.jsonl run/group_2/ledger.jsonl
    """
    from pd4ml.collaborate import compare_ledgers, verify_ledger

    entries = verify_ledger(ledger)
    if other is not None:
        compare_ledgers(ledger, other)
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], indent=1))
        return
    rounds = [entry for entry in entries if entry.kind == "decision"]
    taken = sum(bool(entry.body["accepted"]) for entry in rounds)
    print(f"{len(entries)} entries, {len(rounds)} rounds, {taken} proposals taken: nothing was changed")
