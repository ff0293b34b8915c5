from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pd4ml.errors import DataError
from pd4ml.storage.casting import cast
from pd4ml.storage.npz import open_npz, read_npy, read_npz

JETS = np.random.default_rng(0).normal(size=(1000, 20, 4)).astype("float32")


@pytest.fixture(params=[np.savez, np.savez_compressed])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "jets.npz"
    request.param(path, x=JETS, y=np.arange(1000) % 2, f=np.asfortranarray(JETS))
    return path


def test_all_arrays_are_read(path: Path) -> None:
    arrays = read_npz(path)
    assert list(arrays) == ["x", "y", "f"]
    with np.load(path) as expected:
        for key, array in arrays.items():
            assert array.dtype == expected[key].dtype
            assert array.flags.writeable
            np.testing.assert_array_equal(array, expected[key])
    assert arrays["f"].flags.f_contiguous


def test_dtypes_are_converted_on_the_way(path: Path) -> None:
    arrays = read_npz(path, "x", "y", "f", dtypes={"y": "uint8", "x": "float64", "f": "float16"})
    assert {key: array.dtype for key, array in arrays.items()} == {"y": "uint8", "x": "float64", "f": "float16"}
    np.testing.assert_array_equal(arrays["x"], JETS.astype("float64"))
    np.testing.assert_array_equal(arrays["f"], JETS.astype("float16"))
    np.testing.assert_array_equal(arrays["y"], np.arange(1000) % 2)


@pytest.mark.parametrize("key", ["x", "f"])
@pytest.mark.parametrize("n_events", [1, 300, 1000, 5000])
def test_chunks(path: Path, key: str, n_events: int) -> None:
    array = open_npz(path, key)[key]
    assert (len(array), array.shape, array.dtype) == (1000, JETS.shape, JETS.dtype)
    chunks = list(array.chunks(n_events))
    assert {len(chunk) for chunk in chunks[:-1]} <= {n_events}
    assert all(chunk.flags.c_contiguous for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate(chunks), JETS)
    assert next(array.chunks(10, "float64")).dtype == "float64"


def test_expected_shapes(path: Path) -> None:
    array = open_npz(path)["x"]
    assert array.expect(None, 20, 4) is array
    for shape in ((None, 20, 5), (None, 80), (999, 20, 4)):
        with pytest.raises(DataError, match=r"x in .*jets.npz: expected shape \(.*\), found \(1000, 20, 4\)"):
            array.expect(*shape)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=hnp.arrays(
        st.sampled_from(["<f4", ">f8", "<i8", "|u1", "|b1", ">i2", "<c16", "<U3"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7),
    ),
    fortran=st.booleans(),
    compressed=st.booleans(),
)
def test_any_array_comes_back(
    tmp_path: Path, array: np.ndarray[Any, Any], fortran: bool, compressed: bool
) -> None:
    path = tmp_path / "any.npz"
    (np.savez_compressed if compressed else np.savez)(path, a=np.asfortranarray(array) if fortran else array)
    read = read_npz(path)["a"]
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array.reshape(read.shape))


def test_missing_keys_and_files(path: Path) -> None:
    with pytest.raises(DataError, match=r"no array 'X_train_0' in .*jets.npz; it holds x, y, f"):
        read_npz(path, "X_train_0")
    with pytest.raises(DataError, match=r"cannot read .*: No such file"):
        read_npz(path.with_name("other.npz"))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", o=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="holds Python objects, which are never unpickled"):
        read_npz(tmp_path / "o.npz")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 256], "uint8"),
        ([-1, 0], "uint8"),
        ([0.5], "int64"),
        ([np.nan], "uint8"),
        ([1e39], "float32"),
        ([2], "?"),
    ],
)
def test_numbers_that_do_not_fit(tmp_path: Path, values: list[float], dtype: str) -> None:
    np.savez(tmp_path / "a.npz", a=np.array(values))
    with pytest.raises(DataError, match=f"a in .*a.npz: .* numbers that do not fit into {np.dtype(dtype)}"):
        read_npz(tmp_path / "a.npz", dtypes={"a": dtype})


def test_cast_copies_only_when_it_must() -> None:
    assert cast(JETS, None, "x") is JETS
    assert cast(JETS, "float32", "x") is JETS
    np.testing.assert_array_equal(cast(np.array([np.nan, np.inf]), "float32", "x"), [np.nan, np.inf])


