"""The command itself, and the options that several of its subcommands have."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType

from pd4ml.arguments import as_path
from pd4ml.cli import complete
from pd4ml.cli.streams import prepare_streams
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, Pd4mlError, one_line
from pd4ml.interrupts import as_interrupts, at_work, end_at_once
from pd4ml.plugins import load_plugins
from pd4ml.requirements import version
from pd4ml.storage.small import parse_json
from pd4ml.text import wrapped

__all__ = [
    "PANELS",
    "App",
    "AsJson",
    "ColumnNames",
    "DataPath",
    "DatasetName",
    "Force",
    "RunsPath",
    "Settings",
    "SourceName",
    "ThreadNumber",
    "VariantName",
    "app",
    "main",
    "say",
    "settings",
    "width",
]


# What the help puts together, in this order; all commands are here.
PANELS = {
    "Events": "list info cite download import generate convert plot audit export verify",
    "Models": "recipes train predict benchmark collaborate",
    "Numbers": "evaluate results report shift leaderboard compete",
    "Methods": "calibrate ensemble intervals laplace decorrelate unfold infer",
    "Around": "doctor new check",
}
_MOST_OF_A_MESSAGE = 2000  # long names and lists of hostile files end here


class _Group(TyperGroup):
    """Prints what a user can act on as one line and exits with 2; a traceback is a bug of ours."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the help, each with its part of it."""
        parts = {name: title for title, names in PANELS.items() for name in names.split()}
        for name, command in self.commands.items():
            command.rich_help_panel = parts[name]  # type: ignore[attr-defined]
        return sorted(self.commands, key=list(parts).index)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With --plugin moved to the front, which is an option of all subcommands."""
        return super().parse_args(ctx, _plugins_first(args) if ctx.parent is None else args)

    def invoke(self, ctx: Any) -> Any:
        try:
            with at_work(), as_interrupts():
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


def _plugins_first(args: list[str]) -> list[str]:
    """``args`` with all ``--plugin FILE`` and ``--plugin=FILE`` before ``--`` moved to the front."""
    plugins, others, rest = [], [], iter(args)
    for arg in rest:
        if arg == "--plugin":
            plugins += [arg, *(value for value in [next(rest, None)] if value is not None)]
        elif arg.startswith("--plugin="):
            plugins.append(arg)
        else:
            others.append(arg)
            if arg == "--":
                others += rest
    return [*plugins, *others]


def _fail(message: str) -> None:
    print("pd4ml: " + one_line(message, _MOST_OF_A_MESSAGE), file=sys.stderr)
    raise typer.Exit(2)


class _Command(TyperCommand):
    """Takes ``~`` for the home folder in every path, also where no shell has seen it, as in ``--path=~/x``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.help = _flowing(self.help or "")

    def invoke(self, ctx: Any) -> Any:
        ctx.params = {
            n: as_path(value, n) if isinstance(value, Path) else value for n, value in ctx.params.items()
        }
        return super().invoke(ctx)


def _flowing(text: str) -> str:
    """A docstring, no markup, whose lines break where the terminal's do, and where an example ends with " ;"."""
    return re.sub(r"(?<![\n;])\n(?!\n)", " ", text).replace("[", r"\[")


class App(typer.Typer):
    """A command line whose commands know ``~``."""

    def command(self, *args: Any, **options: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """As Typer's."""
        return super().command(*args, cls=_Command, **options)


app = App(
    cls=_Group,
    no_args_is_help=True,
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
    pd4ml shift runs/NAME -n 20000                 what variations do to it
    pd4ml intervals runs/NAME                      how far off it may be
    pd4ml predict runs/NAME --out scores.npz       apply it to other events
    pd4ml benchmark quick                          or all datasets at once
    pd4ml convert FILES --name MyData              your own files as a dataset, for all of these
    pd4ml collaborate TopTagging --recipe fcn_quick  one model of many groups

    Of your own: [bold]pd4ml new[/bold] begins a dataset, model or method, [bold]pd4ml check[/bold] says what is
    missing, --plugin FILE.py takes one that is not installed.

    Published files instead of generated ones: [bold]pd4ml download TopTagging[/bold], then --source published.
    """,
)


def find(dataset: str, path: Path, source: str = "") -> tuple[type[Dataset], str]:
    """The dataset of a name, own data in ``path`` included, and where its events come from if that is not said."""
    found = Dataset.datasets_register.find(dataset, path)
    return found, source or usual_source(found)


def usual_source(dataset: type[Dataset]) -> str:
    """Where the events of a dataset come from, on the command line, if that is not said."""
    return "generated" if "generated" in dataset.sources else dataset.sources[0]


DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="A dataset's name; `pd4ml list` shows them.", autocompletion=complete.datasets
    ),
]
DataPath = Annotated[Path, typer.Option("--path", help="The folder that holds the datasets.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine to read.")]
ColumnNames = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="KEY=NAME,...",
        help="Which column is which, such as score=score_label_Top,event_id=id.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
SourceName = Annotated[
    str,
    typer.Option(
        "--source",
        help="`generated` (the default), `published`, `imported`, or `own` (the default of own data).",
        show_default=False,
        autocompletion=complete.sources,
    ),
]
Selection = Annotated[
    str | None,
    typer.Option("--select", help="Only the events for which this holds, over the card's arrays: 'jet_pt > 500'."),
]
RunsPath = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable.")
]
ThreadNumber = Annotated[
    int | None, typer.Option("--threads", help="Threads of each process; measured, and adapted, if not given.")
]
VariantName = Annotated[
    str,
    typer.Option(
        "--variant",
        help="Which generated variant (`pd4ml info DATASET`), or which import.",
        autocompletion=complete.variants,
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version())
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    plugins: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin",
            metavar="FILE.py",
            help="Execute a Python file of yours with a dataset, a model or a method; repeatable, with any "
            "command. PD4ML_PLUGINS lists such files, too.",
        ),
    ] = None,
) -> None:
    """Hold the options of the command itself; its help is given above."""
    load_plugins(plugins or [])


def settings(texts: list[str] | None) -> dict[str, Any]:
    """KEY=VALUE with the value as JSON (1.5, true) or, failing that, as text."""
    options: dict[str, Any] = {}
    taken = ("path", "n_events", "seed", "workers", "variant", "draw", "force")
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not all(part.isidentifier() for part in key.split(".")):
            raise DataError(f"--set takes KEY=VALUE, found {text!r}")
        if key in taken:
            raise DataError(f"--set is for settings; {key} has an option of its own, see --help")
        try:
            options[key] = parse_json(value)
        except ValueError:
            options[key] = value
    return options


def width() -> int | None:
    """Columns of the terminal; None where standard output is none, and lines are as long as they need."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say(text: str, hang: str = "") -> None:
    """Print text, its long lines wrapped on a terminal and, after the first of them, indented by ``hang``."""
    print(wrapped(text, width(), hang))


def main() -> None:
    """Run the command line."""
    end_at_once()
    prepare_streams()
    app()
