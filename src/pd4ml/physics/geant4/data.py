"""Geant4's data sets: where they are, what to do if they are not there, and stand-ins if asked for by name.

The package geant4-pybind looks for them when it is imported, and asks on the terminal whether to download what is
missing (with ``CI=true`` it does so unasked). So everything is found, or refused, before it is imported.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pd4ml.arguments import as_name
from pd4ml.errors import DataError
from pd4ml.physics.geant4.tables import write_tables

__all__ = ["DATA_SETS", "TABLES", "Tables", "find_tables", "missing_data"]

TABLES = ("geant4", "stand-in")
# The sets that geant4-pybind asks for, by Geant4's variable; folders have their version behind the name.
DATA_SETS = {
    "G4NEUTRONHPDATA": "G4NDL",
    "G4LEDATA": "G4EMLOW",
    "G4LEVELGAMMADATA": "PhotonEvaporation",
    "G4RADIOACTIVEDATA": "RadioactiveDecay",
    "G4PARTICLEXSDATA": "G4PARTICLEXS",
    "G4PIIDATA": "G4PII",
    "G4REALSURFACEDATA": "RealSurface",
    "G4SAIDXSDATA": "G4SAIDDATA",
    "G4ABLADATA": "G4ABLA",
    "G4INCLDATA": "G4INCL",
    "G4ENSDFSTATEDATA": "G4ENSDFSTATE",
    "G4CHANNELINGDATA": "G4CHANNELING",
}
_HOME = Path("~/.geant4_pybind")


@dataclass(frozen=True)
class Tables:
    """Which tables Geant4 reads: the ``kind`` (of ``TABLES``), a folder for each variable, and their ``digest``.

    The digest of stand-ins is that of all they say; that of data sets, which are large, of the names and sizes of
    their files.
    """

    kind: str
    folders: Mapping[str, Path]
    digest: str

    @property
    def facts(self) -> dict[str, str]:
        """What a manifest keeps."""
        return {"tables": self.kind, "tables_sha256": self.digest}


def find_tables(kind: str, folder: Path) -> Tables:
    """Find Geant4's data sets, or write stand-ins into ``folder``.

    Parameters
    ----------
    kind : str
        ``geant4``: the data sets, in the folders that Geant4's variables name, below ``GEANT4_DATA_DIR`` or
        ``~/.geant4_pybind``. ``stand-in``: tables from textbook formulae.
    folder : Path
        Where stand-ins are written.

    Returns
    -------
    Tables
        Where they are, and their digest.

    Raises
    ------
    DataError
        If data sets are missing; it says which, and how to get them.
    """
    if as_name("kind of tables", kind, TABLES) == "stand-in":
        written = write_tables(folder)
        empty = folder / "empty"
        empty.mkdir(exist_ok=True)
        return Tables(
            kind, {name: written.get(name, empty) for name in DATA_SETS}, _digest(written, contents=True)
        )
    folders = {name: place for name in DATA_SETS if (place := _find(name))}
    if missing := missing_data():
        raise DataError(
            f"Geant4's data sets {', '.join(missing)} are not there: run 'python -c \"import geant4_pybind\"' in a"
            f" terminal, which downloads them to {_HOME}, or set GEANT4_DATA_DIR to the folder of a Geant4 that"
            " has them; tables = 'stand-in' does without, from textbook formulae"
        )
    return Tables(kind, folders, _digest(folders, contents=False))


def missing_data() -> list[str]:
    """The data sets that are not where the engine looks for them."""
    return [name for variable, name in DATA_SETS.items() if _find(variable) is None]


def _find(variable: str) -> Path | None:
    """The folder of a data set: what its variable says, else the last version where sets are kept."""
    if named := os.environ.get(variable):
        place = Path(named).absolute()
        return place if place.is_dir() else None
    version = re.compile(re.escape(DATA_SETS[variable]) + r"(\d[\d.]*)")
    for kept in (os.environ.get("GEANT4_DATA_DIR"), _HOME.expanduser()):
        versions = {
            tuple(int(n) for n in match[1].split(".") if n): entry
            for entry in (Path(kept).absolute().glob("*") if kept else ())
            if (match := version.fullmatch(entry.name)) and entry.is_dir()
        }
        if versions:
            return versions[max(versions)]
    return None


def _digest(folders: Mapping[str, Path], *, contents: bool) -> str:
    found = hashlib.sha256()
    for name, folder in sorted(folders.items()):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                size = file.stat().st_size
                found.update(f"{name} {file.relative_to(folder).as_posix()} {size}\n".encode())
                found.update(file.read_bytes() if contents else b"")
    return found.hexdigest()
