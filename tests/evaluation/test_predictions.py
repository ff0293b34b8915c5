from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pd4ml.card import Task
from pd4ml.errors import DataError
from pd4ml.evaluation import Predictions


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_survive_the_file(tmp_path: Path, task: Task) -> None:
    predictions = Predictions(task, np.array([3, 1]), np.array([-800.0, 2.5], np.float32))
    predictions.write(tmp_path / "p.npz")
    found = Predictions.read(tmp_path / "p.npz", task)
    np.testing.assert_array_equal(found.event_id, predictions.event_id)
    np.testing.assert_array_equal(found.output, predictions.output)
    assert [file.name for file in tmp_path.iterdir()] == ["p.npz"]
    with np.load(tmp_path / "p.npz", allow_pickle=False) as arrays:
        names = {"classification": {"event_id", "logit", "score"}, "regression": {"event_id", "value"}}
        assert set(arrays) == names[task]


def test_score() -> None:
    predictions = Predictions("classification", np.arange(3), np.array([-1e4, 0, 1e4], np.float32))
    assert predictions.score.tolist() == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_damaged_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "p.npz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"p\.npz cannot be read"):
        Predictions.read(file, "classification")


def test_other_task(tmp_path: Path) -> None:
    Predictions("regression", np.arange(2), np.ones(2, np.float32)).write(tmp_path / "p.npz")
    with pytest.raises(DataError, match="cannot be read"):
        Predictions.read(tmp_path / "p.npz", "classification")


def with_spreads(**changes: Any) -> Predictions:
    fields: dict[str, Any] = {"spread": [2, 3], "lower": [-1, 0], "upper": [4, 6], **changes}
    known: dict[str, Any] = {name: v if v is None else np.array(v, np.float32) for name, v in fields.items()}
    return Predictions("regression", np.array([3, 1]), np.array([1, 2], np.float32), **known)


def test_spreads_survive_the_file(tmp_path: Path) -> None:
    for predictions in (with_spreads(), with_spreads(spread=None), with_spreads(lower=None, upper=None)):
        predictions.write(tmp_path / "p.npz")
        found = Predictions.read(tmp_path / "p.npz", "regression").spreads
        assert list(found) == list(predictions.spreads)
        for name, values in predictions.spreads.items():
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == np.float32
    with_spreads().write(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[:2] == [
        "event_id,value,spread,lower,upper",
        "3,1,2,-1,4",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spread": [1, 0]}, "spread must be above 0, found 0"),
        ({"spread": [1, np.nan]}, "spread must be finite numbers"),
        ({"spread": [1, 2, 3]}, r"spread must be finite numbers \(2,\), found \(3,\)"),
        ({"upper": None}, "lower and upper belong together"),
        ({"lower": [-1, 7]}, "lower must not be above upper, found 7.0 and 6.0 in place 1"),
    ],
)
def test_spreads_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_spreads(**changes)


def test_only_one_value_has_a_spread() -> None:
    for task, output in (("classification", np.zeros(2)), ("regression", np.zeros((2, 2)))):
        with pytest.raises(DataError, match="spread is for regressions of one value"):
            Predictions(task, np.arange(2), output.astype(np.float32), spread=np.ones(2, np.float32))  # type: ignore[arg-type]
