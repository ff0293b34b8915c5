"""Hostile files made by hand: what is tried, what makes the file in an empty folder, and what then reads it.

A reader that may do without the file (a journal, a note of what was verified) may return; all others must refuse.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hold.bounded import canary
from hold.files.texts import manifests, tables
from hold.files.valid import POINTS, READERS, Case, N, npz_bytes, read_columns
from pd4ml.storage.columns import open_columns

__all__ = ["CASES"]

_SPARE = ("what was verified", "journal", "plan", "half an array", "a piece", "where a download comes from",
          "what a download was")  # fmt: skip
_BIG = 300 << 20  # more than may be unpacked, and below what a child may take
_TARGETS = ("columns of NPZ", "own events in NPZ", "published NPZ", "predictions in NPZ")


def not_plain() -> Iterator[Case]:
    """Pipes, devices, folders, sockets and links to nothing in place of every file."""

    def in_place(make: Callable[[Path], object], reader: Any) -> Callable[[Path], None]:
        def put(file: Path) -> None:
            reader.make(file)
            file.unlink()
            make(file)

        return put

    kinds: dict[str, Callable[[Path], object]] = {
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
        "a device without end": lambda file: file.symlink_to("/dev/zero"),
        "a socket": _socket,
        "a link to itself": lambda file: file.symlink_to(file.name),
    }
    for name, reader in READERS.items():
        for kind, make in kinds.items():
            yield Case(f"{kind} in place of {reader.file}", name, in_place(make, reader), None, name in _SPARE)


def _socket(file: Path) -> None:
    here = os.getcwd()
    os.chdir(file.parent)  # an address is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(file.name)
    finally:
        os.chdir(here)


def header(text: str, version: tuple[int, int] = (1, 0), data: bytes = bytes(8 * N)) -> bytes:
    """An .npy file with this header."""
    body = text.encode() + b"\n"
    return (
        b"\x93NUMPY" + bytes(version) + len(body).to_bytes(2 if version == (1, 0) else 4, "little") + body + data
    )


def _described(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


HEADERS = {
    "an unhashable key": "{[]:1}",
    "no number": "{'descr': '<f8', 'fortran_order': False, 'shape': (None,)}",
    "a huge shape": _described("'<f8'", "(10**18,)").replace("10**18", str(10**18)),
    "a shape beyond 64 bits": _described("'<f8'", f"({2**63},)"),
    "a product beyond 64 bits": _described("'<f8'", f"({2**33}, {2**33})"),
    "a shape of 5,000 digits": _described("'<f8'", f"({'9' * 5000},)"),
    "a negative shape": _described("'<f8'", "(-60,)"),
    "a negative square": _described("'<f8'", "(-6, -10)"),
    "objects": _described("'|O'", "(60,)"),
    "a table with objects": _described("[('a', '<f8'), ('b', '|O')]", "(60,)"),
    "numbers of no size": _described("'|S0'", f"({10**15},)"),
    "events of no size": _described("'<f8'", f"({10**15}, 0)"),
    "a type of arrays": _described("('<f8', (60,))", "(1,)"),
    "no such type": _described("'<f13'", "(60,)"),
    "a call": _described("'<f8'", "(__import__('os').system('true'),)"),
    "deep nesting": "(" * 3000,
    "deep lists": _described("[" * 300 + "]" * 300, "(60,)"),
    "a string without end": "{'descr",
    "nothing": "",
    "a missing key": "{'descr': '<f8', 'shape': (60,)}",
    "nul": "{'descr': '\0', 'fortran_order': False, 'shape': (60,)}",
}


def evil_headers() -> Iterator[Case]:
    """Of .npy files alone, in archives, and in a dataset folder."""
    for what, text in HEADERS.items():
        content = header(text)
        yield Case(what, "predictions in NPY", lambda f, c=content: f.write_bytes(c))  # type: ignore[misc]
        for name in _TARGETS:
            yield Case(what, name, lambda f, c=content, n=name: f.write_bytes(_archive(n, c)))  # type: ignore[misc]
        yield Case(what, "numbers of a dataset", lambda f, c=content: _in_store(f, c))  # type: ignore[misc]
        yield Case(what, "a piece", lambda f, c=content: _in_half(f, c), None, True)  # type: ignore[misc]
    for version, length in (((9, 9), 10), ((2, 0), 2**32 - 1), ((3, 0), 2**31)):
        lie = b"\x93NUMPY" + bytes(version) + length.to_bytes(4, "little") + bytes(100)
        yield Case(f"a header of {length} bytes", "predictions in NPY", lambda f, c=lie: f.write_bytes(c))  # type: ignore[misc]
        yield Case(f"a header of {length} bytes", "numbers of a dataset", lambda f, c=lie: _in_store(f, c))  # type: ignore[misc]


def _archive(name: str, member: bytes, **options: Any) -> bytes:
    """An archive of which all arrays are this."""
    keys = {"published NPZ": ("X_train_0", "y_train"), "predictions in NPZ": ("score",)}.get(
        name, ("points", "label")
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for key in keys:
            archive.writestr(f"{key}.npy", member)
    return out.getvalue()


def _in_store(file: Path, content: bytes) -> None:
    READERS["numbers of a dataset"].make(file)
    file.write_bytes(content)


def _in_half(file: Path, content: bytes) -> None:
    READERS["a piece"].make(file)
    file.write_bytes(content)


def bombs() -> Iterator[Case]:
    """Small files that would fill the memory."""
    for name in _TARGETS:
        yield Case("an archive of zeros", name, lambda f, n=name: _zeros(f, n))  # type: ignore[misc]
    for name in ("columns of CSV", "predictions in CSV"):
        yield Case("a first line without end", name, lambda f: _hole(f, b"a,b,label"))
        yield Case("a second line without end", name, lambda f: _hole(f, b"score,label\n0.1"))
        yield Case("a cell without end", name, lambda f: f.write_bytes(b'score\n"' + b"0.1\n" * (20 << 20)))
        yield Case(
            "a row over many lines", name, lambda f: f.write_bytes(b'score\n"' + b'\n","' * (10 << 20) + b'"')
        )
    yield Case("a packed first line", "columns of packed CSV", lambda f: f.write_bytes(_packed_line()))
    yield Case("a dataset of nothing", "columns of HDF5", lambda f: _holes(f, shape=(10**12,)))
    yield Case("pieces that are larger", "columns of HDF5", lambda f: _holes(f, shape=(60,), chunks=(2 * 10**8,)))
    yield Case("rows of no size", "columns of HDF5", lambda f: _holes(f, shape=(10**15, 0)))
    yield Case("a table of nothing", "published HDF5", lambda f: _holes(f, table=True, shape=(10**12,)))
    yield Case("one score for all", "predictions in Parquet", _one_score)


def _zeros(file: Path, name: str) -> None:
    text = _described("'<f4'", f"({_BIG // 4},)")
    file.write_bytes(
        _archive(name, header(text, data=bytes(_BIG)), compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    )


def _hole(file: Path, start: bytes) -> None:
    file.write_bytes(start)
    os.truncate(file, 3 << 30)


def _packed_line() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        for _ in range(_BIG >> 20):
            stream.write(b"a" * (1 << 20))
    return out.getvalue()


def _holes(file: Path, *, table: bool = False, **options: Any) -> None:
    kind = np.dtype([("index", "i8"), ("values_block_0", "f4", (3,))]) if table else np.dtype("f8")
    extra = {"maxshape": (None,)} if "chunks" in options else {}
    with h5py.File(file, "w") as out:
        out.create_dataset("table/table" if table else "x", dtype=kind, **options, **extra)


def _one_score(file: Path) -> None:
    table = pa.table({"score": np.full(1 << 20, 0.5)})
    with pq.ParquetWriter(file, table.schema) as writer:
        for _ in range(_BIG // 8 >> 20):
            writer.write_table(table)


def pickles() -> Iterator[Case]:
    """Wherever one could be loaded."""
    raw = canary()
    objects = header(_described("'|O'", "()"), data=raw)
    for name in (*_TARGETS, "predictions in NPY", "columns of HDF5", "columns of Parquet", "card of own data"):
        yield Case("a pickle by this name", name, lambda f: f.write_bytes(raw))
    for name in _TARGETS:
        yield Case("objects in an archive", name, lambda f, n=name: f.write_bytes(_archive(n, objects)))  # type: ignore[misc]
    yield Case("objects", "predictions in NPY", lambda f: f.write_bytes(objects))
    yield Case("objects", "numbers of a dataset", lambda f: _in_store(f, objects))
    yield Case("objects", "a piece", lambda f: _in_half(f, objects), None, True)
    for what, content in (
        ("a call", raw),
        ("no list", pickle.dumps({"a": 1}, 0)),
        ("nothing", b"."),
        ("a cut", b"(lp0"),
    ):
        yield Case(f"{what} for names of columns", "published HDF5", lambda f, c=content: _kinds(f, np.bytes_(c)))  # type: ignore[misc]
    yield Case("a text for names of columns", "published HDF5", lambda f: _kinds(f, "of any length"))


def _kinds(file: Path, kind: Any) -> None:
    READERS["published HDF5"].make(file)
    with h5py.File(file, "a") as out:
        out["table/table"].attrs["values_block_0_kind"] = kind


def elsewhere() -> Iterator[Case]:
    """HDF5 that says that its numbers lie in another file, and groups that hold themselves."""
    for what, link in _LINKS.items():
        yield Case(what, "published HDF5", lambda f, link=link: _linked(f, link, "table"))  # type: ignore[misc]
        yield Case(what, "columns of HDF5", lambda f, link=link: _linked(f, link, "group"),  # type: ignore[misc]
                   _none_from_elsewhere, True)  # fmt: skip


def _external(out: h5py.File, name: str, secret: Path) -> None:
    out[name] = h5py.ExternalLink(str(secret), "/")


def _soft(out: h5py.File, name: str, secret: Path) -> None:
    out["away"] = h5py.ExternalLink(str(secret), "/")
    out[name] = h5py.SoftLink("/away")


def _stored(out: h5py.File, name: str, secret: Path) -> None:
    kind = np.dtype([("index", "i8"), ("values_block_0", "f4", (3,)), ("values_block_1", "u1", (1,))])
    out.create_dataset(f"{name}/table", (N,), kind, external=[(str(secret), 0, N * kind.itemsize)])


def _virtual(out: h5py.File, name: str, secret: Path) -> None:
    with h5py.File(secret) as other:
        table = other["table/table"]
        layout = h5py.VirtualLayout(table.shape, table.dtype)
        layout[:] = h5py.VirtualSource(table)
    out.create_virtual_dataset(f"{name}/table", layout)


def _round(out: h5py.File, name: str, secret: Path) -> None:
    for each in "abcdefgh":
        out.create_group(f"{name}/{each}")
    for each in "abcdefgh":
        for other in "abcdefgh":
            out[f"{name}/{each}/{other}"] = out[f"{name}/{other}"]


_LINKS = {
    "a link": _external,
    "a link to a link": _soft,
    "stored outside": _stored,
    "virtual": _virtual,
    "circles": _round,
}


def _linked(file: Path, link: Callable[[h5py.File, str, Path], None], name: str) -> None:
    secret = file.with_name("secret.h5")
    READERS["published HDF5"].make(secret)
    with h5py.File(file, "w") as out:
        out["mine"] = POINTS
        link(out, name, secret)


def _none_from_elsewhere(file: Path) -> str:
    found = open_columns(file).columns
    if set(found) != {"mine"}:
        raise AssertionError(f"read {found}")
    return read_columns(file)


def archives() -> Iterator[Case]:
    """What NumPy never writes."""
    good = npz_bytes(points=POINTS, label=np.zeros(N, np.uint8))
    plain = header(_described("'<f8'", f"({N},)"))
    for name in _TARGETS:
        packed = bytearray(_archive(name, plain, compression=zipfile.ZIP_LZMA))
        packed[60:70] = b"0123456789"
        for what, content in {
            "a damaged LZMA member": bytes(packed),
            "a BZ2 member": _archive(name, plain, compression=zipfile.ZIP_BZIP2),
            "no .npy": _archive(name, b"hello"),
            "encrypted members": good.replace(
                b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
            ),
            "no directory": good[:-30],
            "an empty archive": b"PK\x05\x06" + bytes(18),
        }.items():
            if content != good:
                yield Case(what, name, lambda f, c=content: f.write_bytes(c))  # type: ignore[misc]


def shrinking() -> Iterator[Case]:
    """Files that are cut while they are read."""
    for name in READERS:
        if name.startswith("columns of"):
            whole = "NPZ" in name  # so small, it is in a buffer already, and its check sum was looked at
            yield Case("cut while it is read", name, READERS[name].make, _cut_between, whole)


def _cut_between(file: Path) -> str:
    found = open_columns(file)
    pieces = found.chunks(list(found.columns), 25)
    next(pieces)
    os.truncate(file, file.stat().st_size // 3)
    return str(sum(1 for _ in pieces))


CASES: dict[str, list[Case]] = {
    "files that are not plain": list(not_plain()),
    "headers of arrays": list(evil_headers()),
    "more than memory": list(bombs()),
    "pickles": list(pickles()),
    "HDF5 that leads elsewhere": list(elsewhere()),
    "archives": list(archives()),
    "manifests": list(manifests()),
    "tables and cards": list(tables()),
    "files that shrink": list(shrinking()),
}
