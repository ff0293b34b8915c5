from __future__ import annotations

from pathlib import Path

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
