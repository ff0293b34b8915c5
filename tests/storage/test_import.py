"""Files that one already has: a published one is counted when it comes, a part gets a name of its own."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.jets import small_card, write_npz, write_zenodo
from helpers.toy import Toy
from pd4ml import TopTagging
from pd4ml.cli import app
from pd4ml.errors import DataError, FetchError, StoreError
from pd4ml.storage.published import import_file


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    monkeypatch.setattr(TopTagging, "card", small_card())


def part(file: Path, n_train: int = 15, n_test: int = 5) -> Path:
    """The first jets of the published file."""
    write_npz(file)
    with np.load(file) as archive:
        n = {"train": n_train, "test": n_test}
        arrays = {name: archive[name][: n[name.split("_")[1]]] for name in archive}
    np.savez(file, **arrays)
    return file


def test_a_part_is_refused_under_the_name_of_the_whole(tmp_path: Path) -> None:
    file = part(tmp_path / "1_top_tagging_2M.npz")
    with pytest.raises(DataError, match=r"expected 80 events of split train, found 15; .*--variant NAME"):
        TopTagging.import_file(file, tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_files_of_one_split_are_counted_together(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    files = {file.name: file for file in write_zenodo(tmp_path / "given")}
    import_file(small_card(), files["train.h5"], tmp_path)
    files["val.h5"].write_bytes(files["test.h5"].read_bytes())  # as many events
    import_file(small_card(), files["val.h5"], tmp_path)
    files["val.h5"].write_bytes(files["train.h5"].read_bytes())
    with pytest.raises(DataError, match=r"expected 80 events of split train, found 120"):
        import_file(small_card(), files["val.h5"], tmp_path)


def test_a_part_has_a_name_of_its_own(tmp_path: Path) -> None:
    file, data = part(tmp_path / "mine.npz"), tmp_path / "d"
    done = CliRunner().invoke(
        app, ["import", str(file), "--dataset", "TopTagging", "--variant", "mine", "--path", str(data)]
    )
    assert done.exit_code == 0, done.output
    folder = data / "TopTagging" / "imported-mine"
    assert done.stdout.strip() == str(folder)
    sample = TopTagging.at(data, source="imported", variant="mine")
    assert (len(sample.open("train")), len(sample.open("test"))) == (15, 5)
    (constituents, _), y = TopTagging.load("test", data, source="imported", variant="mine")
    assert constituents.shape == (5, 200, 4)
    assert len(y) == 5
    assert (sample.manifest.source, sample.manifest.variant) == ("imported", "mine")
    shown = CliRunner().invoke(app, ["info", str(folder)]).stdout
    assert "TopTagging, imported events, variant mine" in shown
    assert "part_of: the published TopTagging, says who imported it" in shown
    with pytest.raises(FetchError):
        TopTagging.load("train", data)  # never in place of the published events
    assert TopTagging.import_file(file, data, variant="mine") == folder


def test_what_is_no_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'train': 0, .* expected some of each split"):
        TopTagging.import_file(part(tmp_path / "mine.npz", n_train=0), tmp_path, variant="mine")
    TopTagging.import_file(part(tmp_path / "mine.npz"), tmp_path, variant="mine")
    with pytest.raises(StoreError, match=r"holds other events: import mine\.npz under another name than 'mine'"):
        TopTagging.import_file(part(tmp_path / "mine.npz", n_train=14), tmp_path, variant="mine")


def test_generated_events_are_never_imported_as_published(tmp_path: Path) -> None:
    file = part(tmp_path / "mine.npz")
    for source, refused in (("generated", True), ("own", True), ("published", False)):
        given = tmp_path / f"{source}.npz"
        given.write_bytes(file.read_bytes())
        with zipfile.ZipFile(given, "a") as archive:
            archive.writestr("pd4ml.json", json.dumps({"train": {"source": source}}))
        if refused:
            with pytest.raises(DataError, match=f"holds {source} events, as it says itself"):
                TopTagging.import_file(given, tmp_path, variant=source)
        else:
            TopTagging.import_file(given, tmp_path, variant=source)


def test_more_events_than_were_published_are_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = part(tmp_path / "mine.npz")
    monkeypatch.setattr(TopTagging, "card", dataclasses.replace(small_card(), splits={"train": 14, "test": 5}))
    with pytest.raises(DataError, match=r"'train': 15, .* expected some of each split of \{'train': 14"):
        TopTagging.import_file(file, tmp_path, variant="mine")


def test_a_name_that_was_not_imported_says_how(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="`pd4ml import FILE --dataset TopTagging --variant mine"):
        TopTagging.open("train", tmp_path, source="imported", variant="mine")


def test_nothing_can_be_imported_where_nothing_was_published(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no files of Toy were published, so that none can be imported"):
        Toy.import_file(part(tmp_path / "mine.npz"), tmp_path)
    with pytest.raises(FetchError, match=r"no files of Toy were published; .*`pd4ml generate Toy"):
        Toy.load("train", tmp_path)
