"""The store: atomic, locked, resumed, and distrustful of what lies on the disk."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from helpers.toy import Toy, ToyConfig, simulate
from pd4ml.errors import DataError, LockedError, StoreError, UnknownNameError
from pd4ml.storage.store import Array, Store, _release
from pd4ml.storage.writer import StoreWriter, check_arrays

SPLITS = {"train": 30, "test": 10}
PLAN = {"seed": 1}


def toy_arrays(n: int, seed: int = 0) -> dict[str, Array]:
    return simulate(n, np.random.SeedSequence(seed), ToyConfig(), "train")


def write(folder: Path, **kwargs: Any) -> Store:
    with StoreWriter(folder, Toy.card, SPLITS, PLAN, **kwargs) as writer:
        for split, chunk, start, n in (("train", 0, 0, 20), ("train", 1, 20, 10), ("test", 0, 0, 10)):
            if (split, chunk) not in writer.done:
                writer.write(split, chunk, start, toy_arrays(n, chunk))
        writer.finish("generated", "default", PLAN)
    return Store(folder)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = write(tmp_path / "toy")
    events = store.events("train")
    expected = [toy_arrays(20, 0), toy_arrays(10, 1)]
    assert len(events) == 30
    for name in ("points", "label"):
        np.testing.assert_array_equal(events[name], np.concatenate([a[name] for a in expected]))
    np.testing.assert_array_equal(events["grid"], [0, 1, 2])
    assert isinstance(events["points"], np.memmap)
    assert [a.shape for a in events.X] == [(30, 5, 2), (3,)]
    taken = events.take([29, 0])
    np.testing.assert_array_equal(taken["points"], events["points"][[29, 0]])
    np.testing.assert_array_equal(taken["grid"], [0, 1, 2])
    store.verify()
    assert sorted(p.name for p in (tmp_path / "toy").iterdir()) == ["manifest.json", "test", "train"]


def test_an_array_as_long_as_the_split_is_not_taken_for_events(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "toy", Toy.card, {"train": 3, "test": 1}, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(3))
        writer.write("test", 0, 0, toy_arrays(1))
        writer.finish("generated", "default", PLAN)
    np.testing.assert_array_equal(Store(tmp_path / "toy").events("train").take([1])["grid"], [0, 1, 2])


def test_fingerprint_follows_the_events(tmp_path: Path) -> None:
    same = write(tmp_path / "a").manifest.fingerprint
    assert write(tmp_path / "b").manifest.fingerprint == same
    with StoreWriter(tmp_path / "c", Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(30, 9))
        writer.write("test", 0, 0, toy_arrays(10, 0))
        writer.finish("generated", "default", PLAN)
    assert Store(tmp_path / "c").manifest.fingerprint != same


def test_a_changed_byte_is_found_by_verify(tmp_path: Path) -> None:
    store = write(tmp_path / "toy")
    with (tmp_path / "toy/train/points.npy").open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\x00")
    with pytest.raises(StoreError, match=r"points\.npy has another SHA-256"):
        store.verify()


@pytest.mark.parametrize("cut", [1, 300, 1 << 30])
def test_a_truncated_array_is_refused(tmp_path: Path, cut: int) -> None:
    write(tmp_path / "toy")
    path = tmp_path / "toy/train/points.npy"
    path.write_bytes(path.read_bytes()[: max(path.stat().st_size - cut, 0)])
    with pytest.raises(StoreError, match="cannot be read"):
        Store(tmp_path / "toy").events("train")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "<html>", "is damaged"),
        (lambda text: "[]", "is damaged"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "format 1 only"),
        (lambda text: text.replace("train/points.npy", "../points.npy"), "outside the folder"),
        (
            lambda text: re.sub('"sha256": "[0-9a-f]{64}', '"sha256": "' + "0" * 64, text),
            "fingerprint does not match",
        ),
        (lambda text: text.replace('"float32"', '"object"'), "of type 'object'"),
        (lambda text: text.replace('"float32"', '["f4", "f4"]'), "of type"),
        (lambda text: re.sub(r'"shape": \[\s+30', '"shape": [-30', text), "has the shape"),
        (lambda text: re.sub(r'"shape": \[\s+30', '"shape": [30.5', text), "has the shape"),
        (lambda text: text.replace('"per_event": true', '"per_event": 1'), "neither true nor false"),
        (lambda text: text.replace('"sha256": "', '"sha256": "x'), "has no SHA-256"),
        (lambda text: text.replace('"Toy"', '"\\u001b[31mToy"'), "is no name"),
        (lambda text: text.replace('"Toy"', "5"), "is no name"),
        (lambda text: re.sub(r'"provenance": \{[^}]*\}', '"provenance": []', text), "provenance is no table"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, damage: Any, message: str) -> None:
    write(tmp_path / "toy")
    manifest = tmp_path / "toy/manifest.json"
    manifest.write_text(damage(manifest.read_text()))
    with pytest.raises(StoreError, match=message):
        Store(tmp_path / "toy")


def test_a_folder_without_manifest_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a dataset folder"):
        Store(tmp_path)


def test_unknown_split_and_array_suggest_the_nearest(tmp_path: Path) -> None:
    store = write(tmp_path / "toy")
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        store.events("trian")
    with pytest.raises(UnknownNameError, match="did you mean 'points'"):
        store.events("train")["point"]


def test_a_second_writer_is_refused_and_the_first_unharmed(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as first:
        first.write("train", 0, 0, toy_arrays(20))
        with (
            pytest.raises(LockedError, match="another process is writing"),
            StoreWriter(folder, Toy.card, SPLITS, PLAN, wait=0),
        ):
            pass
        assert not folder.exists()
    write(folder).verify()


def test_interrupted_work_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with pytest.raises(KeyboardInterrupt), StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
        raise KeyboardInterrupt
    assert not folder.exists()
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert writer.done == {("train", 0)}
    assert write(folder).manifest.fingerprint == write(tmp_path / "other").manifest.fingerprint


def test_a_chunk_whose_bytes_changed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
        writer.write("train", 1, 20, toy_arrays(10, 1))
    with (tmp_path / "toy.partial/train/points.npy").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\xff\xff")
    with (tmp_path / "toy.partial/journal.jsonl").open("a") as journal:
        journal.write('{"split": "test", "chu')  # cut off in the middle of a line
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert writer.done == {("train", 0)}


def test_an_entry_of_the_journal_that_was_changed_is_none(tmp_path: Path) -> None:
    """Else another chunk would be taken as made, whose events are zeros."""
    folder = tmp_path / "toy"
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
    journal = tmp_path / "toy.partial/journal.jsonl"
    journal.write_text(journal.read_text().replace('"chunk": 0', '"chunk": 1'))
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert not writer.done


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": "../../0"},
        {"start": -1},
        {"start": 10**18},
        {"n": 10**18},
        {"n": True},
        {"split": []},
        {"split": "none"},
        {"sha256": None},
    ],
)
def test_an_entry_of_the_journal_that_cannot_be_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    with StoreWriter(tmp_path / "toy", Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20))
    journal = tmp_path / "toy.partial/journal.jsonl"
    journal.write_text(json.dumps(json.loads(journal.read_text()) | change) + "\n[1]\n5\n" + "[" * 10_000)
    assert write(tmp_path / "toy").manifest.fingerprint == write(tmp_path / "whole").manifest.fingerprint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_partial_work_is_not_written_where_a_link_or_a_pipe_leads(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with StoreWriter(tmp_path / "toy", Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20))
    for name in ("points", "label"):
        (tmp_path / f"toy.partial/train/{name}.npy").unlink()
    (tmp_path / "toy.partial/train/points.npy").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / "toy.partial/train/label.npy")
    assert write(tmp_path / "toy").manifest.fingerprint == write(tmp_path / "whole").manifest.fingerprint
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "header", [b"{[]:1}", b"(" * 3000, b"{'descr': '|O', 'fortran_order': False, 'shape': (30,)}"]
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: bytes) -> None:
    file = write(tmp_path / "toy").folder / "train/label.npy"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(StoreError, match=r"label\.npy cannot be read \(.*\): delete the folder and make it again"):
        Store(tmp_path / "toy").events("train")


def test_chunks_that_are_not_the_whole_split_are_no_dataset(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "toy", Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
        writer.write("train", 1, 10, toy_arrays(10, 1))
        with pytest.raises(StoreError, match="the chunks of train are not its 30 events"):
            writer.finish("generated", "default", PLAN)


def test_what_a_kill_after_the_end_leaves_goes_with_the_next_call(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    write(folder)
    (folder / "journal.jsonl").write_text("{}")
    (folder / "plan.json").write_text("{}")
    folder.with_name("toy.old").mkdir()
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert writer.already_there
    assert sorted(file.name for file in tmp_path.rglob("*.json*")) == ["manifest.json"]
    assert not folder.with_name("toy.old").exists()


def test_partial_work_with_other_settings_is_kept_unless_forced(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
    other = {"seed": 2}
    with (
        pytest.raises(StoreError, match="unfinished work with other settings"),
        StoreWriter(folder, Toy.card, SPLITS, other),
    ):
        pass
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert writer.done == {("train", 0)}
    with StoreWriter(folder, Toy.card, SPLITS, other, drop_partial=True) as writer:
        assert not writer.done


def test_a_kill_before_the_renaming_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "toy"
    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "_swap", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(folder)
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert len(writer.done) == 3
        writer.finish("generated", "default", PLAN)
    Store(folder).verify()


def test_a_store_that_is_not_whole_is_not_finished(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "toy", Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))
        with pytest.raises(StoreError, match="is not whole"):
            writer.finish("generated", "default", PLAN)
        with pytest.raises(DataError, match="ends behind the 30 events"):
            writer.write("train", 1, 20, toy_arrays(11, 0))
    assert not (tmp_path / "toy").exists()


def test_a_store_that_is_there_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path / "toy")
    with StoreWriter(tmp_path / "toy", Toy.card, SPLITS, PLAN) as writer:
        assert writer.already_there
    assert not (tmp_path / "toy.partial").exists()


def test_force_replaces_a_store_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    old = write(folder).manifest.fingerprint
    with pytest.raises(KeyboardInterrupt), StoreWriter(folder, Toy.card, SPLITS, PLAN, replace=True):
        raise KeyboardInterrupt
    assert Store(folder).manifest.fingerprint == old
    write(folder, replace=True).verify()
    assert not (tmp_path / "toy.old").exists()


def test_a_full_disk_is_one_line_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "toy"
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        writer.write("train", 0, 0, toy_arrays(20, 0))

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StoreError, match="No space left on device: make room, or choose another path"):
                writer.write("train", 1, 20, toy_arrays(10, 1))
    with StoreWriter(folder, Toy.card, SPLITS, PLAN) as writer:
        assert writer.done == {("train", 0)}


def test_a_disk_that_is_too_small_is_refused_at_once(tmp_path: Path) -> None:
    huge = {"train": 10**15, "test": 1}
    with (
        pytest.raises(StoreError, match="choose another path or fewer events"),
        StoreWriter(tmp_path / "toy", Toy.card, huge, PLAN),
    ):
        pass
    assert not (tmp_path / "toy.partial").exists()


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(StoreError, match=r"cannot write .*choose another path"),
        StoreWriter(tmp_path / "file" / "toy", Toy.card, SPLITS, PLAN),
    ):
        pass


def test_the_lock_is_released(tmp_path: Path) -> None:
    write(tmp_path / "toy")
    with FileLock(tmp_path / ".toy.lock", timeout=0):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((4, 5, 3), np.float32)}, r"points: expected float32 \(4, 5, 2\)"),
        ({"points": np.zeros((4, 5, 2), np.float64)}, "found float64"),
        ({"points": np.full((4, 5, 2), np.nan, np.float32)}, "not finite in event 0"),
        ({"more": np.zeros(4)}, "expected the arrays"),
        ({"label": np.array([0, 1, 2, 1], np.uint8)}, "label: expected 0 to 1"),
    ],
)
def test_arrays_are_held_against_the_card(change: dict[str, Array], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_arrays(Toy.card, {**toy_arrays(4), **change}, 4)


def test_the_manifest_is_plain_json(tmp_path: Path) -> None:
    write(tmp_path / "toy")
    body = json.loads((tmp_path / "toy/manifest.json").read_text())
    assert body["arrays"]["train"]["points"]["shape"] == [30, 5, 2]
    assert body["provenance"] == PLAN


def test_what_was_read_does_not_stay_in_this_process(tmp_path: Path) -> None:
    status = Path("/proc/self/smaps")
    if not status.exists():
        pytest.skip("needs Linux's /proc")
    file = tmp_path / "values.npy"
    np.save(file, np.arange(2**21, dtype=np.float64))
    mapped = np.load(file, mmap_mode="r")

    def resident() -> int:
        text = status.read_text().partition(str(file))[2]
        return int(text.partition("Rss:")[2].split()[0])

    total = mapped.sum()
    assert resident() > 8192
    _release(mapped)
    assert resident() < 100
    assert mapped.sum() == total
