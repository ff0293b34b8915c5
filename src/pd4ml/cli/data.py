"""Subcommands about datasets: list, info, cite, download, import, generate, verify."""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pd4ml
from pd4ml.cli import complete
from pd4ml.cli.app import (
    AsJson,
    DataPath,
    DatasetName,
    Force,
    Settings,
    VariantName,
    app,
    find,
    say,
    settings,
    width,
)
from pd4ml.errors import DataError, Pd4mlError
from pd4ml.machine import cores

if TYPE_CHECKING:
    from pd4ml.generation.settings import Setting

__all__ = ["cite", "download", "generate", "import_file", "info", "list_datasets", "verify"]


@app.command("list")
def list_datasets(path: DataPath = Path("datasets"), as_json: AsJson = False) -> None:
    """List the datasets, those of other installed packages and your own data included."""
    register = pd4ml.Dataset.datasets_register
    cards = [dataset.card for dataset in [*register, *register.own(path)]]
    if as_json:
        print(json.dumps([{"name": c.name, "task": c.task, "title": c.title} for c in cards], indent=1))
        return
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table

    rows = tuple(Row(c.name, (Cell(c.task), Cell(c.title))) for c in cards)
    columns = (Column.of("task", left=True), Column.of("what it is", left=True))
    print(to_text(Table("", columns, rows, first="dataset"), width()))


@app.command()
def info(
    what: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|FOLDER",
            help="A dataset's name, or a dataset folder.",
            autocompletion=complete.datasets,
        ),
    ],
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Show a dataset's card, or where the events in a folder come from.

    Example: pd4ml info datasets/TopTagging/generated-default
    """
    from pd4ml.storage.manifest import MANIFEST_NAME, Manifest

    folder = Path(what)
    if os.sep in what.rstrip(os.sep) or (folder / MANIFEST_NAME).exists():
        manifest = Manifest.read(folder.parent if folder.name == MANIFEST_NAME else folder)
        if as_json:
            print(manifest.to_json(), end="")
        else:
            _print_manifest(manifest)
        return
    dataset, _ = find(what.rstrip(os.sep), path)
    settings_there = _settings_of(dataset)
    if as_json:
        print(json.dumps({**_plain(dataset.card), "settings": _plain(settings_there)}, indent=1))
        return
    print(dataset.card.describe(width()))
    for setting in settings_there:
        say(f"setting {setting}", hang="  ")


def _settings_of(dataset: type[pd4ml.Dataset]) -> tuple[Setting, ...]:
    """The settings of a dataset's simulator; none where it has no simulator, or none that can be loaded here."""
    from pd4ml.generation.settings import settings_of

    try:
        # A room's config.py needs none of what its simulator needs.
        config_type = dataset._room("config", "Config") or dataset.simulator().config_type
    except (Pd4mlError, ImportError):
        return ()
    return settings_of(config_type)


