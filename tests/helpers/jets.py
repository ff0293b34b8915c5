"""Small published files of jets, in the layouts of the real ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow
import pyarrow.parquet
import tables

from pd4ml.card import Card
from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.storage.store import Array

__all__ = ["flat_table", "random_jets", "small_card", "write_hub", "write_npz", "write_zenodo"]

COUNTS = {"train": 60, "valid": 20, "test": 20}


def random_jets(n: int, seed: int = 0) -> dict[str, Array]:
    """``n`` jets of 1 to 200 massless constituents, pT-sorted."""
    rng = np.random.default_rng(seed)
    pt = np.sort(rng.exponential(10, (n, 200)), axis=1)[:, ::-1]
    eta, phi = rng.normal(0, 0.3, (2, n, 200))
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    p4[np.arange(200) >= rng.integers(1, 201, n)[:, None]] = 0
    return {
        "constituents": p4.astype(np.float32),
        "ttv": np.zeros(n, np.uint8),
        "label": rng.integers(0, 2, n).astype(np.uint8),
    }


def published_jets() -> dict[str, dict[str, Array]]:
    """Train, validation and test parts, marked as in the original split."""
    parts = {part: random_jets(n, i) for i, (part, n) in enumerate(COUNTS.items())}
    for mark, part in enumerate(("train", "test", "valid")):
        parts[part]["ttv"][:] = mark
    return parts


def small_card() -> Card:
    """The card of TopTagging with the counts of these files, no MD5."""
    sources = tuple(
        dataclasses.replace(source, files=tuple(dataclasses.replace(f, md5=None) for f in source.files))
        for source in CARD.sources
    )
    return dataclasses.replace(CARD, splits=MappingProxyType({"train": 80, "test": 20}), sources=sources)


def write_npz(path: Path) -> None:
    """The layout of arXiv:2107.00656."""
    parts = published_jets()
    train = {k: np.concatenate([parts["train"][k], parts["valid"][k]]) for k in parts["train"]}
    arrays = {}
    for split, jets in (("train", train), ("test", parts["test"])):
        arrays[f"X_{split}_0"] = jets["constituents"]
        arrays[f"X_{split}_1"] = jets["ttv"]
        arrays[f"y_{split}"] = jets["label"].astype(np.int64)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def flat_table(jets: dict[str, Array]) -> pyarrow.Table:
    """A column for each number, as the page of dl4phys/top_tagging on the Hugging Face hub shows them."""
    momenta, components = jets["constituents"], ("E", "PX", "PY", "PZ")
    columns = {f"{c}_{i}": momenta[:, i, k] for i in range(200) for k, c in enumerate(components)}
    columns |= {f"truth{c}": np.zeros(len(momenta), np.float32) for c in components}
    columns |= {"ttv": jets["ttv"].astype(np.int64), "is_signal_new": jets["label"].astype(np.int64)}
    return pyarrow.table(columns)


def write_hub(folder: Path) -> list[Path]:
    """The three files of the hub, in row groups of 20."""
    paths = []
    for part, name in (("train", "train"), ("valid", "validation"), ("test", "test")):
        paths.append(folder / f"{name}.parquet")
        table = flat_table(published_jets()[part])
        pyarrow.parquet.write_table(table, paths[-1], row_group_size=20, use_dictionary=False)
    return paths


def write_zenodo(folder: Path) -> list[Path]:
    """The layout of Zenodo 2603256: a PyTables table as pandas wrote it, blosc-compressed, three parts."""
    names = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")]
    names += ["truthE", "truthPX", "truthPY", "truthPZ"]
    dtype = np.dtype([("index", "i8"), ("values_block_0", "f4", (804,)), ("values_block_1", "i8", (2,))])
    paths = []
    for part, file_name in (("train", "train"), ("valid", "val"), ("test", "test")):
        jets = published_jets()[part]
        rows = np.zeros(len(jets["label"]), dtype)
        rows["index"] = np.arange(len(rows))
        rows["values_block_0"][:, :800] = jets["constituents"].reshape(len(rows), -1)
        rows["values_block_1"] = np.stack([jets["ttv"], jets["label"]], axis=1)
        paths.append(folder / f"{file_name}.h5")
        with tables.open_file(paths[-1], "w") as file:
            group = file.create_group("/", "table")
            table = file.create_table(group, "table", rows, filters=tables.Filters(9, "blosc"))
            table.attrs.values_block_0_kind = names
            table.attrs.values_block_1_kind = ["ttv", "is_signal_new"]
    return paths
