from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables

from pd4ml.errors import DataError
from pd4ml.storage.formats.pandas_table import open_pandas_table
from pd4ml.storage.npz import read_npz

N_JETS, N_CONSTITUENTS = 500, 200
CONSTITUENTS = tuple(tuple(f"{c}_{i}" for c in ("E", "PX", "PY", "PZ")) for i in range(N_CONSTITUENTS))
FLOATS = [name for one in CONSTITUENTS for name in one] + ["truthE", "truthPX", "truthPY", "truthPZ"]
ARRAYS = {"constituents": CONSTITUENTS, "ttv": "ttv", "label": "is_signal_new"}
DTYPES = {"constituents": "float32", "ttv": "uint8", "label": "uint8"}

RNG = np.random.default_rng(3)
BLOCK_0 = RNG.normal(size=(N_JETS, len(FLOATS))).astype("float32")
BLOCK_1 = np.stack([RNG.integers(0, 3, N_JETS), RNG.integers(0, 2, N_JETS)], axis=1)
EXPECTED = {
    "constituents": BLOCK_0[:, :800].reshape(-1, 200, 4),
    "ttv": BLOCK_1[:, 0],
    "label": BLOCK_1[:, 1],
}


def write(path: Path, floats: Sequence[object] = FLOATS, complib: str = "blosc") -> Path:
    """Write the layout of Zenodo 2603256 with the library that wrote it."""
    description: Any = {
        "index": tables.Int64Col(pos=0),
        "values_block_0": tables.Float32Col(shape=(BLOCK_0.shape[1],), pos=1),
        "values_block_1": tables.Int64Col(shape=(2,), pos=2),
    }
    with tables.open_file(path, "w", filters=tables.Filters(complevel=9, complib=complib)) as file:
        group = file.create_group("/", "table")
        group._v_attrs.pandas_type = "frame_table"
        table = file.create_table(group, "table", description)
        rows = np.empty(N_JETS, table.dtype)
        rows["index"], rows["values_block_0"], rows["values_block_1"] = np.arange(N_JETS), BLOCK_0, BLOCK_1
        table.append(rows)
        table.attrs.values_block_0_kind = list(floats)
        table.attrs.values_block_1_kind = ["ttv", "is_signal_new"]
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "test.h5")


def read(path: Path, n_events: int = 128) -> dict[str, Any]:
    chunks = list(open_pandas_table(path).chunks(ARRAYS, n_events, DTYPES))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in ARRAYS}


@pytest.mark.parametrize("complib", ["blosc", "zlib", "blosc2"])
def test_the_layout_that_pytables_writes(tmp_path: Path, complib: str) -> None:
    path = write(tmp_path / "test.h5", complib=complib)
    table = open_pandas_table(path)
    assert len(table) == N_JETS
    assert table.columns == (*FLOATS, "ttv", "is_signal_new")
    arrays = read(path)
    assert {name: array.dtype for name, array in arrays.items()} == DTYPES
    for name, expected in EXPECTED.items():
        np.testing.assert_array_equal(arrays[name], expected)


