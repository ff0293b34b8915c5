"""The one door to numba's compiler: it finds a place for compiled code where neither package nor home has one.

numba keeps compiled code beside the source, or else in the user's home, and refuses to compile where it can write
to neither: in a container, on a batch node, in a package of root's. This module imports numba; light modules
import it in functions.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

__all__ = ["njit"]

F = TypeVar("F")


def njit(**options: Any) -> Callable[[F], F]:
    """``numba.njit``, with a cache among temporary files where numba finds no other place for one.

    Parameters
    ----------
    **options : Any
        Those of numba's decorator.

    Returns
    -------
    Callable
        A decorator.
    """

    def compiled(function: F) -> F:
        try:
            return numba.njit(**options)(function)  # type: ignore[no-any-return]
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
        folder = _private_folder()
        # The environment is for processes that this one starts; here numba has read it already.
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        print(f"pd4ml: no place to keep compiled code, neither package nor home: using {folder}", file=sys.stderr)
        return numba.njit(**options)(function)  # type: ignore[no-any-return]

    return compiled


def _private_folder() -> Path:
    """A folder that nobody else can write to, the same each time: code that lies in it is executed."""
    user = os.getuid() if hasattr(os, "getuid") else 0  # on Windows temporary files are each user's own
    folder = Path(tempfile.gettempdir()) / f"pd4ml-numba-{user}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()  # a link would lead into somebody else's folder
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or stat.S_IMODE(found.st_mode) & 0o077:
            folder = Path(tempfile.mkdtemp(prefix="pd4ml-numba-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
