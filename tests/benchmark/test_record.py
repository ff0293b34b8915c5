from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.records import example_record
from pd4ml.benchmark.record import Record, find_records, now, read_record, versions
from pd4ml.errors import DataError
from pd4ml.evaluation import Measurement
from pd4ml.machine import machine


def test_survives_the_file(tmp_path: Path) -> None:
    record = example_record()
    record.write(tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == read_record(tmp_path) == record
    assert read_record(tmp_path).folder == tmp_path
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    assert "folder" not in json.loads((tmp_path / "record.json").read_text())


def test_what_this_process_runs_on_fits_the_schema() -> None:
    record = replace(example_record(), machine=machine(), versions=versions(), created=now())
    assert Record.from_dict(record.to_dict()) == record
    assert {"python", "numpy", "torch"} <= set(record.versions)


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("seed", -1, r"\$.seed"),
        ("format", 3, r"\$.format"),
        ("artifacts", {"../model.pt": "0" * 64}, r"\$.artifacts"),
        ("parents", ["mine"], r"\$.parents"),
        ("method", {}, r"\$.method"),
        ("metrics", {}, r"\$.metrics"),
        ("created", "yesterday", r"\$.created"),
        ("predictions", {"file": "../../etc/x.npz", "sha256": "0" * 64}, r"\$.predictions.file"),
        ("host", "mine", "host"),
        ("recipe", {"name": ["a"], "model": "fcn"}, r"\$.recipe.name"),
        ("recipe", {"name": "x" * 1000, "model": "fcn"}, r"\$.recipe.name"),
        ("model", {"name": "a", "parameters": 10**20}, r"\$.model.parameters"),
        ("metrics", {"auc": {"value": 1e300, "error": 0.1, "lower_limit": False}}, r"\$.metrics.auc.value"),
        ("metrics", {"auc": {"value": 0.5, "error": -1, "lower_limit": False}}, r"\$.metrics.auc.error"),
    ],
)
def test_what_does_not_follow_the_schema_is_refused(tmp_path: Path, field: str, value: Any, where: str) -> None:
    body = {**example_record().to_dict(), field: value}
    with pytest.raises(DataError, match=where):
        Record.from_dict(body)
    (tmp_path / "record.json").write_text(json.dumps(body))
    with pytest.raises(DataError, match=f"record .*record.json cannot be read: .*{where}") as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_records_of_format_1_are_read(tmp_path: Path) -> None:
    """They had no method, parents, samples and artifacts; written again they are of format 2."""
    body = example_record().to_dict()
    for key in ("method", "parents", "samples", "artifacts"):
        del body[key]
    (tmp_path / "record.json").write_text(json.dumps({**body, "format": 1}))
    record = read_record(tmp_path)
    assert record == example_record()
    assert (record.method, record.parents, record.samples, record.artifacts) == (
        {"kind": "supervised"},
        [],
        {},
        {},
    )
    record.write(tmp_path / "record.json")
    assert json.loads((tmp_path / "record.json").read_text())["format"] == 2
    kept = Path(__file__).parents[2] / "docs" / "results"
    assert all(read_record(file).metrics for file in kept.glob("*.json"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', "\x00"])
def test_damaged_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(DataError, match=r"record\.json cannot be read"):
        read_record(tmp_path)


def test_binary_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_record(tmp_path / "record.json")
    (tmp_path / "record.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="cannot be read"):
        read_record(tmp_path)


def test_values_that_are_not_numbers_are_not_written(tmp_path: Path) -> None:
    record = replace(example_record(), metrics={"auc": Measurement(float("nan"), 0.1)})
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.write(tmp_path / "record.json")
    assert not (tmp_path / "record.json").exists()


def test_find_records(tmp_path: Path) -> None:
    for name in ("b", "a", "unfinished"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        example_record().write(tmp_path / name / "record.json")
    assert [file.parent.name for file in find_records(tmp_path)] == ["a", "b"]