def test_the_layout_that_pandas_writes(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: its own writer cannot be tried")
    frame = pandas.DataFrame(BLOCK_0, columns=FLOATS)
    frame[["ttv", "is_signal_new"]] = BLOCK_1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas about itself
        frame.to_hdf(tmp_path / "test.h5", key="table", format="table", complib="blosc", complevel=9)
    arrays = read(tmp_path / "test.h5")
    for name, expected in EXPECTED.items():
        np.testing.assert_array_equal(arrays[name], expected)


def test_npz_and_table_of_the_same_jets_are_equal(path: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "jets.npz", allow_pickle=False, **EXPECTED)
    from_npz = read_npz(tmp_path / "jets.npz", dtypes=DTYPES)
    from_table = read(path)
    for name in ARRAYS:
        assert from_npz[name].dtype == from_table[name].dtype
        np.testing.assert_array_equal(from_npz[name], from_table[name])


@pytest.mark.parametrize("n_events", [1, 499, 500, 10_000])
def test_chunks(path: Path, n_events: int) -> None:
    sizes = [len(chunk["label"]) for chunk in open_pandas_table(path).chunks(ARRAYS, n_events)]
    assert sum(sizes) == N_JETS
    assert set(sizes[:-1]) <= {n_events}


def test_columns_in_any_order_and_of_several_blocks(path: Path) -> None:
    columns = ("PZ_7", "is_signal_new", "E_0", "ttv")
    (chunk,) = open_pandas_table(path).chunks({"mixed": columns}, N_JETS)
    expected = np.stack([BLOCK_0[:, 31], BLOCK_1[:, 1], BLOCK_0[:, 0], BLOCK_1[:, 0]], axis=1)
    np.testing.assert_array_equal(chunk["mixed"], expected)


def test_names_pickled_by_python_2(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["table/table"].attrs["values_block_1_kind"] = np.bytes_(
            b"(lp1\nS'ttv'\np2\naS'is_signal_new'\np3\na."
        )
    assert open_pandas_table(path).columns[-2:] == ("ttv", "is_signal_new")


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize(
    "value",
    [
        Evil(),
        [Evil(), "ttv"],
        ["ttv", 7],
        {"ttv": "is_signal_new"},
        ("ttv", "is_signal_new"),
        ["ttv"],
        ["ttv"] * 2,
    ],
)
def test_other_pickles_are_refused_and_never_run(
    path: Path, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with h5py.File(path, "r+") as file:
        file["table/table"].attrs["values_block_1_kind"] = np.bytes_(pickle.dumps(value, 0))
    with pytest.raises(DataError, match=r"values_block_1 in .*test.h5: |have the same name"):
        open_pandas_table(path)
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("value", [None, np.bytes_(b"\xff\xfe"), np.bytes_(b"(lp1\nS'ttv"), 7])
def test_names_that_are_missing_or_damaged(path: Path, value: object) -> None:
    with h5py.File(path, "r+") as file:
        del file["table/table"].attrs["values_block_1_kind"]
        if value is not None:
            file["table/table"].attrs["values_block_1_kind"] = value
    with pytest.raises(DataError, match=r"values_block_1 in .*: expected a list of column names"):
        open_pandas_table(path)


def test_a_column_that_is_not_there(path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown column 'is_signal'; did you mean 'is_signal_new'\?") as caught:
        next(open_pandas_table(path).chunks({"label": "is_signal"}, 10))
    assert len(str(caught.value)) <= 300


def test_numbers_that_do_not_fit(path: Path) -> None:
    with pytest.raises(DataError, match=r"constituents in .*test.h5: float32 numbers that do not fit into uint8"):
        next(open_pandas_table(path).chunks(ARRAYS, 10, {"constituents": "uint8"}))


def test_no_such_table(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pandas table 'df'; it holds table"):
        open_pandas_table(path, "df")
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["table/table"] = np.arange(3)
    with pytest.raises(DataError, match="holds no pandas table 'table'"):
        open_pandas_table(tmp_path / "flat.h5")
    with pytest.raises(DataError, match="No such file"):
        open_pandas_table(tmp_path / "none.h5")


def test_a_table_in_the_fixed_format(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"E_0": [1.0, 2.0]}).to_hdf(tmp_path / "fixed.h5", key="table")
    with pytest.raises(DataError, match=r"holds 'table' in pandas' fixed format, .* to_hdf\(.*format='table'\)"):
        open_pandas_table(tmp_path / "fixed.h5")


@pytest.mark.parametrize("keep", [0, 10, 3000, 0.5, 0.99])
def test_truncated(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    with pytest.raises(DataError, match="damaged or no HDF5 file") as caught:
        open_pandas_table(path)
    assert "\n" not in str(caught.value)


def refusal(path: Path) -> str | None:
    try:
        read(path)
    except DataError as error:
        return str(error)
    return None


def test_damage_anywhere_is_told_in_one_line(path: Path) -> None:
    content, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(40):
        damaged = bytearray(content)
        place = rng.integers(0, len(content) - 2000)
        damaged[place : place + 2000] = rng.bytes(2000)
        path.write_bytes(damaged)
        message = refusal(path)
        refused += message is not None
        assert "\n" not in (message or "")
    assert refused >= 20
