"""TopTagging's reference set as Parquet: layouts that are read, others that are refused, and parts of it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.jets import flat_table, published_jets, random_jets, small_card, write_hub
from helpers.misbehaving_server import Behaviour, Handler, Server, well, whole
from pd4ml import TopTagging
from pd4ml.cli import app
from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.errors import DataError, FetchError, StoreError
from pd4ml.storage.formats import Part, file_format
from pd4ml.storage.store import Array

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

HUB = CARD.sources[2]
COMPONENTS = ("E", "PX", "PY", "PZ")
FILES = ("train.parquet", "validation.parquet", "test.parquet")


def lists(jets: dict[str, Array], fixed: bool) -> Any:
    """A column of lists for each component, without the padding unless they are ``fixed``."""
    columns: dict[str, Any] = {}
    for k, component in enumerate(COMPONENTS):
        rows = jets["constituents"][:, :, k]
        if fixed:
            columns[component] = pyarrow.FixedSizeListArray.from_arrays(rows.reshape(-1), 200)
        else:
            real = (jets["constituents"] != 0).any(axis=-1)
            columns[component] = pyarrow.array([list(r[:n]) for r, n in zip(rows, real.sum(axis=1), strict=True)])
    return pyarrow.table(columns | {"ttv": jets["ttv"], "is_signal_new": jets["label"]})


def own(jets: dict[str, Array]) -> Any:
    """As this package exports jets."""
    momenta = pyarrow.FixedSizeListArray.from_arrays(jets["constituents"].reshape(-1), 4)
    return pyarrow.table(
        {
            "constituents": pyarrow.FixedSizeListArray.from_arrays(momenta, 200),
            "ttv": jets["ttv"],
            "label": jets["label"],
        }
    )


def part(path: Path) -> Part:
    return Part(path, small_card().published, "train", HUB.files[0].columns)


@pytest.mark.parametrize("layout", ["flat", "fixed", "ragged", "own"])
def test_known_layouts_give_the_same_jets(layout: str, tmp_path: Path) -> None:
    jets, file, reader = random_jets(25, 1), tmp_path / "jets.parquet", file_format("parquet_table")
    make: dict[str, Callable[[dict[str, Array]], Any]] = {"flat": flat_table, "own": own}
    make |= {"fixed": partial(lists, fixed=True), "ragged": partial(lists, fixed=False)}
    parquet.write_table(make[layout](jets), file, row_group_size=10)
    reader.check(file)
    assert reader.n_events(part(file)) == 25
    found = reader.read(part(file), 7)
    for name, array in jets.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_another_layout_is_refused_with_what_was_found(tmp_path: Path) -> None:
    def refusal(table: Any) -> str:
        parquet.write_table(table, tmp_path / "x.parquet")
        with pytest.raises(DataError) as caught:
            list(file_format("parquet_table").chunks(part(tmp_path / "x.parquet"), 5))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    jets = random_jets(3)
    said = refusal(pyarrow.table({"pt": [1.0], "n": [3]}))
    assert (
        "no columns for constituents, expected constituents, E_0 or lists E, PX, PY, PZ; found pt (double)" in said
    )
    assert "no columns for label, expected label, is_signal_new; found" in refusal(
        flat_table(jets).drop_columns(["is_signal_new"])
    )
    assert refusal(flat_table(jets).drop_columns(["E_7"])).endswith(" and 797 more")
    long = lists(jets, fixed=False).set_column(0, "E", pyarrow.array([[1.0] * 201] * 3))
    assert "lists of up to 201 numbers, expected at most 200" in refusal(long)
    unlabelled = flat_table(jets).drop_columns(["is_signal_new"])
    assert "label in" in (said := refusal(unlabelled.append_column("is_signal_new", pyarrow.array([0, None, 1]))))
    assert said.endswith("1 values are missing")
    half = unlabelled.append_column("is_signal_new", pyarrow.array([0.5] * 3))
    assert refusal(half).endswith("float64 numbers that do not fit into uint8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the hub."""
    folder = tmp_path_factory.mktemp("hub")
    write_hub(folder)
    return folder


