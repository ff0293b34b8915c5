"""Events that go out: the same numbers in every format, with their meaning, and never half a file."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pd4ml
from helpers.toy import Toy
from pd4ml import Dataset
from pd4ml.cli import app
from pd4ml.errors import DataError, StoreError
from pd4ml.storage.atomic import new_folder
from pd4ml.storage.export.columns import as_array, as_column
from pd4ml.storage.export.croissant import describe_card
from pd4ml.storage.export.facts import event_facts
from pd4ml.storage.export.huggingface import write_huggingface
from pd4ml.storage.export.parquet import read_parquet, write_parquet
from pd4ml.storage.store import Array, Events

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, n_events=200, seed=1, workers=1)
    return path


@pytest.fixture
def events(data: Path) -> Events:
    return Toy.open("train", data, source="generated")


def expected(events: Events) -> dict[str, Array]:
    return {name: np.asarray(array) for name, array in events.items()}


def same_bits(found: Array, wanted: Array) -> bool:
    return (found.dtype, found.shape, found.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())


def test_parquet_gives_back_every_bit(events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pd4ml.storage.export.parquet._GROUP_BYTES", 1000)
    file = events.to_parquet(tmp_path / "toy.parquet")
    assert parquet.ParquetFile(file).num_row_groups > 5
    arrays, facts = read_parquet(file)
    assert list(arrays) == ["points", "grid", "label"]
    for name, array in expected(events).items():
        assert same_bits(arrays[name], array), name
    assert (facts["source"], facts["split"], facts["part"]) == ("generated", "train", "all")
    assert facts["fingerprint"] == events.manifest.fingerprint
    meaning = parquet.read_schema(file).field("points").metadata
    assert (meaning[b"unit"], meaning[b"description"], meaning[b"role"]) == (b"1", b"five points", b"input")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.parquet"]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u4", "u8", "?"])
def test_any_bits_survive_a_file(dtype: str, tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 256, 24 * np.dtype(dtype).itemsize, dtype=np.uint8)
    values = (raw & 1).view("?") if dtype == "?" else raw.view(dtype)
    values[:6] = [0, 1, 0, 1, 1, 0] if dtype == "?" else np.frombuffer(b"\xff" * 6 * values.itemsize, dtype)
    values = values.reshape(2, 3, 4)
    table = pyarrow.table({"x": as_column(values)})
    parquet.write_table(table, tmp_path / "x.parquet", use_dictionary=False)
    assert same_bits(as_array(parquet.read_table(tmp_path / "x.parquet")["x"], "x"), values)


def test_chosen_events_are_written_and_say_that_they_are_a_part(events: Events, tmp_path: Path) -> None:
    chosen = events[[5, 3, 100]]
    arrays, facts = read_parquet(chosen.to_parquet(tmp_path / "some.parquet"))
    np.testing.assert_array_equal(arrays["points"], events["points"][[5, 3, 100]])
    assert facts["part"] == "3 of 160 events"
    with pytest.raises(DataError, match=r"nothing to write to .*: no events"):
        events[[]].to_parquet(tmp_path / "none.parquet")


def test_where_files_lay_is_not_told(events: Events) -> None:
    files = {"a.npz": {"sha256": "12", "url": "file:///home/me/a.npz"}, "b.npz": {"url": "https://b/b.npz"}}
    events.manifest = dataclasses.replace(events.manifest, provenance={"files": files})
    expected = {"files": {"a.npz": {"sha256": "12"}, "b.npz": {"url": "https://b/b.npz"}}}
    assert event_facts(events)["provenance"] == expected


def test_ragged_arrays_are_lists(tmp_path: Path) -> None:
    awkward = pytest.importorskip("awkward")
    numbers = awkward.Array([[1.5, 2.5], [], [3.5]])
    pairs = awkward.unflatten(np.arange(6, dtype=np.float32).reshape(3, 2), [2, 0, 1])
    columns = {"numbers": as_column(numbers), "pairs": as_column(pairs)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "r.parquet")
    arrays, facts = read_parquet(tmp_path / "r.parquet")
    assert arrays["numbers"].tolist() == [[1.5, 2.5], [], [3.5]]
    assert arrays["pairs"].tolist() == [[[0, 1], [2, 3]], [], [[4, 5]]]
    assert facts == {}
    with pytest.raises(DataError, match="numbers: lists of 0 to 2, expected one length"):
        as_array(columns["numbers"], "numbers")
    with pytest.raises(DataError, match="x: 1 values are missing"):
        as_array(pyarrow.array([1.0, None]), "x")
    with pytest.raises(DataError, match="x: expected numbers, found string"):
        as_array(pyarrow.array(["a"]), "x")


def test_a_failed_export_leaves_nothing(events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("pd4ml.storage.export.parquet._schema", full)
    for write in (events.to_parquet, events.to_huggingface):
        with pytest.raises(OSError, match="disk full"):
            write(tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with new_folder(tmp_path / "mine") as folder:
        (folder / "a").write_text("a")
    assert (tmp_path / "mine" / "a").read_text() == "a"
    with pytest.raises(StoreError, match="is there already"), new_folder(tmp_path / "mine"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_npz_is_the_published_layout(data: Path, events: Events, tmp_path: Path) -> None:
    file = Toy.at(data, source="generated").to_npz(tmp_path / "new" / "toy.npz")
    with np.load(file) as archive:
        names = ["X_test_0", "X_test_1", "X_train_0", "X_train_1", "pd4ml.json", "y_test", "y_train"]
        assert sorted(archive) == names
        facts = json.loads(archive["pd4ml.json"])["train"]
        assert (facts["source"], facts["arrays"]["X_train_0"]["description"]) == ("generated", "five points")
        assert same_bits(archive["X_train_0"], np.asarray(events["points"]))
        assert same_bits(archive["X_train_1"], np.asarray(events["grid"]))
        assert same_bits(archive["y_train"], np.asarray(events.y))
    with zipfile.ZipFile(file) as members:  # no times: equal events make equal files
        assert {member.date_time[0] for member in members.infolist()} == {1980}


def test_torch_and_awkward_hold_the_same_numbers(events: Events) -> None:
    awkward = pytest.importorskip("awkward")
    torch = pytest.importorskip("torch")
    (points, grid), label = events.to_torch()[3]
    assert torch.equal(points, torch.from_numpy(events["points"][3].copy()))
    assert (grid.tolist(), int(label)) == ([0, 1, 2], int(events.y[3]))
    array = events[10:20].to_awkward()
    assert (str(array.type), awkward.fields(array)) == (
        "10 * {points: 5 * 2 * float32, grid: 3 * int64, label: uint8}",
        ["points", "grid", "label"],
    )
    np.testing.assert_array_equal(array.points.to_numpy(), events["points"][10:20])


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pytest.importorskip("datasets")


@pytest.mark.filterwarnings("ignore")  # those of other packages
def test_huggingface_reads_the_folder(data: Path, events: Events, tmp_path: Path, offline: Any) -> None:
    splits = {split: Toy.open(split, data, source="generated") for split in ("train", "test")}
    folder = write_huggingface(splits, tmp_path / "toy", file_bytes=4000)
    assert sorted(path.name for path in (folder / "data").iterdir()) == [
        "test-00000-of-00001.parquet",
        *(f"train-0000{i}-of-00003.parquet" for i in range(3)),
    ]
    found = offline.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == {"train": 160, "test": 40}
    rows = found["train"].with_format("numpy")[:]
    np.testing.assert_array_equal(rows["points"], events["points"])
    assert rows["points"].dtype == np.float32
    np.testing.assert_array_equal(rows["label"], events.y)
    card = (folder / "README.md").read_text()
    assert "events that pd4ml generated (variant default), not the published ones" in card
    assert "license: mit" in card


def croissant(jsonld: Any) -> Any:
    """A validated dataset; the only warning is that nobody knows when it was published."""
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld)
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert all("datePublished" in warning for warning in issues.warnings), issues.warnings
    return dataset


@pytest.mark.filterwarnings("ignore")  # those of other packages
@pytest.mark.parametrize("way", ["to_parquet", "to_huggingface"])
def test_croissant_iterates_exported_events(way: str, data: Path, events: Events, tmp_path: Path) -> None:
    folder = getattr(Toy.at(data, source="generated"), way)(tmp_path / "toy")
    records = list(croissant(folder / "croissant.json").records("train"))
    np.testing.assert_array_equal([record["train/points"] for record in records], events["points"])
    np.testing.assert_array_equal([record["train/label"] for record in records], events.y)
    np.testing.assert_array_equal(records[7]["train/grid"], events["grid"])


@pytest.mark.filterwarnings("ignore")  # those of other packages
@pytest.mark.parametrize("dataset", list(Dataset.datasets_register), ids=lambda dataset: dataset.name)
def test_every_card_is_valid_croissant(dataset: type[Dataset], tmp_path: Path) -> None:
    body = describe_card(dataset.card)
    (tmp_path / "croissant.json").write_text(json.dumps(body))
    metadata = croissant(tmp_path / "croissant.json").metadata
    archives = {s for source in dataset.card.sources for f in source.files if f.layout == "npz" for s in f.splits}
    arrays = dataset.card.published.arrays
    assert {record_set.id for record_set in metadata.record_sets} == {
        f"{s}/{a.name}" for s in archives for a in arrays
    }
    described = {file.name for source in dataset.card.sources for file in source.files}
    listed = {entry.name for entry in metadata.distribution}
    assert all(name in listed or name in body["description"] for name in described)
    assert all(spec.description in json.dumps(body, ensure_ascii=False) for spec in arrays)


def test_the_command_exports(data: Path, tmp_path: Path) -> None:
    def run(*args: object) -> str:
        done = CliRunner().invoke(app, ["export", "Toy", "--path", str(data), *map(str, args)])
        return done.stdout.strip() if done.exit_code == 0 else done.stderr.strip()

    assert run("--to", tmp_path / "p", "--splits", "test") == str(tmp_path / "p")
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["croissant.json", "test.parquet"]
    assert run("--format", "huggingface", "--to", tmp_path / "h") == str(tmp_path / "h")
    assert run("--format", "npz", "--to", tmp_path / "n") == str(tmp_path / "n" / "Toy.npz")
    assert run("--format", "croissant", "--to", tmp_path / "c") == str(tmp_path / "c" / "croissant.json")
    assert "is there already" in run("--to", tmp_path / "p")
    assert "did you mean 'parquet'" in run("--format", "parket", "--to", tmp_path / "x")
    assert "did you mean 'test'" in run("--splits", "tset", "--to", tmp_path / "x")


def test_without_pyarrow_the_extra_is_named(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(pd4ml.errors.MissingExtraError, match=r"pd4ml-physics\[parquet\]"):
        write_parquet(events, tmp_path / "x.parquet")
