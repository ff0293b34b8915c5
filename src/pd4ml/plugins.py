"""Plugins: Python files of the user's own with datasets, models or objectives, executed first.

A plugin is imported under the name of its file, so that worker processes can import it by that name, too. The
variable PD4ML_PLUGINS tells them where it is.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pd4ml.arguments import as_path
from pd4ml.errors import DataError, Pd4mlError

__all__ = ["PLUGINS", "load_plugin", "load_plugins"]

# As PATH: files with os.pathsep between. Processes that this one starts inherit it.
PLUGINS = "PD4ML_PLUGINS"


def load_plugins(files: Iterable[str | Path] = ()) -> None:
    """Load the plugins of PD4ML_PLUGINS, then ``files``, which join that list.

    Parameters
    ----------
    files : Iterable[str or Path]
        Python files.

    Raises
    ------
    DataError
        As `load_plugin`.
    """
    known = [file for file in os.environ.get(PLUGINS, "").split(os.pathsep) if file]
    for file in (*known, *files):
        load_plugin(file)


def load_plugin(file: str | Path) -> ModuleType:
    """Execute a plugin, once; processes that are started from now on load it, too.

    Parameters
    ----------
    file : str or Path
        A Python file, or the ``__init__.py`` of a package, such as a dataset's room that is not installed.

    Returns
    -------
    ModuleType
        The module, under the name of the file or of the package's folder.

    Raises
    ------
    DataError
        If there is no such file, if another module has its name, or if its code fails; with the line.
    """
    path = as_path(file, "plugin").absolute()
    if path.suffix != ".py" or not path.is_file():
        raise DataError(f"a plugin is a Python file, NAME.py, found {file}")
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    name = path.parent.name if path.name == "__init__.py" else path.stem
    if not name.isidentifier():
        raise DataError(f"plugin {file}: {name!r} is no name of a Python module; letters, digits and _ make one")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at the end: it hides no module; files beside it can be imported
    found = _spec(name)
    origin = Path(found.origin) if found is not None and found.origin and found.has_location else None
    if origin is None or not path.samefile(origin):
        where = "built in" if origin is None else origin
        raise DataError(f"plugin {file}: another module is called {name} ({where}): give the file another name")
    try:
        module = importlib.import_module(name)
    except Pd4mlError as error:
        raise DataError(f"plugin {file}{_line(path, error)}: {error}") from error
    except Exception as error:  # somebody's code may raise anything
        raise DataError(f"plugin {file}{_line(path, error)}: {type(error).__name__}: {error}") from error
    known = [entry for entry in os.environ.get(PLUGINS, "").split(os.pathsep) if entry]
    os.environ[PLUGINS] = os.pathsep.join(dict.fromkeys([*known, str(path)]))
    return module


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module without a spec, such as __main__
        return None


def _line(path: Path, error: BaseException) -> str:
    """Where in the plugin it happened."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""
