"""The ``pd4ml`` command: it parses, calls the library and prints. Only results go to standard output."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import pd4ml
from pd4ml.errors import DataError, Pd4mlError

__all__ = ["app", "main"]


class _Group(TyperGroup):
    """Prints what a user can act on as one line and exits with 2; a traceback is a bug of ours."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (Pd4mlError, OSError) as error:
            _fail(str(error))
        except RuntimeError as error:
            if "allocate memory" not in str(error):  # PyTorch's own kind of MemoryError
                raise
            _fail("not enough memory for this batch size and width: make them smaller")
        except MemoryError:
            _fail("not enough memory: use fewer events, or `open` and `graphs`, which read only what is used")
        except KeyboardInterrupt:
            _fail("interrupted; finished parts are kept and the same command goes on from there")


def _fail(message: str) -> None:
    print("pd4ml: " + " ".join(message.split()), file=sys.stderr)
    raise typer.Exit(2)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Physics data for machine learning: get or generate a dataset, train a model on it, get honest numbers.

    A first session, on a laptop:

    \b
    pd4ml list                                     what datasets there are
    pd4ml info TopTagging                          what its numbers mean
    pd4ml generate TopTagging --events 20000       make events with Pythia 8
    pd4ml train TopTagging --recipe fcn_quick      train on them, leave a record
    pd4ml results runs                             compare the records

    Published files instead of generated ones: [bold]pd4ml download TopTagging[/bold], then --source published.
    """,
)

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's name; `pd4ml list` shows them.")]
DataPath = Annotated[Path, typer.Option("--path", help="The folder that holds the datasets.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine to read.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
SourceName = Annotated[str, typer.Option("--source", help="`generated` or `published` events.")]
RunsPath = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
VariantName = Annotated[str, typer.Option("--variant", help="Which generated variant; see `pd4ml info DATASET`.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("pd4ml-physics"))
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Hold the options of the command itself; its help is given above."""


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List the datasets, those of other installed packages included."""
    cards = [dataset.card for dataset in pd4ml.Dataset.datasets_register]
    if as_json:
        print(json.dumps([{"name": c.name, "task": c.task, "title": c.title} for c in cards], indent=1))
        return
    for card in cards:
        print(f"{card.name:<14}{card.task:<16}{card.title}")


@app.command()
def info(
    what: Annotated[str, typer.Argument(metavar="DATASET|FOLDER", help="A dataset's name, or a dataset folder.")],
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
    card = pd4ml.Dataset.datasets_register.find(what.rstrip(os.sep)).card
    print(json.dumps(_plain(card), indent=1) if as_json else card.describe())


def _plain(value: Any) -> Any:
    """Records and mappings as dicts, tuples as lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _print_manifest(manifest: Any) -> None:
    print(f"{manifest.dataset}, {manifest.source} events, variant {manifest.variant}, made {manifest.created}")
    print(f"fingerprint {manifest.fingerprint}")
    for split, files in manifest.arrays.items():
        print(f"{split}: {manifest.n_events(split):,} events")
        for name, entry in files.items():
            print(f"  {name} {entry.dtype} {entry.shape} sha256 {entry.sha256[:16]}...")
    for key, value in manifest.provenance.items():
        print(f"{key}: {value if isinstance(value, str | int | float) else json.dumps(value)}")


@app.command()
def cite(dataset: DatasetName) -> None:
    """Print what to cite for a dataset, as BibTeX."""
    print(pd4ml.Dataset.datasets_register.find(dataset).cite())


@app.command()
def download(
    dataset: DatasetName, path: DataPath = Path("datasets"), force: Force = False, as_json: AsJson = False
) -> None:
    """Download a dataset's published files: mirrors in order, resumed, verified.

    Proxies are taken from the environment; PD4ML_OFFLINE=1 forbids the network.
    """
    files = [str(file) for file in pd4ml.Dataset.datasets_register.find(dataset).download(path, force=force)]
    print(json.dumps(files) if as_json else "\n".join(files))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A published file that you already have.")],
    dataset: Annotated[str, typer.Option("--dataset", help="The dataset it belongs to.")],
    path: DataPath = Path("datasets"),
) -> None:
    """Verify a published file that you already have and put it where the package looks for it.

    Example: pd4ml import ~/Downloads/1_top_tagging_2M.npz --dataset TopTagging
    """
    print(pd4ml.Dataset.datasets_register.find(dataset).import_file(file, path))


