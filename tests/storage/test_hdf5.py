"""HDF5 files are read where they lie, in the file itself, and their reading ends."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.storage.columns import open_columns
from pd4ml.storage.formats.pandas_table import open_pandas_table
from pd4ml.storage.hdf5 import attribute, check_heaps, check_size, datasets, member, with_room

TABLE = np.zeros(4, [("index", "i8"), ("a", "f4", (1,))])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "secret.h5", "w") as out:
        out["table/table"] = TABLE
    return tmp_path / "x.h5"


@pytest.mark.parametrize("link", [lambda f: h5py.ExternalLink(str(f), "/table"), lambda _: h5py.SoftLink("/away")])
def test_links_are_not_followed(file: Path, link: type) -> None:
    with h5py.File(file, "w") as out:
        out["away"] = h5py.ExternalLink(str(file.with_name("secret.h5")), "/table")
        out["table"], out["mine"] = link(file.with_name("secret.h5")), [1]
    with h5py.File(file) as found:
        assert member(found, "table/table") is None
        assert [name for name, _ in datasets(found)] == ["mine"]
    with pytest.raises(DataError, match="no pandas table 'table'"):
        open_pandas_table(file)


def test_tables_that_lie_elsewhere(file: Path) -> None:
    for name in ("stored", "virtual"):
        with h5py.File(file, "w") as out, h5py.File(file.with_name("secret.h5")) as secret:
            if name == "stored":
                out.create_dataset("table/table", (4,), TABLE.dtype, external=[("secret.h5", 0, TABLE.nbytes)])
            else:
                layout = h5py.VirtualLayout((4,), TABLE.dtype)
                layout[:] = h5py.VirtualSource(secret["table/table"])
                out.create_virtual_dataset("table/table", layout)
        with pytest.raises(DataError, match="its table lies in another file"):
            open_pandas_table(file)
        with h5py.File(file) as found:
            assert list(datasets(found)) == []


def test_groups_that_hold_each_other(file: Path) -> None:
    with h5py.File(file, "w") as out:
        for name in "abcdefgh":
            out.create_group(name)
        for name in "abcdefgh":
            for other in "abcdefgh":
                out[name][other] = out[other]
        out["a/x"] = [1.0]
        assert [name.rpartition("/")[2] for name, _ in datasets(out)] == ["x"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": (10**12,)}, "would fill the memory"),
        ({"shape": (10**12, 0)}, "would fill the memory"),
        (
            {"shape": (4,), "chunks": (2 * 10**8,), "maxshape": (None,)},
            r"pieces of 1\.6 GB, expected at most 1\.1 GB",
        ),
    ],
)
def test_sizes_that_would_fill_the_memory(file: Path, options: dict[str, object], said: str) -> None:
    with h5py.File(file, "w") as out:
        dataset = out.create_dataset("x", dtype="f8", **options)
        with pytest.raises(DataError, match=said):
            check_size(file, dataset)


def test_pieces_far_larger_than_the_table(file: Path) -> None:
    """PyTables makes those of blosc2 as large as the processor's cache; each is unpacked once."""
    values = np.arange(6, dtype="f8")
    with h5py.File(file, "w") as out:
        rows, options = 1 << 26, {"maxshape": (None,), "compression": hdf5plugin.LZ4()}  # 537 MB
        out.create_dataset("x", data=values, chunks=(rows,), **options)
    assert file.stat().st_size < 5_000_000
    chunks = open_columns(file).chunks(["x"], 2)
    np.testing.assert_array_equal(np.concatenate([chunk["x"] for chunk in chunks]), values)
    with h5py.File(file) as found:
        assert with_room(found["x"], 8 * rows - 1).id.get_access_plist().get_chunk_cache()[1] < 8 * rows
        kept = with_room(found["x"], 8 * rows)
        assert kept.id.get_access_plist().get_chunk_cache()[1] == 8 * rows
        np.testing.assert_array_equal(kept[:], values)


def test_a_heap_over_which_the_library_loops_without_end(file: Path) -> None:
    with h5py.File(file, "w") as out:
        lists = out.create_dataset("x", (20,), h5py.vlen_dtype("f4"))
        for i in range(20):
            lists[i] = np.ones(i)
    with h5py.File(file) as found:
        check_heaps(file, found)
    content = bytearray(file.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 + 48 : heap + 16 + 96] = bytes(48)  # an object without number and size
    file.write_bytes(content)
    with h5py.File(file) as found, pytest.raises(DataError, match="a heap of its lists has an object of 0 bytes"):
        check_heaps(file, found)


def test_a_file_that_is_cut_while_it_is_read(file: Path) -> None:
    with h5py.File(file, "w") as out:
        out["x"] = np.ones(10_000)
    chunks = open_columns(file).chunks(["x"], 5_000)
    next(chunks)
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(DataError, match="was changed while it was read"):
        next(chunks)


def test_attributes_of_any_length_are_left_alone(file: Path) -> None:
    with h5py.File(file, "w") as out:
        out.attrs["text"], out.attrs["bytes"] = "of any length", np.bytes_(b"fixed")
        assert attribute(out, "text") is None
        assert attribute(out, "bytes") == b"fixed"
        assert attribute(out, "none") is None
