"""Subcommand about a parameter of many events: infer."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import (
    AsJson,
    DataPath,
    DatasetName,
    Force,
    Selection,
    Settings,
    SourceName,
    VariantName,
    app,
    find,
    say,
    settings,
    width,
)
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_bytes, write_text

__all__ = ["infer"]


@app.command()
def infer(
    dataset: DatasetName,
    share: Annotated[
        str | None,
        typer.Option(metavar="ARRAY=VALUE", help="The share of such events: primary=56; of a class its name."),
    ] = None,
    parameter: Annotated[
        str | None, typer.Option(help="Instead: an array's value, such as that of a setting that was drawn.")
    ] = None,
    events: Annotated[int, typer.Option("--events", "-n", help="In the largest sets.")] = 500,
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", "--model", help="Of a network, or of trees (gbdt).", autocompletion=complete.recipes
        ),
    ] = "filter_net_quick",
    options: Settings = None,
    window: Annotated[
        float, typer.Option(help="How nearly the same a parameter is in a set, as a share of its range.")
    ] = 0.05,
    sets: Annotated[int, typer.Option(help="Pseudo-experiments of each size.")] = 1000,
    observed: Annotated[
        str | None,
        typer.Option(help="A variant whose test events are observed.", autocompletion=complete.variants),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and sets.")] = 1,
    select: Selection = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    out: Annotated[Path | None, typer.Option(help="Where it is kept; inferences/... if not given.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Learn the posterior of a parameter given many events, and say how well it is known, and whether it is right.

    Sets of events with a given share are mixed from events of both kinds; sets with a given value are events from
    a narrow window of it. An encoder learns from sets of one and two, posteriors from means of N. One that is
    finished is not made again; with --observed it is applied.

    Examples: pd4ml infer Airshower --share primary=56 --events 200 --observed iron ;
    pd4ml infer EOSL --share EOSQ --recipe fcn_quick --events 50 ;
    pd4ml infer EOSL --parameter freeze_out
    """
    from pd4ml.benchmark.infer import INFERENCE_NAME, Question, observe
    from pd4ml.benchmark.infer import infer as learn
    from pd4ml.report.inference import inference_picture
    from pd4ml.training.recipe import load_recipe

    found, source = find(dataset, path, source)
    if (share is None) == (parameter is None):
        raise DataError("infer takes --share ARRAY=VALUE or --parameter ARRAY, one of the two")
    question = _share(found, share) if share is not None else Question(str(parameter), None, window)
    chosen = load_recipe(recipe, found).override(**settings(options))
    sample = found.at(path, source=source, variant=variant)
    sample = sample.select(select) if select else sample
    name = f"{found.name}-{source}-{variant}-{share or parameter}-{chosen.name}-n{events}-seed{seed}"
    folder = out or Path("inferences") / name.replace("=", "_")
    if force:
        for old in (folder / INFERENCE_NAME, *folder.glob("observed-*.json")):
            old.unlink(missing_ok=True)
    body: dict[str, Any] = learn(sample, chosen, question, n_events=events, folder=folder, n_sets=sets, seed=seed)
    seen = None
    if observed is not None:
        seen = observe(folder, Sample(found, path, source, observed, sample.rules))
        write_text(folder / f"observed-{observed}.json", json.dumps(seen, indent=1) + "\n")
    with suppress(ImportError):  # the numbers need no picture
        write_bytes(folder / "inference.png", inference_picture(body).png)
    _show(body, seen, folder, as_json)


def _show(body: dict[str, Any], seen: dict[str, Any] | None, folder: Path, as_json: bool) -> None:
    from pd4ml.report import render
    from pd4ml.report.inference import inference_table

    if as_json:
        print(json.dumps({**body, **({"observed": seen} if seen else {})}, indent=1))
        return
    table = inference_table(body)
    say(table.title)
    print(render.to_text(table, width()))
    if seen is not None:
        say("\n".join(_observed_lines(seen)))
    say(f"{folder} has all numbers, the posteriors and the networks.")


def _share(dataset: Any, text: str) -> Any:
    """What --share asks: ARRAY=VALUE, or a class by its name."""
    from pd4ml.benchmark.infer import Question

    array, equals, value = text.partition("=")
    card = dataset.card
    if not equals and text in card.classes:
        return Question(card.target.name, float(card.classes.index(text)))
    try:
        return Question(array, float(value))
    except ValueError:
        known = f", or one of {', '.join(card.classes)}" if card.classes else ""
        raise DataError(f"--share takes ARRAY=VALUE with a number{known}, found {text!r}") from None


def _observed_lines(seen: dict[str, Any], most: int = 10) -> list[str]:
    lines = [f"{seen['parameter']} of {seen['variant']}, sets of {seen['events']:,}: median, 68 % and 95 %"]
    for quantiles in seen["quantiles"][:most]:
        lowest, low, median, high, highest = (f"{q:.4g}" for q in quantiles)
        lines.append(f"  {median}  [{low}, {high}]  [{lowest}, {highest}]")
    if len(seen["quantiles"]) > most:
        lines.append(f"  and {len(seen['quantiles']) - most:,} sets more")
    return lines
