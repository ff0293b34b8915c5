"""Small text files of others: what is wrong with one is one line, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pd4ml.storage.small import parse_json, read_json, read_text, read_toml


def test_what_is_whole_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"ä": [1, 2.5, "\\ud83d\\ude00"], "b": null}', encoding="utf-8")
    assert read_json(file) == {"ä": [1, 2.5, "😀"], "b": None}
    file.write_text("a = 1\n[b]\nc = 2.0\n")
    assert read_toml(file) == {"a": 1, "b": {"c": 2.0}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is no finite number"),
        ("[-Infinity]", "-Infinity is no finite number"),
        ("1e999", "1e999 is no finite number"),
        ("1" * 5000, "4300 digits"),
        ("1" * 400, "hundreds of digits"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ('"\\ud800"', "lone surrogates"),
        ("{", "Expecting"),
        ("", "Expecting"),
    ],
    ids=["deep", "nan", "infinity", "large", "digits", "hundreds", "rather deep", "surrogate", "torn", "empty"],
)
def test_json_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as found:
        parse_json(text)
    assert len(str(found.value)) < 300


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 100_000, "a = 1" + "0" * 5000, "a = = 1", "a = 1\na = 2", "a = nan", "a = -inf", "a = 1e999"],
)
def test_toml_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match=r".") as found:
        read_toml(tmp_path / "a.toml")
    assert len(str(found.value)) < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        read_text(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"directory|plain file"):
        read_text(tmp_path)


def test_no_more_is_read_than_was_said(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="more than the 1,000 bytes"):
        read_text(tmp_path / "hole", 1000)
    (tmp_path / "latin").write_bytes(b"\xe4")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_text(tmp_path / "latin")
