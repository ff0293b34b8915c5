"""A dataset, a model, a method to begin with, made from templates that keep the contracts at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources
from itertools import groupby
from pathlib import Path
from string import Template

from pd4ml.arguments import as_path
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.models.registry import available
from pd4ml.storage.atomic import write_text
from pd4ml.training.objectives import OBJECTIVES

__all__ = ["find_checkout", "new_dataset", "new_method", "new_model"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LINE_LENGTH = 115  # as pyproject.toml tells ruff


def new_dataset(name: str, folder: str | Path | None = None, *, in_tree: bool = False) -> list[Path]:
    """A dataset's room: a package of its own that can be installed, or a part of this project.

    Parameters
    ----------
    name : str
        What the dataset is called, such as ``MyShowers``.
    folder : str or Path, optional
        Of the package, ``./my_showers`` if not given; of the checkout, the current folder or one above it.
    in_tree : bool
        Make it in a checkout of this project: the room, its test, and its two lines in the lists of datasets.

    Returns
    -------
    list[Path]
        The files that were written.

    Raises
    ------
    DataError
        For a name that is taken or is none, a folder that is not empty, or no checkout.
    """
    words = _words(name, "dataset", [dataset.name for dataset in Dataset.datasets_register])
    room, public = words["room"], words["Name"]
    if in_tree:
        root = find_checkout(folder)
        there, test = (
            root / "src" / "pd4ml" / "datasets" / room,
            root / "tests" / "datasets" / f"test_{room}_dataset.py",
        )
        files = _files("room", there, {**words, "package": f"pd4ml.datasets.{room}"}, test)
    else:
        root = Path(room) if folder is None else as_path(folder, "folder")
        words["package"] = room
        files = _files("room", root / "src" / room, words, root / "tests" / f"test_{room}.py")
        files |= _files("package", root, words)
        files[root / "src" / room / "py.typed"] = ""
        here = {file for file in root.rglob("*") if file.is_file() and file.suffix != ".partial"}
        if root.is_file() or (here and not (here <= set(files) and _begun(files))):
            raise DataError(f"{root} is there already: choose another folder with --to")
    written = _write(files)
    if in_tree:
        lists = (
            (root / "src" / "pd4ml" / "datasets" / "__init__.py", f"pd4ml.datasets.{room}"),
            (root / "src" / "pd4ml" / "__init__.py", "pd4ml.datasets"),
        )
        for file, module in lists:
            write_text(file, _listed(file.read_text(encoding="utf-8"), module, public))
        written += [file for file, _ in lists]
    return written


def new_model(name: str, folder: str | Path | None = None, *, in_tree: bool = False) -> list[Path]:
    """A model's file with its recipe and test.

    Parameters
    ----------
    name : str
        What recipes call it, such as ``my_net``; the class is ``MyNet``.
    folder : str or Path, optional
        Where the files go, the current folder if not given; with ``in_tree`` the checkout.
    in_tree : bool
        Make them in a checkout of this project, where the register and the contract tests find them.

    Returns
    -------
    list[Path]
        The files that were written: model, recipe, test.

    Raises
    ------
    DataError
        For a name that is taken or is none, files that are there, or no checkout.
    MissingExtraError
        If PyTorch is not installed.
    """
    words = _words(name, "model", available())
    room = words["room"]
    if in_tree:
        root = find_checkout(folder)
        package = root / "src" / "pd4ml"
        places = (package / "models", package / "training" / "recipes", root / "tests" / "models")
        own = {"path": "", "load": ""}
    else:
        places = (_folder(folder),) * 3
        load = f'\nfrom pd4ml.plugins import load_plugin\n\nload_plugin(Path(__file__).with_name("{room}.py"))'
        own = {"path": "\nfrom pathlib import Path\n", "load": load}
    return _write(_three("model", places, words | own))


def new_method(name: str, folder: str | Path | None = None) -> list[Path]:
    """A method's file with a recipe that names it, and its test.

    Parameters
    ----------
    name : str
        The ``kind`` in a recipe's ``[method]`` table, such as ``my_penalty``; the class is ``MyPenalty``.
    folder : str or Path, optional
        Where the files go, the current folder if not given.

    Returns
    -------
    list[Path]
        The files that were written: objective, recipe, test.

    Raises
    ------
    DataError
        For a name that is taken or is none, or files that are there.
    """
    words = _words(name, "method", OBJECTIVES)
    return _write(_three("method", (_folder(folder),) * 3, words))


def find_checkout(folder: str | Path | None = None) -> Path:
    """The checkout of this project in which ``folder``, or else the current folder, lies."""
    start = as_path("." if folder is None else folder, "folder").absolute()
    for place in (start, *start.parents):
        if (place / "src" / "pd4ml" / "datasets" / "__init__.py").is_file():
            return place
    raise DataError(f"{start} is in no checkout of this project: go into one, or leave --in-tree out")


def _words(name: str, kind: str, known: object) -> dict[str, str]:
    """What templates call the new one: a class, a module, a distribution, and the year."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DataError(
            f"the name of a {kind} is of letters, digits and _, and begins with a letter; found {name!r}"
        )
    room = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    public = name if name[0].isupper() else "".join(part.capitalize() for part in name.split("_"))
    taken = {other.lower().replace("_", "") for other in known}  # type: ignore[attr-defined]
    if room.replace("_", "") in taken:
        raise DataError(f"there is a {kind} called {name} already: choose another name")
    year = str(datetime.now(tz=UTC).year)
    return {"Name": public, "room": room, "distribution": room.replace("_", "-"), "year": year}


