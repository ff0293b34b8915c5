"""Published files as events: both layouts give equal arrays, in memory and through the store."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from helpers.jets import small_card, write_hub, write_npz, write_zenodo
from pd4ml.errors import DataError, FetchError, StoreError
from pd4ml.storage import published as published_module
from pd4ml.storage.published import Published, fetch_published, import_file
from pd4ml.storage.store import Store

CARD = small_card()
NPZ, ZENODO, HUB = CARD.sources


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")


@pytest.fixture
def npz(tmp_path: Path) -> Published:
    write_npz(tmp_path / NPZ.files[0].name)
    return fetch_published(CARD, tmp_path)


@pytest.fixture
def zenodo(tmp_path: Path) -> Published:
    (given := tmp_path / "given").mkdir()
    for file in write_zenodo(given):
        import_file(CARD, file, tmp_path)
    return fetch_published(dataclasses.replace(CARD, sources=(ZENODO,)), tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Published:
    (given := tmp_path / "given_hub").mkdir()
    for file in write_hub(given):
        import_file(CARD, file, tmp_path)
    return fetch_published(dataclasses.replace(CARD, sources=(HUB,)), tmp_path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_all_layouts_give_equal_arrays(npz: Published, zenodo: Published, hub: Published, split: str) -> None:
    ours = npz.read(split)
    assert len(ours["label"]) == CARD.splits[split]
    for theirs in (zenodo.read(split), hub.read(split)):
        for name, array in ours.items():
            assert array.dtype == theirs[name].dtype
            np.testing.assert_array_equal(array, theirs[name])
    assert set(np.unique(ours["ttv"])) == ({0, 2} if split == "train" else {1})


@pytest.mark.parametrize("layout", ["npz", "zenodo", "hub"])
def test_conversion_gives_the_same_events(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_module, "_CHUNK_EVENTS", 13)
    published: Published = request.getfixturevalue(layout)
    published.convert(tmp_path / "store")
    store = Store(tmp_path / "store")
    for split in CARD.splits:
        expected = published.read(split)
        for name, array in store.events(split).items():
            np.testing.assert_array_equal(array, expected[name])
    files = store.manifest.provenance["files"]
    assert set(files) == {file.name for file in published.source.files}
    assert all(len(file["sha256"]) == 64 for file in files.values())


def test_an_interrupted_conversion_goes_on(
    npz: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_module, "_CHUNK_EVENTS", 13)
    chunks = Published.chunks

    def interrupted(self: Published, split: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        for start, arrays in chunks(self, split):
            if start > 30:
                raise KeyboardInterrupt
            yield start, arrays

    with monkeypatch.context() as patch:
        patch.setattr(Published, "chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            npz.convert(tmp_path / "store")
    assert not (tmp_path / "store").exists()
    assert len((tmp_path / "store.partial/journal.jsonl").read_text().splitlines()) == 3
    npz.convert(tmp_path / "store")
    np.testing.assert_array_equal(
        Store(tmp_path / "store").events("train")["constituents"], npz.read("train")["constituents"]
    )


def test_another_number_of_events_than_on_the_card_is_refused(npz: Published) -> None:
    card = dataclasses.replace(CARD, splits=MappingProxyType({"train": 81, "test": 20}))
    with pytest.raises(DataError, match=r"expected \{'train': 81, 'test': 20\} events, found"):
        dataclasses.replace(npz, card=card).read("train")


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "not finite in event 7"), (-1.0, "component 0 is negative in event 7")]
)
def test_bad_energies_are_refused(tmp_path: Path, value: float, message: str) -> None:
    path = tmp_path / NPZ.files[0].name
    write_npz(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["X_train_0"][7, 0, 0] = value
    np.savez(path, **arrays)
    published = fetch_published(CARD, tmp_path)
    with pytest.raises(DataError, match=message):
        published.read("train")
    with pytest.raises(DataError, match=message):
        published.convert(tmp_path / "store")
    with pytest.raises(StoreError, match="not a dataset folder"):
        Store(tmp_path / "store")


def test_what_cannot_be_had_is_listed(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"DESY: .*PD4ML_OFFLINE.*; Zenodo 2603256: "):
        fetch_published(CARD, tmp_path)


def test_a_file_of_another_name_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "holiday.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"expected one named 1_top_tagging_2M\.npz, top_tagging_zenodo"):
        import_file(CARD, tmp_path / "holiday.npz", tmp_path)


def test_a_conversion_that_failed_does_not_block_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / NPZ.files[0].name
    write_npz(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    good = path.read_bytes()
    arrays["X_test_0"][3, 0, 0] = np.nan
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="not finite"):
        fetch_published(CARD, tmp_path).convert(tmp_path / "store")
    assert (tmp_path / "store.partial").exists()
    path.write_bytes(good)
    path.with_name(path.name + ".json").unlink(missing_ok=True)
    fetch_published(CARD, tmp_path).convert(tmp_path / "store")
    Store(tmp_path / "store").verify()
    assert not (tmp_path / "store.partial").exists()


def test_an_hdf5_file_without_the_table_is_not_imported(tmp_path: Path) -> None:
    import tables

    (given := tmp_path / "given").mkdir()
    with tables.open_file(given / "train.h5", "w") as file:
        file.create_array("/", "x", [0, 1, 2])
    with pytest.raises(DataError, match="holds no pandas table"):
        import_file(CARD, given / "train.h5", tmp_path)
    write_zenodo(given)
    with tables.open_file(given / "train.h5", "a") as file:
        file.root.table.table.attrs.values_block_1_kind = ["ttv", "other"]
    with pytest.raises(DataError, match="lacks the column 'is_signal_new'"):
        import_file(CARD, given / "train.h5", tmp_path)
    assert not (tmp_path / ZENODO.files[0].name).exists()
