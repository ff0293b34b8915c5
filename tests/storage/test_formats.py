"""File formats: what each of them must say, and what happens where its library is not installed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.jets import small_card, write_hub, write_npz, write_zenodo
from pd4ml.errors import DataError, FetchError, MissingExtraError, UnknownNameError
from pd4ml.storage import fetch_settings
from pd4ml.storage.fetch import fetch
from pd4ml.storage.formats import Part, available, file_format
from pd4ml.storage.published import fetch_published, import_file

CARD = small_card().published
NPZ, ZENODO = CARD.sources[:2]
every_format = pytest.mark.parametrize("name", available())


@pytest.fixture
def part(name: str, tmp_path: Path) -> Part:
    """The test split of some jets in the format called ``name``; a new format adds its writer here."""
    file = {s.files[-1].layout: s.files[-1] for s in CARD.sources}[name]
    if name == "npz":
        write_npz(path := tmp_path / "jets.npz")
    else:
        path = (write_hub if name == "parquet_table" else write_zenodo)(tmp_path)[-1]
    return Part(path, CARD, "test", file.columns)


@every_format
def test_events_in_chunks_are_those_of_the_file(name: str, part: Part) -> None:
    reader = file_format(name)
    reader.check(part.path)
    assert reader.n_events(part) == 20
    whole, chunks = reader.read(part, 7), list(reader.chunks(part, 7))
    assert [len(chunk["label"]) for chunk in chunks] == [7, 7, 6]
    for spec in CARD.arrays:
        assert whole[spec.name].dtype == spec.dtype
        np.testing.assert_array_equal(np.concatenate([chunk[spec.name] for chunk in chunks]), whole[spec.name])
    energy = whole["constituents"][..., 0]
    np.testing.assert_allclose(energy, np.linalg.norm(whole["constituents"][..., 1:], axis=-1), rtol=1e-5)


@every_format
def test_another_file_is_refused_by_its_first_bytes(name: str, tmp_path: Path) -> None:
    reader = file_format(name)
    for content, found in (
        (b"", "nothing at all"),
        (b"<!DOCTYPE html>\n<p>404", "something that begins with '<!DOCTYPE html>'"),
        (bytes(600), "other binary data"),
    ):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(DataError, match=f"expected {reader.noun}, found {found}"):
            reader.check(tmp_path / "file")
    with pytest.raises(DataError, match=r"cannot read .*: No such file"):
        reader.check(tmp_path / "none")


@every_format
def test_a_truncated_file_is_refused(name: str, part: Part) -> None:
    content = part.path.read_bytes()
    part.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="found a damaged or truncated one"):
        file_format(name).check(part.path)


def test_an_unknown_format_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    file = dataclasses.replace(NPZ.files[0], layout="npx")
    (tmp_path / file.name).write_bytes(b"PK")
    with pytest.raises(UnknownNameError, match=r"unknown file format 'npx'; did you mean 'npz'\? \(known: npz, "):
        fetch(file, tmp_path)


@pytest.fixture
def no_hdf5(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra ``hdf5`` was not installed; nothing listens at the address of the mirrors."""
    for module in ("h5py", "hdf5plugin"):
        monkeypatch.setitem(sys.modules, module, None)
    settings = dataclasses.replace(fetch_settings.SETTINGS, attempts=1)
    monkeypatch.setattr(fetch_settings, "SETTINGS", settings)


def test_without_hdf5_npz_is_read(no_hdf5: None, tmp_path: Path) -> None:
    write_npz(tmp_path / NPZ.files[0].name)
    assert len(fetch_published(CARD, tmp_path).read("train")["label"]) == 80


@pytest.mark.parametrize("missing", ["h5py", "hdf5plugin"])
def test_without_hdf5_the_reader_of_tables_says_what_to_install(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (given := tmp_path / "given").mkdir()
    files = write_zenodo(given)
    for file in files:
        import_file(CARD, file, tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    message = rf"reading a table that pandas wrote to HDF5 needs {missing}: pip install 'pd4ml-physics\[hdf5\]'"
    with pytest.raises(MissingExtraError, match=message):
        import_file(CARD, files[0], tmp_path)
    # The files are here: nothing else is fetched in their place.
    with pytest.raises(MissingExtraError, match=message):
        fetch_published(CARD, tmp_path)


def test_without_hdf5_no_table_is_fetched(no_hdf5: None, tmp_path: Path) -> None:
    unreachable = ("http://127.0.0.1:9/file",)
    sources = tuple(
        dataclasses.replace(s, files=tuple(dataclasses.replace(f, mirrors=unreachable) for f in s.files))
        for s in (NPZ, ZENODO)
    )
    message = r"DESY: .*connection failed.*; Zenodo 2603256: .*needs h5py: pip install 'pd4ml-physics\[hdf5\]'"
    with pytest.raises(FetchError, match=message):
        fetch_published(dataclasses.replace(CARD, sources=sources), tmp_path)


def test_a_new_interpreter_works_without_hdf5(tmp_path: Path) -> None:
    write_npz(tmp_path / "jets.npz")
    script = (
        "import sys; sys.modules['h5py'] = sys.modules['hdf5plugin'] = None\n"
        "import pathlib, pd4ml\n"
        "from pd4ml.storage.formats import available, file_format\n"
        "file_format('npz').check(pathlib.Path(sys.argv[1]))\n"
        "print(available())"
    )
    run = [sys.executable, "-c", script, str(tmp_path / "jets.npz")]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(available())