def _folder(folder: str | Path | None) -> Path:
    return as_path("." if folder is None else folder, "folder")


def _three(kind: str, places: tuple[Path, Path, Path], words: dict[str, str]) -> dict[Path, str]:
    """The three files of a model or a method."""
    room = words["room"]
    targets = (places[0] / f"{room}.py", places[1] / f"{room}.toml", places[2] / f"test_{room}.py")
    names = (f"{kind}.py", "recipe.toml", f"test_{kind}.py")
    return {target: _text(f"{kind}/{name}", words) for target, name in zip(targets, names, strict=True)}


def _files(kind: str, folder: Path, words: dict[str, str], test: Path | None = None) -> dict[Path, str]:
    """Every file of the templates of ``kind`` in ``folder``; the one that is a test goes to ``test``."""
    found = {}
    source = resources.files("pd4ml.contribute") / "templates" / kind
    names = [entry.name for entry in source.iterdir() if entry.is_file()]
    for name in sorted(names):
        plain = name.removesuffix(".txt")
        target = folder / plain if test is None or not plain.startswith("test_") else test
        found[target] = _text(f"{kind}/{plain}", words)
    if kind == "room":
        for name in ("net.toml", "net_quick.toml"):
            found[folder / "recipes" / f"{words['room']}_{name}"] = _text(f"room/recipes/{name}", words)
    return found


def _text(template: str, words: dict[str, str]) -> str:
    """A template with its words in place; imports sorted, since where they belong depends on the names."""
    file = resources.files("pd4ml.contribute") / "templates" / f"{template}.txt"
    text = Template(file.read_text(encoding="utf-8")).substitute(words)
    lines = text.splitlines(keepends=True)
    runs = [(sorting, list(run)) for sorting, run in groupby(lines, lambda line: line.startswith("from "))]
    return "".join(line for imports, run in runs for line in (sorted(run, key=_module) if imports else run))


def _module(line: str) -> str:
    return line.split()[1]


def _listed(text: str, module: str, name: str) -> str:
    """An ``__init__.py`` with a class of ``module`` imported and named in ``__all__``, both sorted as before."""
    line = re.search(rf"^from {re.escape(module)} import (\([^)]*\)|.*)$", text, re.M)
    if line is None:
        found = sorted(
            [*re.findall(r"^from pd4ml\.datasets\..*$", text, re.M), f"from {module} import {name}"], key=_module
        )
        text = re.sub(r"(?:^from pd4ml\.datasets\..*\n)+", "\n".join(found) + "\n", text, count=1, flags=re.M)
    else:
        names = sorted([*re.findall(r"\w+", line[1]), name], key=_as_ruff)
        listed = f"from {module} import {', '.join(names)}"
        if len(listed) > _LINE_LENGTH:
            listed = f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"
        text = text.replace(line[0], listed)
    public = re.search(r"^__all__ = \[(.*?)\]$", text, re.M | re.S)
    if public is None:
        raise DataError(f"expected a list __all__ where {name} could be added")
    names = sorted([*re.findall(r'"(\w+)"', public[1]), name], key=_as_ruff)
    quoted = ", ".join(f'"{n}"' for n in names)
    listed = f"__all__ = [{quoted}]"
    if "\n" in public[1] or len(listed) > _LINE_LENGTH:
        listed = "__all__ = [\n" + "".join(f'    "{n}",\n' for n in names) + "]"
    return text.replace(public[0], listed)


def _as_ruff(name: str) -> tuple[int, str]:
    """Constants, then classes, then all else."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


def _begun(files: dict[Path, str]) -> bool:
    """Whether some of the files are there, as a stop leaves them: none is another, and not all are there."""
    there = [file for file in files if file.exists()]
    return 0 < len(there) < len(files) and all(file.read_bytes() == files[file].encode() for file in there)


def _write(files: dict[Path, str]) -> list[Path]:
    """Write all files, or none if one of them is there and no stop has left it."""
    there = [file for file in files if file.exists()]
    if there and not _begun(files):
        raise DataError(f"{there[0]} is there already: choose another name or folder")
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    return list(files)
