"""Files of every kind become the same dataset, in pieces, resumed, or are refused in one line."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pytest
import uproot
from pyarrow import parquet
from typer.testing import CliRunner

from helpers.own_events import own_events
from pd4ml.cli.app import app
from pd4ml.errors import DataError, Pd4mlError, StoreError
from pd4ml.own import conversion as module
from pd4ml.own.card_file import CardFile
from pd4ml.own.conversion import convert, found_columns
from pd4ml.sample import Sample
from pd4ml.storage.columns import open_columns
from pd4ml.storage.writer import StoreWriter

GIVEN = own_events(120)
PT, ETA = (ak.values_astype(GIVEN.particles[name], np.float32) for name in ("pt", "eta"))
SIZES = ak.num(PT).to_numpy()
FLAT: dict[str, Any] = {"met": GIVEN.met.astype(np.float32), "run": GIVEN.run, "label": GIVEN.label}
CARD: dict[str, Any] = {
    "name": "Files",
    "target": "label",
    "select": "met > 10",
    "group": "run",
    "inputs": {"particles": {"columns": ["pt", "eta"], "units": {"pt": "GeV"}}, "event": {"columns": ["met"]}},
    "extras": {"twice": "2 * met"},
    "graph": {"kind": "none"},
    "split": {"test": 0.3},
}
FLAT_CARD = {**CARD, "inputs": {"event": {"columns": ["met"]}}}


def as_root(file: Path) -> None:
    with uproot.recreate(file) as out:
        out["events"] = {**FLAT, "particle": ak.zip({"pt": PT, "eta": ETA})}
        out["other"] = {"x": np.arange(500)}


def as_parquet(file: Path) -> None:
    lists = {
        name: pa.array(values.to_list(), pa.list_(pa.float32())) for name, values in (("pt", PT), ("eta", ETA))
    }
    parquet.write_table(pa.table({**FLAT, **lists}), file, row_group_size=50)


def as_hdf5(file: Path) -> None:
    with h5py.File(file, "w") as out:
        for name, values in FLAT.items():
            out[name] = values
        for name, values in (("pt", PT), ("eta", ETA)):
            ragged = out.create_dataset(name, (len(values),), h5py.vlen_dtype(np.float32))
            for i, row in enumerate(values):
                ragged[i] = np.asarray(row)
        out["meta"] = np.arange(3)
        out["elsewhere"] = h5py.ExternalLink("other.h5", "/secret")


def as_npz(file: Path) -> None:
    offsets = np.concatenate([[0], np.cumsum(SIZES)])
    lists = {"pt": ak.flatten(PT).to_numpy(), "eta": ak.flatten(ETA).to_numpy()}
    np.savez(file, **FLAT, **lists, **{f"{name}.offsets": offsets for name in lists})  # type: ignore[arg-type]


def as_csv(file: Path) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(FLAT)
        writer.writerows(zip(*(values.tolist() for values in FLAT.values()), strict=True))


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.root": as_root,
    "a.parquet": as_parquet,
    "a.h5": as_hdf5,
    "a.npz": as_npz,
}
CARDS = {"a.root": {**CARD, "inside": "events", "inputs": {
    "particles": {"columns": {"pt": "`particle.pt`", "eta": "`particle.eta`"}, "units": {"pt": "GeV"}},
    "event": {"columns": ["met"]},
}}}  # fmt: skip


def check(sample: Sample, *, ragged: bool = True) -> None:
    kept = np.flatnonzero(FLAT["met"] > 10)
    parts = {split: sample.open(split).take(slice(None)) for split in ("train", "test")}
    ids = np.concatenate([part["event_id"] for part in parts.values()])
    assert sorted(ids.tolist()) == kept.tolist()
    for part in parts.values():
        np.testing.assert_array_equal(part["label"], FLAT["label"][part["event_id"]])
        np.testing.assert_array_equal(part["event"][:, 0], FLAT["met"][part["event_id"]])
        np.testing.assert_allclose(part["twice"], 2 * FLAT["met"][part["event_id"]])
        if ragged:
            assert ak.all(part["particles"][..., 0] == PT[part["event_id"]])
            assert ak.all(part["particles"][..., 1] == ETA[part["event_id"]])
    assert not set(parts["train"]["group"]) & set(parts["test"]["group"])


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 23)
    WRITERS[name](tmp_path / name)
    sample = convert([tmp_path / name], CARDS.get(name, CARD), tmp_path / "datasets")
    check(sample)
    assert sample.card.array("particles").unit == "pt GeV, eta unknown"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 23)
    as_csv(tmp_path / "a.csv")
    if name.endswith(".gz"):
        import gzip

        (tmp_path / name).write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    check(convert([tmp_path / name], FLAT_CARD, tmp_path / "datasets"), ragged=False)


def test_pieces_do_not_change_the_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_parquet(tmp_path / "a.parquet")
    whole = convert([tmp_path / "a.parquet"], CARD, tmp_path / "whole")
    monkeypatch.setattr(module, "_MOST_ROWS", 7)
    assert convert([tmp_path / "a.parquet"], CARD, tmp_path / "pieces").fingerprint == whole.fingerprint


def test_a_stopped_conversion_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_parquet(tmp_path / "a.parquet")
    whole = convert([tmp_path / "a.parquet"], CARD, tmp_path / "whole")
    monkeypatch.setattr(module, "_MOST_ROWS", 10)
    written: list[int] = []
    write = StoreWriter.write

    def stopped(self: StoreWriter, split: str, chunk: int, start: int, arrays: Any) -> None:
        if len(written) == 9:
            raise KeyboardInterrupt
        write(self, split, chunk, start, arrays)
        written.append(chunk)

    monkeypatch.setattr(StoreWriter, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        convert([tmp_path / "a.parquet"], CARD, tmp_path / "datasets")
    again: list[int] = []

    def counted(self: StoreWriter, split: str, chunk: int, start: int, arrays: Any) -> None:
        write(self, split, chunk, start, arrays)
        again.append(chunk)

    monkeypatch.setattr(StoreWriter, "write", counted)
    sample = convert([tmp_path / "a.parquet"], CARD, tmp_path / "datasets")
    assert sample.fingerprint == whole.fingerprint
    assert len(written) == 9
    assert 0 < len(again) <= 24 - 9  # 12 pieces of two splits
    for name in ("plan.json", "journal.jsonl"):  # by a kill just after the folder got its name
        (tmp_path / "datasets" / sample.card.name / "own-default" / name).touch()
    convert([tmp_path / "a.parquet"], CARD, tmp_path / "datasets")
    assert sorted(p.name for p in (tmp_path / "datasets" / sample.card.name / "own-default").iterdir()) == [
        "manifest.json",
        "test",
        "train",
    ]


def test_the_same_files_are_taken_once_and_others_are_refused(tmp_path: Path) -> None:
    as_parquet(tmp_path / "a.parquet")
    first = convert([tmp_path / "a.parquet"], CARD, tmp_path / "datasets")
    assert (
        convert([tmp_path / "a.parquet"], CARD, tmp_path / "datasets").manifest.created == first.manifest.created
    )
    with pytest.raises(StoreError, match="holds other events"):
        convert([tmp_path / "a.parquet"], {**CARD, "select": "met > 20"}, tmp_path / "datasets")


def test_several_files_follow_one_another(tmp_path: Path) -> None:
    as_parquet(tmp_path / "a.parquet")
    as_parquet(tmp_path / "b.parquet")
    sample = convert([tmp_path / "a.parquet", tmp_path / "b.parquet"], CARD, tmp_path / "datasets")
    ids = np.concatenate([sample.open(split)["event_id"][:] for split in ("train", "test")])
    assert ids.max() >= 120
    assert len(np.unique(ids)) == 2 * (FLAT["met"] > 10).sum()


def test_without_a_card_everything_of_numbers_is_taken(tmp_path: Path) -> None:
    as_parquet(tmp_path / "a.parquet")
    sample = convert([tmp_path / "a.parquet"], {"name": "Auto", "target": "label"}, tmp_path / "datasets")
    inputs = {spec.name: spec.columns for spec in sample.card.inputs}
    assert inputs == {"event": ("met", "run"), "entries": ("pt", "eta")}
    assert sample.card.classes == ("0", "1")


def test_a_column_says_the_split(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, x=np.arange(40.0), y=np.arange(40) % 2, is_test=np.arange(40) % 4 < 2)
    card = {"name": "Given", "target": "y", "split": {"column": "is_test"}}
    sample = convert([file], card, tmp_path / "datasets")
    assert dict(sample.card.splits) == {"train": 20, "test": 20}
    assert (sample.open("test")["event_id"] % 4 < 2).all()


def test_a_group_in_two_splits_is_found_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 10)
    file = tmp_path / "a.npz"
    np.savez(file, x=np.arange(40.0), y=np.arange(40) % 2, run=np.arange(40) % 11, is_test=np.arange(40) > 30)
    card = {"name": "Torn", "target": "y", "group": "run", "split": {"column": "is_test"}}
    with pytest.raises(DataError, match="is_test puts events of one group into several splits"):
        convert([file], card, tmp_path / "datasets")


def test_classes_of_texts_and_values(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    with h5py.File(file, "w") as out:
        out["x"], out["kind"] = np.arange(60.0), np.array([b"qcd", b"top", b"w"] * 20)
    sample = convert([file], {"name": "Texts", "target": "kind"}, tmp_path / "a")
    assert sample.card.classes == ("qcd", "top", "w")
    card = {"name": "Texts", "target": "kind", "classes": {"light": ["qcd"], "heavy": ["top", "w"]}}
    sample = convert([file], card, tmp_path / "b")
    assert sample.card.classes == ("light", "heavy")
    labels = sample.open("train")["label"][:]
    np.testing.assert_array_equal(labels, (sample.open("train")["event_id"][:] % 3 > 0).astype(int))


def bad_card(text: str) -> Callable[[Path], tuple[list[Path], Any]]:
    def make(folder: Path) -> tuple[list[Path], Any]:
        as_parquet(folder / "a.parquet")
        (folder / "card.toml").write_text(text)
        return [folder / "a.parquet"], folder / "card.toml"

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bad_card("name = "), "is no card"),
        (bad_card('nam = "A"'), "did you mean 'name'"),
        (bad_card('name = "A"\ntarget = "labl"'), "did you mean 'label'"),
        (bad_card('name = "A"\ntarget = "label"\nselect = "met > 1e9"'), "no event is left"),
        (bad_card('name = "A"\ntarget = "label"\nselect = "__import__(1)"'), "unknown function"),
        (
            bad_card('name = "A"\ntarget = "met"\ntask = "classification"\nclasses = ["a", "b"]'),
            "labels must be 0",
        ),
        (bad_card('name = "A"\ntarget = "label"\n[inputs.p]\ncolumns = ["pt", "met"]'), "either lists or single"),
        (bad_card('name = "A"\ntarget = "label"\n[inputs.p]\nrole = "images"'), "unknown role"),
        (bad_card('name = "A"\n[split]\ntest = 2'), "together below 1"),
        (bad_card('name = "TopTagging"'), "everybody has"),
        (lambda f: ([f / "none.parquet"], CARD), "no file at"),
        (lambda f: ([f], CARD), "expected a file that ends with"),
        (lambda f: ([(f / "x.root").write_bytes(b"<html>") and f / "x.root"], CARD), "is no root file"),
        (lambda f: ([(f / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n123") and f / "x.h5"], CARD), "damaged or no"),
        (lambda f: ([(f / "x.parquet").write_bytes(b"PAR1abc") and f / "x.parquet"], CARD), "damaged or no"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    make: Callable[[Path], tuple[list[Path], Any]], message: str, tmp_path: Path
) -> None:
    files, card = make(tmp_path)
    with pytest.raises(Pd4mlError, match=message) as caught:
        convert(files, card, tmp_path / "datasets")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "datasets").rglob("manifest.json"))


def test_numbers_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,0\n,1\n3,0\n")
    with pytest.raises(DataError, match="column x has empty fields"):
        convert([tmp_path / "a.csv"], {"name": "Holes", "target": "y"}, tmp_path / "datasets")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.arange(120)
    as_hdf5(tmp_path / "a.h5")
    assert set(found_columns(tmp_path / "a.h5")) == {"met", "run", "label", "pt", "eta"}
    assert open_columns(tmp_path / "a.h5").n_rows == 120


def test_the_command_line_leads_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    as_parquet(tmp_path / "a.parquet")
    run = CliRunner()

    def line(text: str) -> str:
        done = run.invoke(app, text.split())
        assert done.exit_code == 0, done.output
        return done.output

    assert "met" in line("convert a.parquet --list")
    line("convert a.parquet --name Mine --target label")
    assert "Mine" in line("list")
    assert "pt, eta" in line("info Mine")
    line("audit mine")
    line("plot Mine")
    line("train Mine --recipe gbdt")
    (folder,) = (tmp_path / "runs").glob("Mine-own-*")
    line(f"evaluate {folder}")
    line(f"predict {folder} --out scores.csv")
    line("report --out report.html")
    assert "Mine" in (tmp_path / "report.html").read_text()
    states = json.loads(line("benchmark quick --datasets Mine --dry-run --json"))
    assert {state["dataset"] for state in states} == {"Mine"}


REAL = Path(__file__).parents[3] / "shared" / "realdata"


@pytest.mark.parametrize(
    ("name", "card", "n_events"),
    [
        (
            "JetClassII_example.parquet",
            {"target": "jet_sdmass", "inputs": {"part": ["part_px", "part_energy"]}},
            100,
        ),
        (
            "ahcal_like_bigtree.root",
            {"target": "beamEnergy", "inputs": {"hits": ["ahc_hitI", "ahc_hitEnergy"]}},
            80,
        ),
        ("cms_pfnano_10events.root", {"inside": "Events", "inputs": {"jets": ["FatJet_pt", "FatJet_mass"]}}, 10),
    ],
)
def test_real_files(name: str, card: dict[str, Any], n_events: int, tmp_path: Path) -> None:
    if not (REAL / name).exists():
        pytest.skip(f"the real sample {name} is not beside the repository")
    sample = convert([REAL / name], {"name": "Real", "split": {"test": 0.4}, **card}, tmp_path)
    assert sum(sample.card.splits.values()) == n_events
    assert len(sample.graphs("train")[:5]) == 5


def test_own_data_go_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    as_parquet(tmp_path / "a.parquet")
    sample = convert([tmp_path / "a.parquet"], CARD, "datasets")
    for kind in ("parquet", "huggingface", "npz"):
        done = CliRunner().invoke(app, ["export", "Files", "--format", kind, "--to", f"out_{kind}"])
        assert done.exit_code == 0, done.output
    events = sample.open("train")
    lists = parquet.read_table(tmp_path / "out_parquet/train.parquet")["particles"].to_pylist()
    assert lists == ak.to_list(events["particles"])
    with np.load(tmp_path / "out_npz/Files.npz") as archive:
        key = f"X_train_{[spec.name for spec in sample.card.inputs].index('particles')}"
        content, offsets = archive[key], archive[f"{key}.offsets"]
    assert [content[a:b].tolist() for a, b in itertools.pairwise(offsets)] == lists
    again = convert([tmp_path / "out_parquet/train.parquet"], {"name": "Again", "target": "label"}, "datasets")
    assert "particles" in [spec.name for spec in again.card.inputs]


@pytest.mark.slow
def test_own_data_pass_the_checks_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    as_parquet(tmp_path / "a.parquet")
    told = {"title": "T", "description": "D", "licence": "MIT", "citation": "@misc{Mine, title = {M}}"}
    convert([tmp_path / "a.parquet"], {**CARD, **told}, "datasets")
    done = CliRunner().invoke(app, ["check", "dataset", "Files"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("first", ["a" * 70_000, ",".join("a" * 70_000)])
def test_a_first_line_that_would_fill_the_memory(tmp_path: Path, first: str) -> None:
    (tmp_path / "x.csv").write_text(first + "\n1\n")
    with pytest.raises(DataError, match="its first line is longer than 65,536 characters"):
        found_columns(tmp_path / "x.csv")


def test_bytes_in_a_column_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n1,x\n2,\xad\n")
    with pytest.raises(DataError, match="damaged or no csv file"):
        list(open_columns(tmp_path / "x.csv").chunks(["a", "b"], 10))


def test_a_padding_that_is_text() -> None:
    with pytest.raises(DataError, match=r"inputs\.a\.padding must be a number, found 'x'"):
        CardFile.from_dict({"inputs": {"a": {"columns": "a", "padding": "x"}}})
