"""Subcommands of a collaboration between machines: collaborate kits, serve, site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pd4ml.cli.app import AsJson, DataPath, DatasetName, Settings, SourceName, VariantName, find, say, settings
from pd4ml.cli.collaborate import (
    Epochs,
    RecipeName,
    Rounds,
    StrategyName,
    WorkingThreads,
    collaborate,
    parted,
    show,
)
from pd4ml.errors import DataError

__all__ = ["kits", "serve", "site"]


@collaborate.command("kits")
def kits(
    folder: Annotated[Path, typer.Argument(help="Where; a folder for the server and one for each group.")],
    sites: Annotated[str, typer.Option(help="Names of the groups, with commas between, in the order of turns.")],
    host: Annotated[str, typer.Option(help="The server's name or address, as groups reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The server's.")] = 8002,
) -> None:
    """Make start-up kits for a collaboration between machines: certificates and keys, each for one group.

    Example: pd4ml collaborate kits kits --sites cern,desy,kek --host pd4ml.example.org
    """
    from pd4ml.collaborate.wire.kits import make_kits

    made = make_kits(folder, [name for name in sites.split(",") if name], host, port)
    say(f"{made[0]}: for the machine {host}, whose port {port} must be open to the groups")
    for kit in made[1:]:
        say(f"{kit}: for {kit.name} and nobody else, since it holds a private key")


@collaborate.command("site")
def site(
    kit: Annotated[Path, typer.Argument(help="The group's kit.")],
    dataset: DatasetName,
    recipe: RecipeName,
    options: Settings = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    out: Annotated[
        Path | None, typer.Option("--out", help="Where key, ledger and model are kept; the kit if not given.")
    ] = None,
    threads: WorkingThreads = 1,
) -> None:
    """Take part in a collaboration between machines with events of this one, until it is over.

    Started again after a stop, it takes part from the next call on. --set changes the recipe.

    Example: pd4ml collaborate site kits/desy TopTagging --recipe fcn_quick --variant tune_a14
    """
    from pd4ml.collaborate.wire.kits import Kit
    from pd4ml.collaborate.wire.site import Offer, run_site
    from pd4ml.training.recipe import load_recipe

    found, source = find(dataset, path, source)
    chosen = load_recipe(recipe, found).override(**settings(options))
    sample = found.at(path, source=source, variant=variant)
    run_site(Kit.read(kit), Offer(sample, chosen, threads), out)


@collaborate.command("serve")
def serve(
    kit: Annotated[Path, typer.Argument(help="The server's kit.")],
    strategy: StrategyName = "vote",
    options: Settings = None,
    rounds: Rounds = 20,
    epochs: Epochs = 1,
    seed: Annotated[int, typer.Option(help="Of weights and the order of events.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds that a group may train or vote.")] = 600.0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where ledger and weights are kept; the kit if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the server of a collaboration between machines, and its rounds; it needs no events.

    Started again after a stop, it goes on from its ledger. --set takes strategy.NAME=VALUE.

    Example: pd4ml collaborate serve kits/server --strategy fedavg_vote --rounds 15
    """
    from pd4ml.collaborate import make_strategy
    from pd4ml.collaborate.wire.serve import serve as run_server

    of_strategy, of_recipe = parted(options)
    if of_recipe:
        raise DataError(f"the server trains nothing: {', '.join(of_recipe)} is for the groups to set")
    chosen = make_strategy(strategy, **of_strategy)
    made = run_server(kit, chosen, rounds=rounds, seed=seed, epochs=epochs, folder=out, timeout=timeout)
    show(made, as_json)
