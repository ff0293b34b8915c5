"""Geant4 in a process of its own, told what to simulate and asked for arrays.

A process of its own, because Geant4 has one run manager and one geometry in a process for good, prints as it
likes, reads its data from variables of the environment, and ends its process where it cannot go on: here this is
an error that can be read.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from pd4ml.errors import DataError, MissingExtraError, one_line
from pd4ml.physics.geant4.atoms import ELEMENTS
from pd4ml.physics.geant4.data import find_tables
from pd4ml.physics.geant4.geometry import Block, Primaries, Stack, Steps, TileHits
from pd4ml.requirements import install_line

__all__ = ["PACKAGE", "Engine", "shared_engine"]

PACKAGE = "geant4_pybind"
_N_SEEDS = 2**62  # Geant4 takes a long, and not 0


class Engine:
    """Geant4 with FTFP_BERT, one geometry and one kind of tables; close it, or use it in a ``with`` block.

    Parameters
    ----------
    setup : Stack or Block
        The geometry.
    tables : str
        ``geant4``: its own data sets, which must be there. ``stand-in``: tables from textbook formulae.

    Attributes
    ----------
    facts : dict
        Versions, kind and digest of the tables: what a manifest keeps.
    """

    def __init__(self, setup: Stack | Block, tables: str = "geant4") -> None:
        if find_spec(PACKAGE) is None:
            raise MissingExtraError(f"Geant4 needs {PACKAGE}: {install_line([PACKAGE])}")
        self.setup = setup
        self._folder = tempfile.TemporaryDirectory(prefix="pd4ml-geant4-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            if tables == "stand-in":
                _check_elements(setup)
            found = find_tables(tables, Path(self._folder.name, "tables"))
            self._log = Path(self._folder.name, "log")
            # Its working folder is its own: Geant4 may write there.
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "pd4ml.physics.geant4.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._folder.name,
                    env=_environment({name: str(place) for name, place in found.folders.items()}),
                )
            version = self._ask(setup)
            self.facts = {PACKAGE: metadata.version(PACKAGE), "Geant4": version, **found.facts}
        except BaseException:
            self.close()
            raise

    def tiles(self, primaries: Primaries, seeds: ArrayLike) -> TileHits:
        """Simulate events in a stack; each depends on its particles and its seed alone, not on other events.

        Parameters
        ----------
        primaries : Primaries
            The particles that the events begin with.
        seeds : array_like
            (B,) whole numbers from 0, one for each event.

        Returns
        -------
        TileHits
            The tiles that got energy.
        """
        if not isinstance(self.setup, Stack):
            raise DataError("this engine's geometry is a block, which has no tiles: ask for steps")
        found: TileHits = self._run(primaries, seeds)
        return found

    def steps(self, primaries: Primaries, seeds: ArrayLike) -> Steps:
        """Simulate events in a block, as ``tiles`` does in a stack.

        Parameters
        ----------
        primaries : Primaries
            The particles that the events begin with.
        seeds : array_like
            (B,) whole numbers from 0, one for each event.

        Returns
        -------
        Steps
            All steps that left energy.
        """
        if not isinstance(self.setup, Block):
            raise DataError("this engine's geometry is a stack, whose steps are not kept: ask for tiles")
        found: Steps = self._run(primaries, seeds)
        return found

    def _run(self, primaries: Primaries, seeds: ArrayLike) -> Any:
        found = np.asarray(seeds, np.int64)
        if found.shape != (len(primaries),) or (found < 0).any():
            raise DataError(f"there must be a seed >= 0 for each of {len(primaries)} events, found {found.shape}")
        return self._ask((primaries, 1 + found % (_N_SEEDS - 1)))

    @property
    def closed(self) -> bool:
        """Whether Geant4's process has ended."""
        return self._process is None

    def close(self) -> None:
        """End Geant4's process and delete what was written for it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: object) -> Any:
        """What the worker answers; DataError with what it said last if it gives up."""
        process = self._process
        if process is None:
            raise DataError("this engine is closed: make another")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, OSError):
            code, said = process.wait(), self._last_words()
            self.close()
            raise DataError(f"Geant4 ended (exit status {code}): {said}") from None
        except BaseException:  # half an answer is in the pipe
            self.close()
            raise
        if isinstance(answer, str):
            raise DataError(f"Geant4 cannot simulate this: {one_line(answer, 300)}")
        return answer[0]

    def _last_words(self) -> str:
        lines = [line.strip("* \t") for line in self._log.read_text("utf-8", errors="replace").splitlines()]
        return one_line(" ".join([line for line in lines if line and not line.startswith("-------")][-8:]), 400)


def _environment(folders: dict[str, str]) -> dict[str, str]:
    """What the worker sees: this process's paths of import and Geant4's folders.

    Not ``CI``: where it is true, geant4-pybind would download, and clear the folder that it downloads to.
    """
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    return {**inherited, "PYTHONPATH": paths, **folders}


def _check_elements(setup: Stack | Block) -> None:
    known = {element.symbol for element in ELEMENTS.values()}
    found = {symbol for material in setup.materials for symbol, _ in material.composition}
    if found - known:
        raise DataError(
            f"stand-in tables know {', '.join(sorted(known))}, found {', '.join(sorted(found - known))} in a"
            " material: use Geant4's data sets (tables = 'geant4')"
        )


_SHARED: dict[tuple[Stack | Block, str], Engine] = {}


def shared_engine(setup: Stack | Block, tables: str = "geant4") -> Engine:
    """The engine of this process for ``setup``, started once: Geant4 takes seconds to start. Another ends it.

    Parameters
    ----------
    setup : Stack or Block
        The geometry.
    tables : str
        As of ``Engine``.

    Returns
    -------
    Engine
        It is closed when the process ends, or when another geometry is asked for.
    """
    key = (setup, tables)
    if key not in _SHARED or _SHARED[key].closed:
        _close_shared()
        _SHARED[key] = Engine(setup, tables)
    return _SHARED[key]


def _close_shared() -> None:
    while _SHARED:
        _SHARED.popitem()[1].close()


atexit.register(_close_shared)
