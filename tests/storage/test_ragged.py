"""Ragged arrays: written in any order, resumed, read without a copy, and found out when they are damaged."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from pd4ml.audit.duplicates import event_hashes
from pd4ml.audit.rows import chunks
from pd4ml.card import ArraySpec, Card, Variant
from pd4ml.errors import DataError, StoreError
from pd4ml.progress import progress
from pd4ml.storage.formats.base import gather
from pd4ml.storage.memory import memory_events, read_own
from pd4ml.storage.ragged import checked_ragged, concatenated, entries, is_ragged, packed, padded, ragged
from pd4ml.storage.store import Store
from pd4ml.storage.writer import StoreWriter, check_arrays

CARD = Card(
    name="Hits",
    version="1",
    title="hits",
    task="regression",
    description="hits",
    inputs=(ArraySpec("hits", (2,), "float32", "GeV", "hits", non_negative=(0,), ragged=True),),
    target=ArraySpec("energy", (), "float32", "GeV", "energy"),
    splits={"train": 6, "test": 3},
    sources=(),
    variants={"default": Variant("as it is")},
    licence="MIT",
    citations=(),
    extras=(ArraySpec("times", (), "float64", "ns", "times", ragged=True),),
)
NAN = np.full((4, 2), np.nan, np.float32)
SIZES = {"train": [3, 0, 2, 0, 0, 4], "test": [0, 5, 1]}


def arrays(sizes: list[int], seed: int) -> dict[str, Any]:
    rng, offsets = np.random.default_rng(seed), np.concatenate([[0], np.cumsum(sizes)])
    return {
        "hits": ragged(rng.random((offsets[-1], 2), np.float32), offsets),
        "times": ragged(rng.random(offsets[-1] + 1)[:-1], offsets),
        "energy": rng.random(len(sizes), np.float32),
    }


def content_of(array: Any) -> Any:
    return array.layout.content.data


WHOLE = {split: arrays(sizes, number) for number, (split, sizes) in enumerate(SIZES.items())}


def write(
    folder: Path, order: tuple[tuple[str, int], ...] = (("test", 0), ("train", 2), ("train", 0), ("train", 1))
) -> Store:
    with StoreWriter(folder, CARD, {"train": 6, "test": 3}, {}) as writer:
        for split, chunk in order:
            n = 2 if split == "train" else 3
            if (split, chunk) not in writer.done:
                piece = {name: a[n * chunk : n * (chunk + 1)] for name, a in WHOLE[split].items()}
                writer.write(split, chunk, n * chunk, piece)
        writer.finish("generated", "default", {})
    return Store(folder)


def test_chunks_in_any_order_are_read_as_one(tmp_path: Path) -> None:
    store = write(tmp_path / "a")
    store.verify()
    for split, whole in WHOLE.items():
        events = store.events(split)
        for name, array in whole.items():
            assert ak.array_equal(events[name], array, dtype_exact=True) if is_ragged(array) else True
        assert [len(e["hits"]) for e in events] == SIZES[split]
        assert events[1]["hits"].shape == (SIZES[split][1], 2)
    assert write(tmp_path / "b", (("train", 0), ("train", 1), ("train", 2), ("test", 0))).manifest.fingerprint == (
        store.manifest.fingerprint
    )
    assert sorted(p.name for p in (tmp_path / "a/train").iterdir()) == [
        "energy.npy", "hits.npy", "hits.offsets.npy", "times.npy", "times.offsets.npy",
    ]  # fmt: skip
    assert "3 * var * 2 * float32" in store.events("test")._repr_html_()
    assert store.manifest.arrays["test"]["hits"].most == 5


def test_nothing_is_read_or_copied_before_it_is_used(tmp_path: Path) -> None:
    events = write(tmp_path / "a").events("train")
    mapped = content_of(events["hits"])
    assert isinstance(mapped.base, np.memmap)
    chosen = events.choose([5, 2])
    assert np.shares_memory(content_of(chosen["hits"]), mapped)
    taken = chosen.take(slice(None))["hits"]
    assert not np.shares_memory(content_of(taken), mapped)
    assert ak.array_equal(taken, WHOLE["train"]["hits"][[5, 2]])
    assert len(content_of(taken)) == 6
    mask = np.array([False, True])
    assert ak.array_equal(chosen.take(mask)["hits"], WHOLE["train"]["hits"][[2]])
    again = pickle.loads(pickle.dumps(chosen))
    assert ak.array_equal(again["hits"], chosen["hits"])


def test_a_stopped_run_keeps_whole_pieces_only(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with StoreWriter(folder, CARD, {"train": 6, "test": 3}, {}) as writer:
        for chunk in range(3):
            piece = {name: a[2 * chunk : 2 * chunk + 2] for name, a in WHOLE["train"].items()}
            writer.write("train", chunk, 2 * chunk, piece)
    with (tmp_path / "a.partial/train/pieces/hits.0.npy").open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"\x01")
    cut = tmp_path / "a.partial/train/pieces/hits.2.npy"
    cut.write_bytes(cut.read_bytes()[:-4])
    with StoreWriter(folder, CARD, {"train": 6, "test": 3}, {}) as writer:
        assert set(writer.done) == {("train", 1)}
    assert write(folder).manifest.fingerprint == write(tmp_path / "b").manifest.fingerprint


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("hits", lambda a: np.zeros((6, 3, 2), np.float32), "expected a ragged array"),
        ("hits", lambda a: a[:5], r"expected 6 \* var \* 2 \* float32, found 5 \*"),
        ("hits", lambda a: ak.values_astype(a, np.float64), r"found 6 \* var \* 2 \* float64"),
        ("hits", lambda a: ragged(NAN, np.array([0, 0, 0, 0, 1, 1, 4])), "not finite in event 3"),
        ("hits", lambda a: -a, "component 0 is negative in event 0"),
        ("energy", lambda a: WHOLE["train"]["times"], "energy: expected float32"),
    ],
)  # fmt: skip
def test_what_is_not_as_the_card_says_is_refused(name: str, damage: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_arrays(CARD, {**WHOLE["train"], name: damage(WHOLE["train"][name])}, 6)


@pytest.mark.parametrize("values", [[0, 1, 2, 3, 4, 5, 6], [1, 3, 5, 5, 5, 5, 9]])
def test_offsets_that_cannot_be_are_refused(tmp_path: Path, values: list[int]) -> None:
    write(tmp_path / "a")
    np.save(tmp_path / "a/train/hits.offsets.npy", np.array(values))
    with pytest.raises(StoreError, match=r"hits\.offsets\.npy is damaged"):
        Store(tmp_path / "a").events("train")


def test_a_changed_offset_is_found_by_verify(tmp_path: Path) -> None:
    store = write(tmp_path / "a")
    np.save(tmp_path / "a/train/hits.offsets.npy", np.array([0, 2, 3, 5, 5, 5, 9]))
    with pytest.raises(StoreError, match=r"hits\.offsets\.npy has another SHA-256"):
        store.verify()


def test_other_entries_are_another_fingerprint(tmp_path: Path) -> None:
    """The same bytes, otherwise divided among events, are other events."""
    store = write(tmp_path / "a")
    files = dict(store.manifest.arrays["train"])
    files["hits"] = replace(files["hits"], offsets_sha256="0" * 64)
    other = replace(store.manifest, arrays={**store.manifest.arrays, "train": files})
    assert other.fingerprint != store.manifest.fingerprint


def test_padding_keeps_the_first_entries() -> None:
    array = ragged(np.arange(6, dtype=np.int16), np.array([0, 3, 3, 6]))
    assert padded(array, 2, -1).tolist() == [[0, 1], [-1, -1], [3, 4]]
    assert padded(array[[2, 0]], 4).tolist() == [[3, 4, 5, 0], [0, 1, 2, 0]]
    content, offsets = entries(array[1:])
    assert content.tolist() == [3, 4, 5]
    assert offsets.tolist() == [0, 0, 3]
    assert len(packed(array[2:]).layout.content) == 3
    both = concatenated([array, array[:1]])
    assert both.to_list() == [[0, 1, 2], [], [3, 4, 5], [0, 1, 2]]
    assert concatenated([np.ones(2), np.zeros(1)]).tolist() == [1, 1, 0]


def test_chunks_are_gathered() -> None:
    pieces = [{name: a[i : i + 2] for name, a in WHOLE["train"].items()} for i in (0, 2, 4)]
    found = gather(CARD, 6, pieces)
    assert ak.array_equal(found["hits"], WHOLE["train"]["hits"])
    np.testing.assert_array_equal(found["energy"], WHOLE["train"]["energy"])


def test_events_in_memory_and_in_a_file(tmp_path: Path) -> None:
    events = memory_events(CARD, {"hits": WHOLE["train"]["hits"]})
    assert ak.array_equal(events.take([5])["hits"], WHOLE["train"]["hits"][[5]])
    content, offsets = entries(WHOLE["train"]["hits"])
    np.savez(tmp_path / "mine.npz", hits=content, **{"hits.offsets": offsets})  # type: ignore[arg-type]
    assert read_own(CARD, tmp_path / "mine.npz").manifest.fingerprint == events.manifest.fingerprint
    np.savez(tmp_path / "half.npz", hits=content)
    with pytest.raises(DataError, match=r"has hits but not hits\.offsets"):
        read_own(CARD, tmp_path / "half.npz")
    with pytest.raises(DataError, match="must be whole numbers that rise from 0 to 9"):
        checked_ragged(content, np.array([0, 5, 3, 9]), "hits")


def test_rows_of_the_audit_are_as_wide_as_the_largest_event_of_all_splits(tmp_path: Path) -> None:
    store = write(tmp_path / "a")
    (rows,) = next(iter(chunks(store.events("train"), ("hits",))))
    assert rows.shape == (6, 5, 2)
    with progress("hashing", 9) as bar:
        train, test = (event_hashes(store.events(split), CARD, bar) for split in ("train", "test"))
    assert len(set(train.tolist())) == 4  # three events are empty
    assert train[1] == test[0]
