"""Arrays in .npz archives and .npy files, read piece by piece into their final place and never unpickled.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from pd4ml.errors import DataError, one_line
from pd4ml.storage.casting import cast
from pd4ml.storage.foreign import check_unpacked, foreign

__all__ = ["NpzArray", "npy_array", "open_npz", "read_npy", "read_npz"]

# Small against any array worth the trouble and large against the cost of a call.
_PIECE_BYTES = 1 << 20

_NOUN = ".npz archive of numbers"

# Deflate cannot do better: 258 bytes out of 2 bits (https://zlib.net/zlib_tech.html).
_DEFLATE_RATIO = 1032


@dataclass(frozen=True)
class NpzArray:
    """One array of an archive: what its header says, and its numbers when they are asked for.

    All methods that read raise DataError for damaged data and for numbers that do not fit ``dtype``.
    """

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool = False

    def __len__(self) -> int:
        if not self.shape:
            raise DataError(f"{self}: expected an array of events, found a single number")
        return self.shape[0]

    def read(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """The whole array, as ``dtype`` if given; takes its memory and some megabytes."""
        size = math.prod(self.shape)
        flat = np.empty(size, self.dtype if dtype is None else dtype)
        with self._numbers() as numbers:
            if flat.dtype == self.dtype:
                _fill(numbers, flat)
            else:
                piece = np.empty(max(1, _PIECE_BYTES // self.dtype.itemsize), self.dtype)
                for low in range(0, size, len(piece)):
                    part = piece[: size - low]
                    _fill(numbers, part)
                    flat[low : low + len(part)] = cast(part, flat.dtype, str(self))
        return flat.reshape(self.shape[::-1]).T if self.fortran_order else flat.reshape(self.shape)

    def chunks(self, n_events: int, dtype: DTypeLike | None = None) -> Iterator[NDArray[Any]]:
        """The array in pieces (at most ``n_events``, ...) along its first axis, each a new array.

        An array in Fortran order has no events one after the other, so it is read as a whole first.
        """
        if self.fortran_order:
            whole = self.read(dtype)
            for low in range(0, len(self), n_events):
                yield np.ascontiguousarray(whole[low : low + n_events])
            return
        with self._numbers() as numbers:
            for low in range(0, len(self), n_events):
                chunk = np.empty((min(n_events, len(self) - low), *self.shape[1:]), self.dtype)
                _fill(numbers, chunk.reshape(-1))
                yield cast(chunk, dtype, str(self))

    def expect(self, *shape: int | None) -> NpzArray:
        """Return self if the array has this ``shape`` (None: any length); DataError otherwise."""
        if len(shape) == len(self.shape) and all(n in (None, m) for n, m in zip(shape, self.shape, strict=True)):
            return self
        wanted = ", ".join("N" if n is None else str(n) for n in shape)
        message = f"{self}: expected shape ({wanted}), found {self.shape}"
        raise DataError(message)

    def __str__(self) -> str:
        return f"{self.key} in {self.path}"

    @contextlib.contextmanager
    def _numbers(self) -> Iterator[IO[bytes]]:
        """The archive's member, placed at its first number."""
        with (
            foreign(self.path, _NOUN),
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.key + ".npy") as member,
        ):
            _header(member)
            yield member


def open_npz(path: Path, *keys: str) -> dict[str, NpzArray]:
    """The arrays ``keys`` of an archive (none given: all); only their headers are read.

    Raises DataError for an archive that is damaged, truncated or holds Python objects, for a key that is
    missing, and for a header that promises more numbers than there can be.
    """
    with foreign(path, _NOUN), zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        members = {info.filename.removesuffix(".npy"): info for info in infos}
        for key in keys:
            if key not in members:
                message = f"no array {key!r} in {path}; it holds {one_line(', '.join(members), 200) or 'nothing'}"
                raise DataError(message)
        asked, size = {key: members[key] for key in keys or members}, path.stat().st_size
        packed = sum(info.compress_size for info in asked.values())
        if packed > size:
            raise DataError(f"{path} promises {packed:,} bytes of arrays, but has {size:,}")
        check_unpacked(path, sum(info.file_size for info in asked.values()))
        return {key: _described(path, key, archive, info) for key, info in asked.items()}


def read_npz(path: Path, *keys: str, dtypes: Mapping[str, DTypeLike] | None = None) -> dict[str, NDArray[Any]]:
    """Read the arrays ``keys`` of an archive (none given: all), those in ``dtypes`` as that dtype.

    Raises DataError as ``open_npz`` does, for a wrong checksum, and for numbers that do not fit their dtype.
    """
    dtypes = dtypes or {}
    return {key: array.read(dtypes.get(key)) for key, array in open_npz(path, *keys).items()}


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file; DataError as for archives. It is not mapped: what is mapped must not shrink."""
    with foreign(path, ".npy file of numbers"), path.open("rb") as file:
        return npy_array(file)


def npy_array(file: IO[bytes]) -> NDArray[Any]:
    """The array that comes next in an open file; ValueError or EOFError for what is none, or cut off."""
    shape, fortran_order, dtype = _header(file)
    n_bytes, left = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
    if n_bytes > left or dtype.hasobject:
        raise ValueError(f"its header promises {n_bytes:,} bytes of {dtype} {shape}, and {left:,} are there")
    flat = np.empty(math.prod(shape), dtype)
    _fill(file, flat)
    return flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)


def _described(path: Path, key: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NpzArray:
    """What the header of a member says, checked against the sizes so that nothing is allocated in vain."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{key} in {path} is packed in a way that NumPy never does: write it with numpy.savez")
    with archive.open(info) as member:
        shape, fortran_order, dtype = _header(member)
        n_header = member.tell()
    array = NpzArray(path, key, shape, dtype, fortran_order)
    if dtype.hasobject:
        message = f"{array}: holds Python objects, which are never unpickled; expected numbers"
        raise DataError(message)
    possible = info.compress_size * (1 if info.compress_type == zipfile.ZIP_STORED else _DEFLATE_RATIO)
    promised = math.prod(shape) * dtype.itemsize
    check_unpacked(path, max(shape, default=0))  # of events without any number
    if n_header + promised != info.file_size or info.file_size > possible:
        message = (
            f"{array}: its header promises {promised:,} bytes of {dtype} {shape}, which the file does not hold"
        )
        raise DataError(message)
    return array


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype; leaves ``member`` at its first number."""
    version = npy.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        message = f"its header has version {version}, which only arrays with named fields need"
        raise ValueError(message)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read(member)
    except Exception as error:  # of tokens, of syntax, of types: it is a Python literal
        raise ValueError(f"its header is damaged ({one_line(str(error))})") from error
    if any(n < 0 for n in shape) or dtype.subdtype or not dtype.itemsize:
        message = f"its header has the impossible shape {shape} or type {dtype}"
        raise ValueError(message)
    return shape, fortran_order, dtype


def _fill(numbers: IO[bytes], flat: NDArray[Any]) -> None:
    """Fill a contiguous one-dimensional array, a piece at a time."""
    view = flat.view(np.uint8).data
    done = 0
    while done < len(view):
        n_bytes = numbers.readinto(view[done : done + _PIECE_BYTES])  # type: ignore[attr-defined]
        if not n_bytes:
            message = f"ends {len(view) - done:,} bytes early"
            raise EOFError(message)
        done += n_bytes