def one_line_or_equal(path: Path) -> None:
    """Damage is either told in one line or leaves the numbers as they were."""
    message, arrays = "", {}
    try:
        arrays = read_npz(path, "x", "y", "f")
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    assert arrays or path.name in message
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, np.arange(1000) % 2 if key == "y" else JETS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_told_in_one_line(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="truncate"):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        # Mostly where the structure is: the headers at the beginning and the directory at the end.
        near = st.integers(0, 400)
        place = data.draw(near | near.map(lambda n: len(content) - 1 - n) | st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    damaged = path.with_name("damaged.npz")
    damaged.write_bytes(content)
    one_line_or_equal(damaged)


def test_a_wrong_checksum(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    content[info.header_offset + info.compress_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_npz(path, "x")
    np.testing.assert_array_equal(read_npz(path, "y")["y"], np.arange(1000) % 2)


@pytest.mark.parametrize("shape", ["(10**13,)", "(100, 2**40)", "(-1,)", "(9,)"])
def test_a_header_that_promises_too_much_is_refused_before_anything_is_allocated(
    tmp_path: Path, shape: str
) -> None:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {eval(shape)}}}".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(80)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    with pytest.raises(DataError, match=r"promises|impossible shape"):
        open_npz(tmp_path / "bomb.npz")


def test_a_directory_that_promises_too_much(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**8,)})
        archive.writestr("a.npy", header.getvalue())
    small, big = len(header.getvalue()), len(header.getvalue()) + 8 * 10**8
    lie = out.getvalue().replace(small.to_bytes(4, "little"), big.to_bytes(4, "little"))
    (tmp_path / "lie.npz").write_bytes(lie)
    with pytest.raises(DataError, match=r"promises 800 MB, which would fill the memory"):
        open_npz(tmp_path / "lie.npz")


MEASURE = """
import re, sys
from pathlib import Path
import numpy as np
from pd4ml.storage.npz import read_npz
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
read_npz(Path(sys.argv[1]), "warm", dtypes={"warm": sys.argv[2]})
before = peak()
array = read_npz(Path(sys.argv[1]), "x", dtypes={"x": sys.argv[2]})["x"]
assert array[-1, 0, 0] == 1
print((peak() - before) / array.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's own measure of the peak memory")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reading_takes_the_array_and_at_most_a_tenth_more(tmp_path: Path, save: Any, dtype: str) -> None:
    jets = np.zeros((48_000, 200, 4), "float32")
    jets[-1] = 1
    save(tmp_path / "x.npz", x=jets, warm=jets[:10])
    run = [sys.executable, "-c", MEASURE, str(tmp_path / "x.npz"), dtype]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    assert 0.9 < float(result.stdout) < 1.1


EVIL = {
    "an unhashable key": "{[]:1}",
    "arrays of arrays": "{'descr': ('<f8', (9,)), 'fortran_order': False, 'shape': (1,)}",
    "no size": "{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000000,)}",
    "5,000 digits": "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}",
    "no end": "{'descr",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (9,)}",
    "more than there is": "{'descr': '<f8', 'fortran_order': False, 'shape': (11,)}",
}


@pytest.mark.parametrize("evil", EVIL)
def test_evil_headers_are_refused_in_one_line(tmp_path: Path, evil: str) -> None:
    text = EVIL[evil].encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(80)
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", content)
    for read in (lambda: read_npy(tmp_path / "x.npy"), lambda: read_npz(tmp_path / "x.npz")):
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value).isprintable()


def test_npy_files(tmp_path: Path) -> None:
    array = np.arange(12.0).reshape(3, 4)
    for written in (array, array.T, array[:0]):
        np.save(tmp_path / "x.npy", written)
        np.testing.assert_array_equal(read_npy(tmp_path / "x.npy"), written)


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_archives_that_numpy_never_writes(tmp_path: Path, kind: int) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(9))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", kind) as archive:
        archive.writestr("x.npy", stream.getvalue())
    with pytest.raises(DataError, match="packed in a way that NumPy never does"):
        read_npz(tmp_path / "x.npz")


def test_an_archive_of_zeros_that_would_fill_the_memory(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as member,
    ):
        for _ in range(257):
            member.write(bytes(1 << 20))
    with pytest.raises(DataError, match="would fill the memory: write what it holds with less compression"):
        open_npz(tmp_path / "x.npz")
