"""Where Geant4's data sets are looked for, and what is said where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pd4ml import doctor
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.physics.geant4.data import DATA_SETS, find_tables, missing_data


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*DATA_SETS, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def place(folder: Path, name: str, version: str) -> Path:
    made = folder / f"{name}{version}"
    made.mkdir(parents=True)
    (made / "file").write_text(version)
    return made


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"G4EMLOW.*import geant4_pybind.*GEANT4_DATA_DIR.*stand-in") as error:
        find_tables("geant4", tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(UnknownNameError, match="did you mean 'stand-in'"):
        find_tables("standin", tmp_path)


def test_sets_are_found_by_variable_then_folder_then_home(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in DATA_SETS.values():
        place(home / ".geant4_pybind", name, "1.0")
    newest = place(home / ".geant4_pybind", "G4EMLOW", "1.10")
    place(home / ".geant4_pybind", "G4EMLOW", "1.9")
    tables = find_tables("geant4", tmp_path)
    assert tables.folders["G4LEDATA"] == newest
    assert tables.facts["tables"] == "geant4"
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path / "geant4"))
    there = place(tmp_path / "geant4", "G4EMLOW", "8.8")
    assert find_tables("geant4", tmp_path).folders["G4LEDATA"] == there
    monkeypatch.setenv("G4LEDATA", str(tmp_path / "none"))
    assert missing_data() == ["G4EMLOW"]
    with pytest.raises(DataError, match="data sets G4EMLOW are not there"):
        find_tables("geant4", tmp_path)
    (tmp_path / "none").mkdir()
    other = find_tables("geant4", tmp_path)
    assert other.folders["G4LEDATA"] == tmp_path / "none"
    assert other.digest != tables.digest


def test_stand_ins_are_the_same_wherever_they_are_written(tmp_path: Path) -> None:
    one, other = (find_tables("stand-in", tmp_path / name) for name in ("one", "other"))
    assert one.digest == other.digest
    assert set(one.folders) == set(DATA_SETS)
    assert all(folder.is_dir() for folder in one.folders.values())
    assert one.facts == {"tables": "stand-in", "tables_sha256": one.digest}


def test_doctor_says_which_sets_are_missing(home: Path) -> None:
    place(home / ".geant4_pybind", "G4EMLOW", "8.8")
    found = doctor.diagnose()["folders"]["Geant4's data"]
    assert found.startswith("missing G4NDL, ")
    assert "G4EMLOW" not in found
