"""What was once wrong with what sites and coordinators say: numbers, nesting, compression, rules that are none."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cryptography")

from pd4ml.collaborate.ledger import COORDINATOR, Ledger, Signer, entry_of
from pd4ml.collaborate.weights import from_bytes
from pd4ml.collaborate.wire.messages import Message, unpack
from pd4ml.errors import DataError


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf"), True, None, "1", [1]])
def test_numbers_that_are_none(value: object) -> None:
    with pytest.raises(DataError, match="has no number have"):
        Message({"have": value}).number("have")
    assert Message({"have": 3}).number("have") == 3


@pytest.mark.parametrize("head", ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a":' * 50_000, "9" * 5000])
def test_heads_that_are_none(head: str) -> None:
    with pytest.raises(DataError, match="this is no message"):
        unpack(head.encode() + b"\n")


@pytest.mark.parametrize("body", ['{"x":NaN}', '{"x":' * 900 + "1" + "}" * 900, "[]"])
def test_entries_that_are_none(body: str) -> None:
    line = '{"author":"a","body":' + body + ',"kind":"start","number":0,"previous":"","signature":"","time":""}'
    with pytest.raises(DataError, match="the entry"):
        entry_of(line.encode(), "the entry")


@pytest.mark.parametrize("strategy", ["vote", ["vote"], {"kind": "vote", "threshold": "x"}, {"kind": "none"}, 7])
def test_a_ledger_with_rules_that_are_none(tmp_path: Path, strategy: Any) -> None:
    signer, ledger = Signer(COORDINATOR), Ledger(tmp_path / "ledger.jsonl")
    start = {"authors": {COORDINATOR: signer.public}, "strategy": strategy, "facts": {}}
    with pytest.raises(ValueError) as caught:
        ledger.append(signer.entry(None, "start", start))
    assert "\n" not in str(caught.value)
    assert not ledger.file.exists()


def archive(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("x.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize("shape", ["(2**62,)", "(4611686018427387904,)", "(-1,)", "(" * 500])
def test_shapes_that_lie(shape: str) -> None:
    header = (
        json.dumps({"descr": "<f4"}).replace("}", f", 'fortran_order': False, 'shape': {shape}}}").encode() + b"\n"
    )
    content = archive(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    for like in (None, {"x": np.zeros(1000, np.float32)}):
        with pytest.raises(DataError, match="these are no weights"):
            from_bytes(content, like)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_nothing_is_unpacked(compression: int) -> None:
    with pytest.raises(DataError, match="these weights are compressed"):
        from_bytes(archive(bytes(1_000_000), compression))


def test_members_that_share_their_bytes() -> None:
    """A directory of many lines that all lead to the same numbers."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", bytes(100_000))
        (first,) = file.infolist()
        for number in range(100):
            other = copy.copy(first)
            other.filename = other.orig_filename = f"x{number}.npy"
            file.filelist.append(other)
    with pytest.raises(DataError, match="promise more than"):
        from_bytes(stream.getvalue())
