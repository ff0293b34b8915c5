"""The one door to numba's compiler: it finds a place for compiled code where neither package nor home has one.

numba keeps compiled code beside the source, or else in the user's home, and refuses to compile where it can write
to neither: in a container, on a batch node, in a package of root's. And it takes compiled code for current as long
as the function's own file is, though what the function calls and its constants, which are compiled into it, may
lie in others that have changed: here these count, too.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core.caching import IndexDataCacheFile

__all__ = ["njit"]

F = TypeVar("F")
_PLAIN = (int, float, complex, str, bytes, tuple, np.generic)  # constants that are compiled into a function


def njit(**options: Any) -> Callable[[F], F]:
    """``numba.njit``, with a cache that follows what a function uses, among temporary files if nowhere else.

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
            return _following(numba.njit(**options)(function))  # type: ignore[no-any-return]
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
        folder = _private_folder()
        # The environment is for processes that this one starts; here numba has read it already.
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        print(f"pd4ml: no place to keep compiled code, neither package nor home: using {folder}", file=sys.stderr)
        return _following(numba.njit(**options)(function))  # type: ignore[no-any-return]

    return compiled


class _Index(IndexDataCacheFile):
    """A cache's index whose stamp is also of all that is compiled into the function, looked up when it is read."""

    function: Any

    @property
    def _source_stamp(self) -> Any:
        return self.__dict__["_source_stamp"], _digest_of(self.__dict__["function"])

    @_source_stamp.setter
    def _source_stamp(self, stamp: Any) -> None:
        self.__dict__["_source_stamp"] = stamp


def _following(dispatcher: Any) -> Any:
    """The dispatcher, with an index of ours if it has a cache."""
    index = getattr(dispatcher._cache, "_cache_file", None)
    if isinstance(index, IndexDataCacheFile):
        index.__class__ = _Index
        index.__dict__["function"] = dispatcher.py_func
    return dispatcher


def _digest_of(function: Any) -> str:
    """SHA-256 of the byte code of ``function`` and of all compiled functions that it calls, and constants."""
    digest, seen = hashlib.sha256(), set[Any]()

    def walk(function: Any) -> None:
        if function in seen:
            return
        seen.add(function)
        closure = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        known = function.__globals__ | {name: cell.cell_contents for name, cell in closure.items()}
        codes = [function.__code__]
        for code in codes:
            codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
            plain = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
            digest.update(code.co_code + repr(plain).encode())
            for name in (*code.co_names, *code.co_freevars):
                value = known.get(name)
                if hasattr(value, "py_func"):
                    walk(value.py_func)
                elif isinstance(value, np.ndarray):
                    digest.update(f"{name} {value.dtype.str} {value.shape}".encode() + value.tobytes())
                elif isinstance(value, _PLAIN):
                    digest.update(f"{name} {value!r}".encode())

    walk(function)
    return digest.hexdigest()


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
