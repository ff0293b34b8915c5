"""Pages of the site that are other files of the repository or follow from the code; Sphinx's build writes them.

They are not kept: `.gitignore` names them. Pages that one may also want to read in the repository are written
by ``make_pages.py``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "COMMAND_LINE",
    "MODULES",
    "copy_examples",
    "link_within_the_site",
    "mirrored",
    "reset_state",
    "write_pages",
]

DOCS = Path(__file__).parent
ROOT = DOCS.parent
EXAMPLES = DOCS / "_build" / "examples"
COMMAND_LINE = "reference/command_line.md"

# Modules with a reference page, in the order of the data's way. What several offer is described at the first.
MODULES = (
    *("pd4ml", "pd4ml.card", "pd4ml.errors", "pd4ml.storage.store", "pd4ml.storage.published"),
    *("pd4ml.storage.fetch", "pd4ml.storage.formats", "pd4ml.storage.atomic", "pd4ml.own", "pd4ml.expression"),
    *("pd4ml.generation.simulator", "pd4ml.generation.settings", "pd4ml.tasks", "pd4ml.metrics", "pd4ml.graphs"),
    *("pd4ml.models", "pd4ml.models.base", "pd4ml.models.batch", "pd4ml.models.dense", "pd4ml.models.layers"),
    *("pd4ml.models.export", "pd4ml.training", "pd4ml.training.objectives", "pd4ml.training.fitted"),
    *("pd4ml.evaluation", "pd4ml.audit", "pd4ml.benchmark", "pd4ml.collaborate", "pd4ml.contribute"),
    "pd4ml.plugins",
)


def copy_examples() -> None:
    """The tutorials, beside which their datasets and runs will lie, anew: those of before may be of other code."""
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    shutil.copytree(
        ROOT / "examples", EXAMPLES, ignore=shutil.ignore_patterns("__pycache__", "packages", "datasets", "runs")
    )


def reset_state(_settings: Any, _file: Any) -> None:
    """Before and after each tutorial, so that none depends on those before it."""
    import matplotlib as mpl
    import torch

    mpl.rcParams["savefig.bbox"] = "tight"  # colour bars may stand out of a figure
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)  # of PyTorch Geometric's import
    torch.manual_seed(0)
    torch.set_num_threads(1)


def write_pages() -> None:
    """Write all pages that are not there yet or differ."""
    pages = {name: (ROOT / source).read_text() for name, source in mirrored().items()}
    pages[COMMAND_LINE] = command_line_page()
    pages |= api_pages()
    for name, text in pages.items():
        file = DOCS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def mirrored() -> dict[str, str]:
    """Pages that are a file elsewhere in the repository."""
    import pd4ml

    rooms = {d.name: d.__module__ for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")}
    pages = {
        f"explanations/physics/{name}.md": f"src/{room.replace('.', '/')}/README.md"
        for name, room in rooms.items()
    }
    return pages | {
        "contributing.md": "CONTRIBUTING.md",
        "changes.md": "CHANGELOG.md",
        "security.md": "SECURITY.md",
    }


def link_within_the_site(_app: Any, docname: str, source: list[str]) -> None:
    """Turn links of one file of the repository to another into links between the pages that these are."""
    files = mirrored()
    # Of two datasets that share a room the first has the page that others link to.
    mirrors = {(ROOT / file).resolve(): DOCS / page for page, file in reversed(files.items())}
    page, file = DOCS / f"{docname}.md", files.get(f"{docname}.md")
    origin = page if file is None else (ROOT / file).resolve()

    def moved(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        there = (origin.parent / target).resolve()
        if not there.exists():
            return match[0]
        return f"]({os.path.relpath(mirrors.get(there, there), page.parent)}{anchor})"

    if page.exists():
        source[0] = re.sub(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", moved, source[0])


def command_line_page() -> str:
    """What each subcommand prints with ``--help``."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from pd4ml.cli import app

    lines = ["# The command line", ""]
    for words in _subcommands(get_command(app)):
        terminal = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb"}
        help_text = CliRunner().invoke(app, [*words, "--help"], env=terminal, prog_name="pd4ml").stdout
        title = " ".join(["pd4ml", *words])
        text = "\n".join(line.rstrip() for line in help_text.strip("\n").splitlines())
        lines += [*([f"## {title}", ""] if words else []), "```text", text, "```", ""]
    return "\n".join(lines)


def _subcommands(command: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of a command and of all below it."""
    below = getattr(command, "commands", {})
    return [words, *(found for name in below for found in _subcommands(below[name], (*words, name)))]


def api_pages() -> dict[str, str]:
    """A page for each module, and the page that lists them."""
    described: dict[int, str] = {}
    pages, rows = {}, []
    for module in map(importlib.import_module, MODULES):
        pages[f"reference/api/{module.__name__}.rst"] = _module_page(module, described)
        rows += [f"   * - :doc:`{module.__name__}`", f"     - {_first_line(module)}"]
    pages["reference/api/index.rst"] = "\n".join(
        [
            *("Python", "======", "", "What ``from module import name`` can take, module by module.", ""),
            *(".. list-table::", "   :widths: 35 65", "", *rows, ""),
            *(".. toctree::", "   :hidden:", "", *(f"   {module}" for module in MODULES), ""),
        ]
    )
    return pages


def _module_page(module: ModuleType, described: dict[int, str]) -> str:
    """All public names of a module; those that an earlier page describes are links to it."""
    name = module.__name__
    lines = [name, "=" * len(name), "", f".. py:module:: {name}", "", inspect.getdoc(module) or "", ""]
    for public in module.__all__:
        value = getattr(module, public)
        if (first := described.setdefault(id(value), f"{name}.{public}")) != f"{name}.{public}":
            lines += [f".. rubric:: {public}", "", f"This is `{first}`.", ""]
        elif hasattr(value, "__origin__"):  # an alias of a type, which autodoc cannot describe
            lines += [f".. py:data:: {public}", "", f"   ``{value}``", ""]
        elif inspect.isclass(value):
            lines += [f".. autoclass:: {name}.{public}", "   :members:", ""]
        elif inspect.isroutine(value):
            lines += [f".. autofunction:: {name}.{public}", ""]
        else:
            lines += [f".. autodata:: {name}.{public}", "   :no-value:", ""]
    return "\n".join(lines)


def _first_line(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0]