@app.command()
def generate(
    dataset: DatasetName,
    events: Annotated[
        int, typer.Option("--events", "-n", help="Events in all, train and test together.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="The events follow from this, not from the number of workers.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    variant: VariantName = "default",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the simulator; repeatable."),
    ] = None,
    path: DataPath = Path("datasets"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Generate a dataset from first principles. A run that was stopped goes on where it was.

    Examples: pd4ml generate TopTagging -n 100000 --variant scale_up ;
    pd4ml generate TopTagging --variant wide --set pt_min=500 --set pt_max=700
    """
    store = pd4ml.Dataset.datasets_register.find(dataset).generate(
        path, events, seed, workers or os.cpu_count() or 1, variant, force=force, **_options(options or [])
    )
    manifest = store.manifest
    counts = {split: manifest.n_events(split) for split in manifest.arrays}
    if as_json:
        print(json.dumps({"folder": str(store.folder), "events": counts, "fingerprint": manifest.fingerprint}))
        return
    summary = ", ".join(f"{n:,} {split}" for split, n in counts.items())
    print(f"{store.folder}: {summary}, fingerprint {manifest.fingerprint[:16]}")


def _options(texts: list[str]) -> dict[str, Any]:
    """KEY=VALUE with the value as JSON (1.5, true) or, failing that, as text."""
    options: dict[str, Any] = {}
    taken = ("path", "n_events", "seed", "workers", "variant", "force")
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise DataError(f"--set takes KEY=VALUE, found {text!r}")
        if key in taken:
            raise DataError(f"--set is for settings; {key} has an option of its own, see --help")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A dataset folder.")]) -> None:
    """Hash every file of a dataset folder again and hold it against the manifest."""
    from pd4ml.storage.store import Store

    store = Store(folder)
    store.verify()
    print(f"{folder}: every file is as its manifest says (fingerprint {store.manifest.fingerprint[:16]})")


@app.command()
def train(
    dataset: DatasetName,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", "--model", help="A recipe of this package (`pd4ml recipes`) or a TOML file of your own."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the events.")] = 1,
    n_train: Annotated[
        int | None, typer.Option("--events", "-n", help="Train on the first events only, validation included.")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."),
    ] = None,
    source: SourceName = "generated",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    runs: RunsPath = Path("runs"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train a model as its recipe says, evaluate it on the test split, leave a record.

    A training that was stopped goes on; one that is finished is not repeated.

    Example: pd4ml train TopTagging --recipe graph_net --set max_epochs=20 --seed 2
    """
    from pd4ml.benchmark.run import train
    from pd4ml.training.recipe import available_recipes, load_recipe

    if recipe is None:
        raise DataError(f"choose what to train with --recipe: {', '.join(available_recipes())}, or a TOML file")
    chosen = load_recipe(recipe).override(**_options(options or []))
    record = train(
        pd4ml.Dataset.datasets_register.find(dataset),
        chosen,
        path=path,
        source=source,
        variant=variant,
        seed=seed,
        runs_dir=runs,
        n_train=n_train,
        force=force,
    )
    _print_records([record], as_json)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Compute a run's metrics again from its predictions and the dataset, and hold them against its record."""
    from pd4ml.benchmark.run import evaluate
    from pd4ml.report.table import format_measurement

    measured = evaluate(run, path)
    if as_json:
        print(json.dumps({name: asdict(value) for name, value in measured.items()}, indent=1))
        return
    for name, value in measured.items():
        print(f"{name:<28}{format_measurement(value)}")


@app.command()
def results(
    runs: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Compare the records of finished runs in a table, with errors, and say where the record files are."""
    from pd4ml.benchmark.record import find_records, read_record
    from pd4ml.report.table import to_markdown

    files = find_records(runs)
    if not files:
        raise DataError(f"no records in {runs}: train something first, for example with `pd4ml train`")
    records = []
    for file in files:
        try:
            records.append(read_record(file))
        except DataError as error:
            print(f"pd4ml: left out: {error}", file=sys.stderr)
    if markdown:
        print(to_markdown(records), end="")
    else:
        _print_records(records, as_json)


@app.command()
def recipes(as_json: AsJson = False) -> None:
    """List the recipes: which model is trained and how, and where the settings come from."""
    from pd4ml.training.recipe import available_recipes, load_recipe

    found = [load_recipe(name) for name in available_recipes()]
    if as_json:
        print(json.dumps([recipe.to_dict() for recipe in found], indent=1))
        return
    for recipe in found:
        print(f"{recipe.name:<28}{' '.join(recipe.description.split())} [{recipe.reference}]")


def _print_records(records: list[Any], as_json: bool) -> None:
    from pd4ml.report.table import to_json, to_rich

    if as_json:
        print(to_json(records))
        return
    from rich.console import Console

    # Wide enough for the whole table where there is no terminal to fit it to.
    Console(width=None if sys.stdout.isatty() else 160).print(to_rich(records))
    if any(record.dataset["task"] == "classification" for record in records):
        print("1/eps_B(x) is the background rejection at signal efficiency x.")
    print("On the test split, with bootstrap errors.")
    for record in records:
        print(f"record: {record.folder / 'record.json'}")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        print("pd4ml: interrupted", file=sys.stderr)
        sys.exit(2)