def _plain(value: Any) -> Any:
    """Records and mappings as dicts, tuples as lists, no range (infinity) as null."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _print_manifest(manifest: Any) -> None:
    from pd4ml.storage.manifest import made

    print(f"{manifest.dataset}, {manifest.source} events, variant {manifest.variant}, made {manifest.created}")
    print(f"fingerprint {manifest.fingerprint}")
    for split, files in manifest.arrays.items():
        print(f"{split}: {manifest.n_events(split):,} events")
        for name, entry in files.items():
            print(f"  {name} {entry.dtype} {entry.shape} sha256 {entry.sha256[:16]}...")
    for key, value in made(manifest.provenance).items():
        say(f"{key}: {_in_a_line(value)}", hang="  ")


def _in_a_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_a_line(item)}" for name, item in value.items())
    return value if isinstance(value, str) else json.dumps(value)


@app.command()
def cite(dataset: DatasetName) -> None:
    """Print what to cite for a dataset, as BibTeX."""
    print(pd4ml.Dataset.datasets_register.find(dataset).cite())


@app.command()
def download(
    dataset: DatasetName,
    events: Annotated[
        int | None, typer.Option("--events", "-n", help="Only the first so many, of a source in Parquet.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="What to call them; first_N without it.")
    ] = None,
    path: DataPath = Path("datasets"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Download a dataset's published files: mirrors in order, resumed, verified.

    Proxies are taken from the environment; PD4ML_OFFLINE=1 forbids the network. The first events alone are then
    found by --source imported --variant first_N.

    Example: pd4ml download TopTagging --events 10000
    """
    chosen = pd4ml.Dataset.datasets_register.find(dataset)
    if events is None and variant is not None:
        raise DataError("--variant names a part: say with --events how many of the published events it has")
    if events is not None and force:
        raise DataError("--force is for whole files: give other first events another name with --variant")
    if events is None:
        files = [str(file) for file in chosen.download(path, force=force)]
    else:
        files = [str(chosen.download_part(events, path, variant=variant))]
    print(json.dumps(files) if as_json else "\n".join(files))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A published file that you already have.")],
    dataset: Annotated[
        str, typer.Option("--dataset", help="The dataset it belongs to.", autocompletion=complete.datasets)
    ],
    variant: Annotated[
        str | None, typer.Option("--variant", help="For a part of the published events: what to call it.")
    ] = None,
    path: DataPath = Path("datasets"),
) -> None:
    """Verify a published file that you already have and put it where the package looks for it.

    A file with a part of the published events, in the same layout, is taken under a name of its own, which
    --source imported --variant NAME then finds.

    Examples: pd4ml import ~/Downloads/1_top_tagging_2M.npz --dataset TopTagging ;
    pd4ml import first_thousand.npz --dataset TopTagging --variant first_thousand
    """
    print(pd4ml.Dataset.datasets_register.find(dataset).import_file(file, path, variant=variant))


@app.command()
def generate(
    dataset: DatasetName,
    events: Annotated[
        int, typer.Option("--events", "-n", help="Events in all, train and test together.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="The events follow from this, not from the number of workers.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    variant: VariantName = "default",
    options: Settings = None,
    draw: Annotated[
        list[str] | None,
        typer.Option(
            "--draw",
            metavar="KEY=DISTRIBUTION",
            help="Draw a setting: uniform:low,high, normal:mean,sigma, choice:x,y; repeatable.",
        ),
    ] = None,
    path: DataPath = Path("datasets"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Generate a dataset from first principles. A run that was stopped goes on where it was.

    Examples: pd4ml generate TopTagging -n 100000 --variant scale_up ;
    pd4ml generate TopTagging --variant wide --set pt_min=500 --set pt_max=700 ;
    pd4ml generate TopTagging --variant scales --draw energy_scale=uniform:0.95,1.05
    """
    store = pd4ml.Dataset.datasets_register.find(dataset).generate(
        path,
        events,
        seed,
        workers or cores(),
        variant,
        draw=_draws(draw),
        force=force,
        **settings(options),
    )
    manifest = store.manifest
    counts = {split: manifest.n_events(split) for split in manifest.arrays}
    if as_json:
        print(json.dumps({"folder": str(store.folder), "events": counts, "fingerprint": manifest.fingerprint}))
        return
    summary = ", ".join(f"{n:,} {split}" for split, n in counts.items())
    print(f"{store.folder}: {summary}, fingerprint {manifest.fingerprint[:16]}")


def _draws(texts: list[str] | None) -> dict[str, str]:
    """KEY=DISTRIBUTION, as they were typed."""
    draws: dict[str, str] = {}
    for text in texts or []:
        key, equals, distribution = text.partition("=")
        if not equals or not key or key in draws:
            raise DataError(f"--draw takes KEY=DISTRIBUTION, each key once, found {text!r}")
        draws[key] = distribution
    return draws


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A dataset folder.")]) -> None:
    """Hash every file of a dataset folder again and hold it against the manifest."""
    from pd4ml.storage.store import Store

    store = Store(folder)
    store.verify()
    print(f"{folder}: every file is as its manifest says (fingerprint {store.manifest.fingerprint[:16]})")