def ranges(body: bytes, etag: str = '"1"') -> Behaviour:
    """A server that sends any part that is asked for."""

    def behave(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        assert asked, "the whole file was asked for"
        start, stop = int(asked[1]), min(int(asked[2]) + 1, len(body))
        handler.answer(206, stop - start, Content_Range=f"bytes {start}-{stop - 1}/{len(body)}", ETag=etag)
        handler.wfile.write(body[start:stop])

    return behave


@pytest.fixture
def hub(folder: Path, server: Server, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Server:
    """TopTagging whose third source is a server here; the card promises as many jets as its files have."""
    monkeypatch.setattr("pd4ml.storage.first_events._TAIL_BYTES", 1000)  # as a large footer, read in two steps
    files = tuple(
        dataclasses.replace(file, mirrors=(server.on(f"/{name}", ranges((folder / name).read_bytes())),))
        for file, name in zip(HUB.files, FILES, strict=True)
    )
    source = dataclasses.replace(HUB, files=files)
    monkeypatch.setattr(TopTagging, "card", dataclasses.replace(small_card(), sources=(source,)))
    return server


def test_a_part_is_fetched_by_row_groups(hub: Server, folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["download", "TopTagging", "--events", "10", "--path", str(tmp_path)])
    made = tmp_path / "TopTagging" / "imported-first_10"
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(made)
    sample, jets = TopTagging.at(tmp_path, source="imported", variant="first_10"), published_jets()
    assert (len(sample.open("train")), len(sample.open("test"))) == (8, 2)
    np.testing.assert_array_equal(sample.open("train")["constituents"], jets["train"]["constituents"][:8])
    np.testing.assert_array_equal(sample.open("test")["label"], jets["test"]["label"][:2])
    facts = sample.manifest.provenance["files"]["top_tagging_hub_dl4phys_train.parquet"]
    size = (folder / "train.parquet").stat().st_size
    assert (facts["rows"], facts["rows_of_whole"], facts["bytes_of_whole"]) == (8, 60, size)
    # One row group of three, and the footer, which of 806 columns and few rows is half of the file.
    assert facts["bytes_fetched"] < 0.75 * size
    assert not any("validation" in path for path, _ in hub.requests)
    assert sorted(p.name for p in made.parent.iterdir() if not p.name.endswith(".lock")) == ["imported-first_10"]
    asked = len(hub.requests)
    assert TopTagging.download_part(10, tmp_path) == made
    assert len(hub.requests) == asked
    with pytest.raises(StoreError, match="holds other events: fetch these under another name than 'first_10'"):
        TopTagging.download_part(11, tmp_path, variant="first_10")


def test_a_part_goes_on_into_the_next_file_of_its_split(hub: Server, tmp_path: Path) -> None:
    TopTagging.download_part(90, tmp_path, variant="most")
    train = TopTagging.open("train", tmp_path, source="imported", variant="most")
    assert len(train) == 72
    assert set(train["ttv"][60:]) == {2}


def test_a_server_without_parts_says_so(hub: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.on("/train.parquet", whole(b"PAR1" * 1000, 4000))
    with pytest.raises(FetchError, match=r"127.*: sends files only whole: download all of it") as caught:
        TopTagging.download_part(10, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "TopTagging" / "imported-first_10").exists()
    hub.on("/train.parquet", ranges(b"<html>" * 1000))
    with pytest.raises(FetchError, match="found something that does not end like one"):
        TopTagging.download_part(10, tmp_path)
    hub.on("/train.parquet", well(b"PAR1" * 1000))
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    with pytest.raises(FetchError, match="the first 10 events of TopTagging, and PD4ML_OFFLINE forbids"):
        TopTagging.download_part(10, tmp_path)


def test_a_file_that_changes_on_the_way_is_begun_again(hub: Server, folder: Path, tmp_path: Path) -> None:
    body = (folder / "train.parquet").read_bytes()
    tags = iter(["1", "2"] + ["3"] * 100)

    def changing(handler: Handler) -> None:
        ranges(body, f'"{next(tags)}"')(handler)

    hub.on("/train.parquet", changing)
    made = TopTagging.download_part(10, tmp_path)
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["provenance"]["files"]["top_tagging_hub_dl4phys_train.parquet"]["version_of_whole"] == '"3"'


def test_only_what_can_be_a_part_is_fetched(hub: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="a part has 2 to 99 events, found 100"):
        TopTagging.download_part(100, tmp_path)
    monkeypatch.setattr(TopTagging, "card", dataclasses.replace(small_card(), sources=CARD.sources[:2]))
    with pytest.raises(DataError, match="has no published source in Parquet"):
        TopTagging.download_part(10, tmp_path)
    done = CliRunner().invoke(app, ["download", "TopTagging", "--variant", "x", "--path", str(tmp_path)])
    assert "--variant names a part" in done.stderr
